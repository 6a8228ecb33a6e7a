"""SQL that is parsed: what is wrong with a statement, whatever it looks like.

    text ──► a dialect that parses it ──► statements ──► injections, dangers, with their spans
                 none: the patterns of prompts

A text of statements is usual SQL, with quotes, conditions and unions, so that patterns find too
much in it. Its tree says what they cannot: that a condition is always true, that a query is
followed by a statement that changes something, that nothing restricts a `delete`.

sqlglot parses. It is imported when a policy is built, which takes 0.3 s, and reads some 100
characters in a millisecond: longer texts than `MAX_PARSED`, and the parts of long ones that have
other forms, are searched with patterns. It is told nothing of the database, so that a text is read
in the first dialect that takes it, and a long one in few (`_MAX_READ`); what only MySQL runs of a
comment (`/*!…*/`) is searched with patterns, too.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from weakref import WeakKeyDictionary

from axonflow_core.errors import ConfigError
from axonflow_core.policy.searches import MAX_SPANS, Find, Spans
from axonflow_core.policy.views import View

if TYPE_CHECKING:
    from sqlglot import Token, exp

MAX_PARSED = 16_384
"""The longest text that is parsed, in bytes: 0.2 s. The queries of TPC-DS have up to 14,400."""
VERBS = (
    r"\b(?:select|with|insert|update|delete|merge|replace|create|alter|drop|truncate|grant|revoke"
    r"|exec|execute|call|copy|begin|commit|set|use|declare|explain|show|pragma|vacuum|attach)\b"
)
"""What every statement that is looked for begins with, in any case."""
_VERB = re.compile(VERBS.encode(), re.IGNORECASE)
_MAX_READ = 2 * MAX_PARSED
"""Bytes that are parsed in all dialects together: 0.4 s."""
_DIALECTS = ("", "postgres", "mysql", "tsql", "oracle", "sqlite", "bigquery", "snowflake")
"""In the order in which they are tried; the first is sqlglot's own, which takes most of all."""
_HOSTILE_FUNCTIONS = frozenset(
    (
        *("sleep", "pg_sleep", "pg_sleep_for", "pg_sleep_until", "benchmark", "randomblob"),
        *("load_file", "extractvalue", "updatexml", "sys_eval", "sys_exec", "xp_cmdshell"),
        *("xp_dirtree", "xp_regread", "pg_read_file", "pg_ls_dir", "lo_import", "lo_export"),
        *("load_extension", "dblink", "get_host_address", "receive_message", "query_to_xml"),
    )
)
"""Functions that wait, run commands, or read and write files. Sources: the manuals of MySQL 8.4
(§14), PostgreSQL 17 (§9.28), SQL Server 2022 (extended procedures), Oracle 23ai (PL/SQL packages)
and SQLite (core functions)."""
_CATALOGS = frozenset(("information_schema", "mysql", "pg_catalog", "sys", "syscat", "sysibm"))
_CATALOG_TABLES = re.compile(
    r"pg_(?:shadow|authid|user|tables|class|database)|sqlite_(?:master|schema)|sysobjects"
    r"|syscolumns"
    r"|sysusers|all_(?:tables|users|tab_columns)|dba_\w+|user_tables|v[$]\w+|x[$]\w+",
    re.IGNORECASE,
)
_FACTS = frozenset(("user", "system_user", "version", "database", "schema", "user_name", "db_name"))
_SECRET = re.compile(r"pass(?:w(?:or)?d)?|pwd|passwd|password\w*|secret|api_?key", re.IGNORECASE)
_KEPT = frozenset(("INDEX", "VIEW", "SEQUENCE", "TRIGGER", "CONSTRAINT", "COLUMN"))
"""What is dropped without loss of data or rights."""
_COMMANDS = re.compile(
    r"(?:grant|revoke|shutdown|kill)\b|(?:create|alter|drop)\s+(?:user|login|role|server)\b"
    r"|exec(?:ute)?\s+(?:master\b|xp_|sp_(?:oacreate|executesql|configure))|copy\b.*\bprogram\b"
    r"|alter\s+system\b",
    re.IGNORECASE | re.DOTALL,
)
_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
"""Those that tokens keep: what follows `exec` is one token."""
_HIDES = re.compile(r"\s*['\")]")
"""A comment that begins where a string or a bracket of the query would have ended."""


class Statement(NamedTuple):
    """One statement of a text."""

    tree: exp.Expr
    start: int
    """Where it stands, in characters."""
    end: int
    tokens: Sequence[Token]

    @property
    def words(self) -> str:
        """What it says, without comments and quotes."""
        return _COMMENT.sub(" ", " ".join(token.text for token in self.tokens))


