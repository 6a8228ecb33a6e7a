"""Members of a record's body, as SQL of each database reads them.

On PostgreSQL a body is read as `json`, not as `jsonb`: that refuses a text with `\\u0000` in any
member of it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Float, String, cast, literal_column
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from axonflow_core.audit.schema import RECORDS


def number(path: str) -> ColumnElement[float]:
    """The number at a path of a record's facts, `tokens.input`; NULL where there is none."""
    return cast(text(path), Float)


def text(path: str) -> ColumnElement[str]:
    """What stands at a path of a record's facts, as text; NULL where nothing does."""
    steps = ["facts", *path.split(".")]
    return _Member(
        RECORDS.c.body,
        literal_column(f"'$.{'.'.join(steps)}'"),
        literal_column(f"'{{{','.join(steps)}}}'"),
    )


class _Member(FunctionElement[str]):
    """Body, path in SQLite's form, path in PostgreSQL's."""

    type = String()
    inherit_cache = True


def _clauses(element: FunctionElement[Any], compiler: SQLCompiler, options: Any) -> list[str]:
    return [compiler.process(clause, **options) for clause in element.clauses]


@compiles(_Member, "sqlite")
def _member_of_sqlite(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    body, path, _ = _clauses(element, compiler, options)
    return f"json_extract(CAST({body} AS TEXT), {path})"


@compiles(_Member, "postgresql")
def _member_of_postgres(element: _Member, compiler: SQLCompiler, **options: Any) -> str:
    body, _, path = _clauses(element, compiler, options)
    return f"(convert_from({body}, 'UTF8')::json #>> {path})"
