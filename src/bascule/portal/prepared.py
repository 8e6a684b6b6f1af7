"""Queries that nearly every page asks, compiled once.

Django makes the SQL of a QuerySet anew each time it is asked: for a join of three tables five times what the database then takes, and on a page a third of all its
time. Here that is done at the first call, by Django's own compiler (`django.db.models.sql.compiler`, not a public interface: its version is bounded in pyproject.toml),
for each kind of database, and its rows become objects as QuerySets make them.
"""

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators

M = TypeVar("M", bound=Model)


class Prepared(Generic[M]):
    """``build``: the QuerySet, of its values; ``samples``: one for each, of its type and like no other value in the query. For any thread."""

    def __init__(self, build: Callable[..., QuerySet[M]], *samples: object) -> None:
        self._build = build
        self._samples = samples
        self._compiled: _Compiled | None = None

    def __call__(self, *values: object) -> list[M]:
        """The objects that the QuerySet of these values would give. Raises django.db.Error."""
        compiled = self._compiled
        if compiled is None:  # two threads may do it at once: they make the same
            compiled = self._compiled = _Compiled(self._build(*self._samples), self._samples)
        return compiled.ask(values)


class _Compiled:
    def __init__(self, query: QuerySet[Any], samples: Sequence[object]) -> None:
        compiler = query.query.get_compiler(using=DEFAULT_DB_ALIAS)
        self._sql, parameters = compiler.as_sql()
        self._parameters = list(parameters)
        self._places = [self._parameters.index(sample) for sample in samples]
        if len(set(self._places)) < len(samples):
            raise ValueError(f"samples of {self._sql} are not told apart")
        select, info = compiler.select, compiler.klass_info
        self._converters = list(compiler.get_converters([column for column, _, _ in select]).items())
        self._model = info["model"]
        self._own = slice(info["select_fields"][0], info["select_fields"][-1] + 1)
        self._names = [column.target.attname for column, _, _ in select[self._own]]
        self._related = get_related_populators(info, select, DEFAULT_DB_ALIAS)

    def ask(self, values: Sequence[object]) -> list[Any]:
        connection = connections[DEFAULT_DB_ALIAS]
        parameters = self._parameters.copy()
        for place, value in zip(self._places, values, strict=True):
            parameters[place] = value
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            rows = cursor.fetchall()
        found = []
        for told in rows:
            row = list(told)
            for place, (converters, column) in self._converters:
                for convert in converters:
                    row[place] = convert(row[place], column, connection)
            made = self._model.from_db(DEFAULT_DB_ALIAS, self._names, row[self._own])
            for related in self._related:
                related.populate(row, made)
            found.append(made)
        return found