_READ: WeakKeyDictionary[View, Sequence[Statement] | None] = WeakKeyDictionary()
"""The statements of the views that are being searched."""
Wrong: TypeAlias = Callable[[Sequence[Statement], int], bool]
"""(the statements of a text, the number of one) -> whether that is wrong."""


def finder_of(is_wrong: Wrong, patterns: Find) -> Find:
    """The function that finds the statements that are wrong; `patterns` searches a text that is
    not parsed, and one with parts that only one database runs."""

    def find(view: View) -> Spans:
        statements = _statements_of(view)
        if statements is None:
            return patterns(view)
        text = view.data.decode("utf-8", "surrogatepass")
        spans = [
            (_bytes(text, each.start), _bytes(text, each.end))
            for number, each in enumerate(statements)
            if is_wrong(statements, number)
        ]
        return [*spans, *patterns(view)][:MAX_SPANS] if b"/*!" in view.data else spans

    return find


def _statements_of(view: View) -> Sequence[Statement] | None:
    """The statements of a view, parsed once for all who search it; None where it has none, is too
    long, or is of a part of a text, in which statements are cut off."""
    if view.is_part or len(view.data) > MAX_PARSED or _VERB.search(view.data) is None:
        return None
    if view not in _READ:
        _READ[view] = parsed(view.data.decode("utf-8", "surrogatepass"))
    return _READ[view]


def _bytes(text: str, characters: int) -> int:
    return len(text[:characters].encode("utf-8", "surrogatepass"))


def load() -> None:
    """Import the parser. Raises `ConfigError` where sqlglot is not installed."""
    try:
        import sqlglot  # noqa: F401
    except ImportError:
        message = "policies need the package sqlglot, which is not installed"
        raise ConfigError(message, hint='pip install "axonflow-core[server]"') from None


def parsed(text: str) -> Sequence[Statement] | None:
    """The statements of a text; None where no dialect takes it for statements."""
    import sqlglot
    from sqlglot import exp

    logging.getLogger("sqlglot").disabled = True  # it would quote the text
    statement = (exp.Query, exp.DML, exp.DDL, exp.Command, exp.Drop, exp.Alter, exp.TruncateTable)
    others = (exp.Transaction, exp.Commit, exp.Rollback, exp.Set, exp.Use, exp.Describe)
    rights = (exp.Grant, exp.Revoke, exp.Execute, exp.Pragma, exp.Show, exp.Kill, exp.Analyze)
    for dialect in _DIALECTS[: _MAX_READ // max(1, len(text))]:
        try:
            trees = sqlglot.parse(text, read=dialect)
            tokens = sqlglot.tokenize(text, read=dialect)
        except (sqlglot.errors.SqlglotError, RecursionError, ValueError, AttributeError):
            continue
        known = (*statement, *others, *rights)
        if all(tree is None or isinstance(tree, known) for tree in trees):
            return list(_placed(trees, tokens, len(text)))
    return None


def _placed(
    trees: Sequence[exp.Expr | None], tokens: Sequence[Token], length: int
) -> Iterator[Statement]:
    """The statements, each with what stands between the semicolons around it."""
    from sqlglot import TokenType

    between = [n for n, each in enumerate(tokens) if each.token_type is TokenType.SEMICOLON]
    for tree, (before, behind) in zip(trees, pairwise([-1, *between, len(tokens)]), strict=False):
        if tree is not None:
            start = tokens[before].start + 1 if before >= 0 else 0
            end = tokens[behind].start if behind < len(tokens) else length
            yield Statement(tree, start, end, tokens[before + 1 : behind])


# ── injections ────────────────────────────────────────────────────────────────────────────────────


def is_injection(statements: Sequence[Statement], number: int) -> bool:
    """Whether a statement does what nobody who wrote the query meant."""
    tree = statements[number].tree
    return (
        _follows_query(statements, number)
        or _has_tautology(tree)
        or _joins_foreign(tree)
        or _calls_hostile(tree)
        or any(_HIDES.match(comment) for node in tree.walk() for comment in node.comments or ())
    )


def _follows_query(statements: Sequence[Statement], number: int) -> bool:
    """A statement that changes something, behind a query."""
    from sqlglot import exp

    changing = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Drop, exp.Alter, exp.Create)
    more = (exp.TruncateTable, exp.Grant, exp.Revoke, exp.Execute)
    is_behind = number > 0 and isinstance(statements[0].tree, exp.Query)
    return is_behind and isinstance(statements[number].tree, (*changing, *more))


