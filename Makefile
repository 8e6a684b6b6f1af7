# `make` prints this help. Every target does its own set-up; nothing needs to be installed by hand but make, git and Python.
SHELL := /bin/bash
export UV_PYTHON_DOWNLOADS := never
# The certificates that this machine trusts: an institution often has an authority of its own.
export UV_SYSTEM_CERTS := true
export UV_NATIVE_TLS := true
# Where this is set each start of `bascule` compiles 200 files again, and the tests start it some thousand times.
unexport PYTHONDONTWRITEBYTECODE
UV := $(shell command -v uv || echo .tools/bin/uv)
RUN := .venv/bin
READY := .venv/.ready
# Of the tests at once: two more than processors, since many wait for a server most of the time.
WORKERS ?= $(shell echo $$(($$(nproc) + 2)))
PORT_BASE ?= 8000
PEERS ?= /tmp/bascule-peers

help: ## Print this help
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.tools/bin/uv:
	python3 -m venv .tools
	.tools/bin/python -m pip install --quiet --disable-pip-version-check uv

$(READY): requirements.lock pyproject.toml | $(filter .tools/%,$(UV))
	@echo "Setting up .venv; it takes a minute the first time."
	test -x .venv/bin/python || $(UV) venv --quiet .venv
	$(UV) pip sync --quiet --compile-bytecode --require-hashes requirements.lock
	$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@# Python 3.11 reads this in the locale's encoding: a whole path with an accent would be none where LC_ALL is C.
	@printf '../../../../src\n' >.venv/lib/python3*/site-packages/_editable_impl_bascule.pth
	touch $(READY)

setup: $(READY) ## Make .venv from the lock file

demo: $(READY) ## See it work: thirteen mailboxes move, and both platforms stay up (PORT_BASE=9000: on other ports)
	$(RUN)/bascule demo --port-base $(PORT_BASE)

test: $(READY) ## Run all tests; the long trials as a seeded sample
	tests/in-memory $(RUN)/pytest -n $(WORKERS) --dist loadgroup

test-setup: ## Install what some tests need (Debian; asks for root)
	tests/setup-parts

lint: $(READY) ## Format, lint, types, import rules
	$(RUN)/ruff format --check src tests bench
	$(RUN)/ruff check src tests bench
	$(RUN)/mypy
	$(RUN)/lint-imports

check: lint ## The same, docs, and fast tests
	$(RUN)/pytest -n $(WORKERS) --dist loadgroup src tests/docs

format: $(READY) ## Bring the code into its form
	$(RUN)/ruff format src tests bench
	$(RUN)/ruff check --fix src tests bench

soak: $(READY) ## Run the long trials in full, and note the outcome in docs/soak.md
	tests/run-soak

bench: $(READY) ## Measure against peers (see docs/benchmarks.md)
	$(RUN)/python bench/run.py
	$(RUN)/python bench/imap_server.py
	$(RUN)/python bench/imap_scale.py
	$(RUN)/python bench/text_search.py
	$(RUN)/python bench/smtp_server.py
	$(RUN)/python bench/portal.py
	$(RUN)/python bench/others.py
	$(RUN)/python bench/built_in_target.py
	$(RUN)/python bench/sessions.py

bench-peers: $(READY) ## Run every quirk and history with every peer (one to two hours; see docs/benchmarks.md)
	mkdir -p $(PEERS)
	$(RUN)/python bench/peers_on_quirks.py --results $(PEERS)/quirks.json --minutes 240
	$(RUN)/python bench/peers_on_quirks.py --results $(PEERS)/quirks.json --minutes 60 --again hangs --seconds 120
	$(RUN)/python bench/peers_on_histories.py --results $(PEERS)/histories.json --minutes 60
	$(RUN)/python bench/peers_tables.py --quirks $(PEERS)/quirks.json --histories $(PEERS)/histories.json

messages: $(READY) ## Bring the French catalogue up to date with what the portal says (needs gettext)
	tests/make-messages

lock: | $(filter .tools/%,$(UV)) ## Renew the lock file
	$(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
		--extra postgresql --extra pst --group dev pyproject.toml -o requirements.lock

.PHONY: help setup demo test test-setup lint check format soak bench bench-peers messages lock
.DEFAULT_GOAL := help
