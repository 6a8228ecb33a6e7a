"""What hides a record from a search is found on a server of PostgreSQL, too."""

from __future__ import annotations

import pytest

pytest.importorskip("psycopg", reason="PostgreSQL: psycopg is not installed")

from postgres_server import Postgres

from axonflow_core.audit.databases.urls import database_of

from .making import append_all, found_by, opened, verified


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT 1", None),
        ("UPDATE records SET series = series + 1 WHERE seq = 300", "the column series differs"),
        ("DELETE FROM terms WHERE term = 'receipt req-298'", "a search by its receipt does not"),
        (
            "INSERT INTO terms SELECT 'user u_9', series, at_us, row FROM records WHERE seq = 300",
            "a search by a user finds it that is not its own",
        ),
    ],
)
async def test_what_hides_a_record_from_a_search_is_found(
    postgres: Postgres, url: str, statement: str, said: str | None
) -> None:
    async with opened(database_of(url)) as store:
        await append_all(store, [found_by(number) for number in range(1_000)])
    postgres.run(statement.replace(", row FROM", ', "row" FROM'), url=url)
    faults = verified(database_of(url)).faults
    if said is None:
        assert faults == ()
    else:
        (fault,) = faults
        assert said in fault.what
