"""The portal as a WSGI application, and as granian serves it (`bascule.portal.pages`); ``BASCULE_CONFIG`` names the installation."""

import gc
import os
from pathlib import Path

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from bascule.portal.pages import Pages
from bascule.portal.start import start

start(Path(os.environ["BASCULE_CONFIG"]))
application = get_wsgi_application()
get_resolver().url_patterns  # noqa: B018 - all rooms are loaded now, rather than while somebody waits for the first page


def _pages() -> Pages:
    from django.conf import settings

    from bascule.portal.shell.doors import peer_in

    return Pages(application, settings.BASCULE.threads, peer_in)


pages = _pages()

# What was loaded lives as long as the process: the collector need not look through it again for every few pages (a fifth of their time).
gc.collect()
gc.freeze()
gc.set_threshold(50_000, 20, 100)
