"""`axonflow audit replay`: policy and codec run again on what a record keeps, offline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.audit_options import opened, server_keys, url_option
from axonflow_core.cli.options import config_option, json_option

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from axonflow_core.audit.kept import KeptRecord
    from axonflow_core.audit.record import Entry
    from axonflow_core.config import Config
    from axonflow_core.governance.caller import Caller
    from axonflow_core.keys import Keys
    from axonflow_core.server.asked_again import GivenAgain
    from axonflow_core.server.replayed import Part


def _headers(_: click.Context, option: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    """Name in lower case -> value."""
    pairs = [each.partition(":") for each in given]
    if not all(name.strip() and colon for name, colon, _ in pairs):
        raise click.BadParameter("a header is written NAME:VALUE")
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


@click.command("replay", short_help="Decide again on what a record keeps, and encode it again.")
@click.argument("id")
@click.option(
    "--request",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="The body of the request, as the client sent it: it is decided on and encoded again.",
)
@click.option(
    "--path",
    "target",
    metavar="PATH",
    help="Where that request was sent, of a call in a vendor's dialect: /v1/messages.",
)
@click.option(
    "--header",
    "headers",
    metavar="NAME:VALUE",
    multiple=True,
    callback=_headers,
    help="A header of that request, where it has a say. May be given again.",
)
@click.option(
    "--present",
    "is_present",
    is_flag=True,
    help="Under the configuration as it is now. Default: as it was then, where it is kept.",
)
@config_option
@url_option
@json_option
def replay(
    *,
    id: str,
    file: Path | None,
    target: str | None,
    headers: dict[str, str],
    is_present: bool,
    path: Path | None,
    url: str | None,
    is_json: bool,
) -> int:
    """Run the policy and the codec of the record ID again, without a network: the same decision,
    the same bytes, or what differs. What is not kept cannot be replayed, and is named.

    Exits with 1 where something differs.
    """
    import asyncio

    from axonflow_core.cli.extras import server_extra
    from axonflow_core.cli.failure import CHECK_FAILED, OK
    from axonflow_core.errors import RequestError

    with server_extra():
        from axonflow_core.audit.batch import Vault
        from axonflow_core.audit.kept import kept_record
        from axonflow_core.server.asked_again import GivenAgain
        from axonflow_core.server.replayed import State, require_decided

    keys = server_keys(path, url)
    with opened(path, url) as connection:
        kept = kept_record(connection, Vault(keys), id)
        if kept is None:
            raise RequestError(
                f"there is no record {id}", hint="`axonflow audit search` shows the ids of records"
            )
        require_decided(kept.recorded.entry)
        config, source = _configuration(connection, keys, path, kept.recorded.entry, is_present)
        parts = [_record(connection, keys, kept)]
    given = None
    if file is not None:
        given = GivenAgain(body=file.read_bytes(), headers=headers, target=target)
    elif target is not None or headers:
        raise click.UsageError("--path and --header are of a request: add --request FILE")
    parts += asyncio.run(_replayed(kept, config, given))
    _write(id, source, parts, is_json=is_json)
    return CHECK_FAILED if State.DIFFERS in {part.state for part in parts} else OK


def _configuration(
    connection: Connection, keys: Keys, path: Path | None, entry: Entry, is_present: bool
) -> tuple[Config, str]:
    """The configuration that was in force then, where it is kept; else the one of now. And what it
    is, in words."""
    import os

    from axonflow_core.config import load_config
    from axonflow_core.server.history import Archive, generation_of

    number = entry.facts.get("generation")
    if not is_present and isinstance(number, int):
        written = generation_of(connection, Archive(keys.server), number)
        if written is not None:
            return written.config(os.environ), f"generation {number}, as it was then"
    reason = "" if is_present else f"; generation {number} is not kept"
    return load_config(path), f"the configuration as it is now{reason}"


def _record(connection: Connection, keys: Keys, kept: KeptRecord) -> Part:
    """Whether the record stands as it was signed."""
    from axonflow_core.audit.keys import Signer
    from axonflow_core.audit.proof import prove_record
    from axonflow_core.server.replayed import Part, State

    entry = kept.recorded.entry
    proof = prove_record(connection, Signer(keys).public_keys, entry.tenant, entry.id)
    if proof is None or not proof.is_signed:
        fault = "it cannot be proved" if proof is None or proof.fault is None else proof.fault
        return Part("record", State.DIFFERS, fault)
    return Part("record", State.SAME, f"chain {proof.chain}, signed with {proof.key}")


async def _replayed(kept: KeptRecord, config: Config, given: GivenAgain | None) -> list[Part]:
    import os

    from axonflow_core.policy.policies import Policies
    from axonflow_core.runtime import Runtime
    from axonflow_core.server.dialects import ingresses
    from axonflow_core.server.replayed import Replay

    policies = Policies.build(config.policies, os.environ)
    async with Runtime.open(config) as runtime:
        caller = _caller(config, kept.recorded.entry)
        served = ingresses(config.server.dialects)
        return list(await Replay(kept, policies, runtime.router, caller, served).parts(given))


def _caller(config: Config, entry: Entry) -> Caller:
    """The client of the record, with what it may use under this configuration."""
    from axonflow_core.governance.caller import Caller
    from axonflow_core.server.auth import caller_of

    client = config.server.clients.get(entry.client)
    return Caller(client=entry.client, tenant=entry.tenant) if client is None else caller_of(client)


def _write(id: str, source: str, parts: list[Part], *, is_json: bool) -> None:
    import attrs

    from axonflow_core.cli.display import counted, tell, write_json, write_table
    from axonflow_core.server.replayed import State

    states = [part.state for part in parts]
    if is_json:
        write_json(
            {
                "id": id,
                "under": source,
                "same": State.DIFFERS not in states,
                "complete": State.NOT_REPLAYED not in states,
                "parts": [attrs.asdict(part) for part in parts],
            }
        )
        return
    write_table(("PART", "REPLAYED", ""), [(one.name, one.state, one.detail) for one in parts])
    differs, left = states.count(State.DIFFERS), states.count(State.NOT_REPLAYED)
    outcome = f"{counted(differs, 'part')} differ" if differs > 1 else "1 part differs"
    said = outcome if differs else "nothing differs"
    rest = f", {counted(left, 'part')} not replayed" if left else ""
    tell(f"under {source}: {said}{rest}")