def _has_tautology(tree: exp.Expr) -> bool:
    """A condition with an alternative that says nothing of a row: `a = 2 or 1 = 1`."""
    from sqlglot import exp

    return any(
        says_nothing(alternative)
        for node in tree.find_all(exp.Or)
        if not isinstance(node.parent, exp.Or)
        for alternative in node.flatten()
    )


def says_nothing(condition: exp.Expr) -> bool:
    """Whether a condition is one of constants, or compares something with itself."""
    from sqlglot import exp

    condition = condition.unnest()
    if isinstance(condition, exp.Not):
        return says_nothing(condition.this)
    if isinstance(condition, exp.And | exp.Or):
        return all(map(says_nothing, condition.flatten()))
    if isinstance(condition, exp.Predicate) and isinstance(condition, exp.Binary):
        sides = condition.left.unnest(), condition.right.unnest()
        return sides[0] == sides[1] or all(isinstance(side, exp.Literal) for side in sides)
    return isinstance(condition, exp.Literal | exp.Boolean | exp.Null)


def _joins_foreign(tree: exp.Expr) -> bool:
    """A second query for tables of the system, for secrets, or for nothing but places."""
    from sqlglot import exp

    return any(
        _is_foreign(union.right.unnest(), union.left.unnest())
        for union in tree.find_all(exp.SetOperation)
    )


def _is_foreign(query: exp.Expr, first: exp.Expr) -> bool:
    from sqlglot import exp

    tables = list(query.find_all(exp.Table))
    if any(_is_catalog(table) for table in tables):
        return True
    secrets = [_SECRET.fullmatch(column.name) for column in query.find_all(exp.Column)]
    if any(secrets) and not any(
        _SECRET.fullmatch(each.name) for each in first.find_all(exp.Column)
    ):
        return True
    if not isinstance(query, exp.Select) or tables or first.find(exp.Table) is None:
        return False
    return _are_places(query.expressions) or any(map(_is_probe, query.expressions))


def _are_places(values: Sequence[exp.Expr]) -> bool:
    """Whether values are there to be as many as another query's: `null`, `1, 2, 3`."""
    from sqlglot import exp

    if all(isinstance(each, exp.Null) for each in values):
        return True
    are_numbers = all(isinstance(each, exp.Null | exp.Literal) for each in values) and not any(
        isinstance(each, exp.Literal) and each.is_string for each in values
    )
    return are_numbers and len(values) > 1


def _is_probe(value: exp.Expr) -> bool:
    """A text that is put together of constants, as a mark that is looked for in the answer, or a
    fact about the database."""
    from sqlglot import exp

    facts = (exp.SessionParameter, exp.CurrentUser, exp.CurrentDatabase, exp.CurrentVersion)
    made = (exp.DPipe, exp.Concat, exp.Chr, exp.Add)
    is_fact = isinstance(value, exp.Anonymous) and value.name.lower() in _FACTS
    is_mark = isinstance(value, made) and value.find(exp.Column) is None
    return is_fact or is_mark or isinstance(value, facts)


def _is_catalog(table: exp.Table) -> bool:
    parts = {part.lower() for part in (table.db, table.catalog) if part}
    return not parts.isdisjoint(_CATALOGS) or _CATALOG_TABLES.fullmatch(table.name) is not None


def _calls_hostile(tree: exp.Expr) -> bool:
    from sqlglot import exp

    names = (
        node.name if isinstance(node, exp.Anonymous) else node.sql_name()
        for node in tree.find_all(exp.Func)
    )
    return any(name.lower() in _HOSTILE_FUNCTIONS for name in names)


# ── dangers ───────────────────────────────────────────────────────────────────────────────────────


def is_danger(statements: Sequence[Statement], number: int) -> bool:
    """Whether a statement destroys what cannot be restored, or changes who may do what."""
    from sqlglot import exp

    tree = statements[number].tree
    if isinstance(tree, exp.Drop):
        return str(tree.args.get("kind") or "").upper() not in _KEPT
    if isinstance(tree, exp.Delete | exp.Update):
        where = tree.args.get("where")
        return where is None or says_nothing(where.this)
    if isinstance(tree, exp.Alter):
        return any(isinstance(action, exp.Drop) for action in tree.args.get("actions") or ())
    if isinstance(tree, exp.Command | exp.Copy | exp.Execute | exp.Create):
        return _COMMANDS.match(statements[number].words) is not None
    return isinstance(tree, exp.TruncateTable | exp.Grant | exp.Revoke)
