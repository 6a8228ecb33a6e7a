"""`axonflow audit`: the records of a server, verified, followed and searched; the commands that
change something are in modules of their own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_copy import copy
from axonflow_core.cli.audit_erase import erase
from axonflow_core.cli.audit_export import export
from axonflow_core.cli.audit_hold import hold
from axonflow_core.cli.audit_keys import keys
from axonflow_core.cli.audit_options import (
    anchors_of,
    is_pseudonym,
    opened,
    pseudonyms_of,
    server_keys,
    time_option,
    url_option,
)
from axonflow_core.cli.audit_replay import replay
from axonflow_core.cli.audit_report import report
from axonflow_core.cli.audit_retain import retain
from axonflow_core.cli.groups import Group
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.search import Page, Recorded
    from axonflow_core.audit.verify import Verification
    from axonflow_core.messages import Json

_POLL_S = 0.5

limit_option = click.option(
    "-n", "--limit", type=click.IntRange(1, 1_000), default=20, help="How many records. Default: 20"
)


@click.group(cls=Group, short_help="Verify, follow and search the records of a server.")
def audit() -> None:
    """The records of a server, which may go on meanwhile."""


for command in (keys, export, erase, hold, retain, replay, report, copy):
    audit.add_command(command)


# ── verify ────────────────────────────────────────────────────────────────────────────────────────


@audit.command("verify", short_help="Check that every record is as it was written.")
@click.argument(
    "folder",
    metavar="[DIR]",
    required=False,
    type=click.Path(path_type=Path, file_okay=False, exists=True),
)
@config_option
@url_option
@click.option(
    "--public-key",
    "given",
    metavar="KEY",
    multiple=True,
    help="A public key that the records may be signed with, as `axonflow keys init` printed it. "
    "Default: those of the server's own keys.",
)
@click.option(
    "--anchor",
    "anchors",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A file of heads that were kept elsewhere. Default: those of the configuration.",
)
@json_option
def verify(
    *,
    folder: Path | None,
    path: Path | None,
    url: str | None,
    given: tuple[str, ...],
    anchors: tuple[Path, ...],
    is_json: bool,
) -> int:
    """Check that every record is as it was written, in its place, and that none is missing: none
    of those that the database tells of, nor of those that heads were kept of elsewhere. With DIR,
    the folder of an export is verified, without the database.

    Exits with 1 where something is wrong, and names the first record of each chain that is.
    """
    from axonflow_core.cli.display import progress, write_json
    from axonflow_core.cli.extras import server_extra
    from axonflow_core.cli.failure import CHECK_FAILED, OK

    with server_extra():
        from axonflow_core.audit.verify import verify as verified

    keys = _public_keys(path, url, given)
    if folder is not None:
        return _verify_folder(folder, keys, is_json=is_json)
    with opened(path, url) as connection, progress() as tell:
        found = verified(connection, keys, tell, anchors=anchors_of(path, url, anchors))
    if is_json:
        write_json(_as_json(found))
    else:
        _write_verification(found)
    return OK if found.is_valid else CHECK_FAILED


def _verify_folder(folder: Path, keys: tuple[bytes, ...], *, is_json: bool) -> int:
    import attrs

    from axonflow_core.audit.exported import verify_export
    from axonflow_core.cli.display import counted, progress, write_json, write_line
    from axonflow_core.cli.failure import CHECK_FAILED, OK

    with progress() as tell:
        found = verify_export(folder, keys, tell)
    if is_json:
        write_json({"valid": found.is_valid, **attrs.asdict(found)})
    else:
        parts, chains = counted(found.manifests, "part"), counted(len(found.chains), "chain")
        state = "as they were exported" if found.is_valid else str(found.fault)
        write_line(f"{counted(found.records, 'record')} in {parts} of {chains}: {state}")
    return OK if found.is_valid else CHECK_FAILED


def _public_keys(path: Path | None, url: str | None, given: tuple[str, ...]) -> tuple[bytes, ...]:
    """The keys on the command line, else those of the server."""
    from axonflow_core.audit.keys import Signer
    from axonflow_core.keys import public_key_of

    if given:
        return tuple(public_key_of(word) for word in given)
    return Signer(server_keys(path, url)).public_keys


def _as_json(found: Verification) -> Json:
    import attrs

    return {"valid": found.is_valid, **attrs.asdict(found)}


def _write_verification(found: Verification) -> None:
    from axonflow_core.cli.display import counted, write_line

    for fault in found.faults:
        write_line(str(fault))
    state = "as they were recorded" if found.is_valid else counted(len(found.faults), "fault")
    records, chains = counted(found.records, "record"), counted(found.chains, "chain")
    write_line(f"{records} in {chains}: {state}")
    if found.removed:
        by = ", ".join(found.removals)
        gone = "was" if found.removed == 1 else "were"
        said = f"{counted(found.removed, 'record')} before them {gone} removed"
        write_line(f"{said}, recorded as {by}")


# ── tail and search ───────────────────────────────────────────────────────────────────────────────


@audit.command("tail", short_help="Show the newest records; -f follows.")
@config_option
@url_option
@limit_option
@click.option("-f", "--follow", "is_followed", is_flag=True, help="Go on with what comes.")
@click.option("--json", "is_json", is_flag=True, help="One JSON object for each record.")
def tail(
    *, path: Path | None, url: str | None, limit: int, is_followed: bool, is_json: bool
) -> None:
    """Show the newest records, in the order in which they were written."""
    import time

    from axonflow_core.cli.emulate import until_interrupted
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit.search import newest

    last = 0
    with until_interrupted() as is_over:
        while True:
            with opened(path, url) as connection:
                records, last = newest(connection, limit, after=last)
            _write_records(records, is_json=is_json)
            if not is_followed or is_over():
                return
            limit = 1_000
            time.sleep(_POLL_S)


def _place(_: click.Context, option: click.Parameter, text: str | None) -> tuple[int, int] | None:
    """The place that a cursor names."""
    if text is None:
        return None
    if (found := re.fullmatch(r"(-?\d{1,18})\.(-?\d{1,19})", text, re.ASCII)) is None:
        raise click.BadParameter("a cursor is what `axonflow audit search` ended with: --cursor …")
    return int(found[1]), int(found[2])


@audit.command("search", short_help="Show the records that fit, from the newest on.")
@config_option
@url_option
@click.option("--tenant", help="Whose records. Default: everybody's.")
@click.option("--user", help="A pseudonym (u_…), or the user's name or token with --tenant.")
@click.option("--client", help="The id of a client.")
@time_option("--since", help="Not before: 2026-11-29T12:30Z.")
@time_option("--until", help="Before.")
@click.option(
    "--verdict",
    type=click.Choice(["allowed", "redacted", "needs_approval", "blocked", "error"]),
    help="What was decided.",
)
@click.option("--type", "request_type", help="The kind of request: chat, sql.")
@click.option("--id", help="The id of one record.")
@click.option("--provider", help="The name of a provider.")
@click.option("--model", help="The model, as it was called.")
@click.option("--rule", help="The name of a rule that found something.")
@click.option("--receipt", metavar="ID", help="The id that the upstream gave the call.")
@click.option("--min-cost", type=click.FloatRange(0), help="What the call cost at least, in USD.")
@click.option("--max-cost", type=click.FloatRange(0), help="What it cost at most.")
@limit_option
@click.option("--offset", type=click.IntRange(0, 10_000), default=0, help="How many to pass over.")
@click.option("--cursor", callback=_place, help="Where to go on: what the page before ended with.")
@json_option
def search(
    *,
    path: Path | None,
    url: str | None,
    tenant: str | None,
    user: str | None,
    client: str | None,
    since: int | None,
    until: int | None,
    verdict: str | None,
    request_type: str | None,
    id: str | None,
    provider: str | None,
    model: str | None,
    rule: str | None,
    receipt: str | None,
    min_cost: float | None,
    max_cost: float | None,
    limit: int,
    offset: int,
    cursor: tuple[int, int] | None,
    is_json: bool,
) -> None:
    """Show the records that fit all of what is given, from the newest on."""
    from axonflow_core.cli.extras import server_extra

    with server_extra():
        from axonflow_core.audit.places import Filter, Place
        from axonflow_core.audit.search import search_in
        from axonflow_core.policy.rules import Verdict

    with opened(path, url) as connection:
        wanted = Filter(
            user=_pseudonym(connection, path, url, tenant, user),
            client=client,
            start_us=since,
            end_us=until,
            verdict=Verdict(verdict) if verdict else None,
            request_type=request_type,
            id=id,
            provider=provider,
            model=model,
            rule=rule,
            receipt=receipt,
            min_cost_usd=min_cost,
            max_cost_usd=max_cost,
        )
        before = None if cursor is None else Place(*cursor)
        page = search_in(connection, tenant, wanted, limit=limit, offset=offset, before=before)
    _write_page(page, is_json=is_json)


def _write_page(page: Page, *, is_json: bool) -> None:
    """The records of a page, how many there are in all, and where to go on."""
    from axonflow_core.cli.display import counted, tell, write_json

    goes_on = None if page.next is None else "{}.{}".format(*page.next)
    if is_json:
        write_json(
            {
                "total": page.total,
                "is_total_exact": page.is_total_exact,
                "next_cursor": goes_on,
                "records": [_written(one) for one in page.records],
            }
        )
        return
    _write_records(page.records, is_json=False)
    or_more = "" if page.is_total_exact else " or more"
    tell(f"{len(page.records)} of {counted(page.total, 'record')}{or_more}")
    if goes_on is not None:
        tell(f"more: --cursor {goes_on}")


def _pseudonym(
    connection: Connection,
    path: Path | None,
    url: str | None,
    tenant: str | None,
    user: str | None,
) -> str | None:
    """The name that records have for a user."""
    if user is None or is_pseudonym(user):
        return user
    if tenant is None:
        raise click.UsageError("a user's name is known within a tenant: add --tenant")
    known = pseudonyms_of(connection, server_keys(path, url), user, tenant)
    return known.get(tenant, "")  # a tenant without a key has no users


def _write_records(records: tuple[Recorded, ...] | list[Recorded], *, is_json: bool) -> None:
    import orjson

    from axonflow_core.cli.display import write_line

    for one in records:
        write_line(orjson.dumps(_written(one)).decode() if is_json else _line(one))


def _line(one: Recorded) -> str:
    from axonflow_core.cli.display import shown_time

    entry = one.entry
    who = "/".join(filter(None, (entry.tenant, entry.client, entry.user)))
    what = (*(entry.request_type, entry.provider, entry.model), *entry.rules)
    words = (f"{entry.verdict:<9}", f"{entry.kind:<13}", who, *what, entry.id)
    return "  ".join([shown_time(entry.at_us), *filter(None, words)])


def _written(one: Recorded) -> dict[str, Json]:
    """A record as JSON."""
    import attrs

    from axonflow_core.cli.display import shown_time

    entry = attrs.asdict(one.entry, recurse=False)
    del entry["texts"], entry["digests"]
    place = {"chain": one.chain, "seq": one.seq, "hash": one.hash.hex()}
    return {
        **entry,
        "at": shown_time(one.entry.at_us),
        "commitments": dict(one.commitments),
        **place,
    }
