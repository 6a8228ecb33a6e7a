"""An emulator put together: the handler on its wire, damage on the wire, the log."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote

from axonflow_core.endpoint.app import dialect_app
from axonflow_core.endpoint.credentials import Verifier, anybody, key_verifier
from axonflow_core.endpoint.operations import Operation
from axonflow_core.endpoint.refusals import Refusal, VendorError, named_rows
from axonflow_core.endpoint.wire import Wire
from axonflow_core.errors import ConfigError
from axonflow_core.json import dumps, loads
from axonflow_core.plugin_spec import CallLog, Emulator

from .call_log import with_log
from .faults import Damage, with_faults
from .script import Script, ScriptSource, load_script
from .service import EmulatedService, EmulatedVendor

_HUGE = 2 * 2**20 + 1
"""Characters of a member that no reader of a stream takes (`framing.sse`, `framing.ndjson`)."""


def build_emulator(
    wire: Wire,
    vendor: EmulatedVendor,
    script: ScriptSource = None,
    *,
    chunk_pause_s: float = 0.0,
    record: Path | None = None,
    replay: Path | None = None,
    upstream: str | None = None,
) -> Emulator:
    """The emulator of a vendor; a plugin's `emulator` is `partial(build_emulator, WIRE, VENDOR)`.

    `script` is a file, rules as values, the sections of a file as values, or a function of the
    request. `chunk_pause_s` is the time between two chunks of a stream, in seconds. `FaultyConfig`
    for a faulty script; `ConfigError` for `record`, `replay` and `upstream`, which only emulators
    with cassettes have.
    """
    _refuse_cassettes(wire, record=record, replay=replay, upstream=upstream)
    loaded = load_script(script, Script, partial(_wrong_with, wire))
    service = EmulatedService(wire, vendor, loaded, chunk_pause_s=chunk_pause_s)
    app = with_faults(dialect_app(wire, service, _verifier(vendor)), damage_of(wire))
    log = CallLog()
    return Emulator(
        app=with_log(app, log, partial(addressed, wire)),
        environment=partial(_filled, vendor.environment),
        models=vendor.chat_models,
        refused_model=vendor.refused_model,
        log=log,
    )


def _verifier(vendor: EmulatedVendor) -> Verifier:
    if not vendor.keys:
        return anybody
    words = vendor.words()
    return key_verifier(vendor.keys, missing=words.missing_key, wrong=words.wrong_key)


def _filled(environment: Mapping[str, str], base_url: str) -> Mapping[str, str]:
    return {name: value.format(url=base_url) for name, value in environment.items()}


def _refuse_cassettes(wire: Wire, **options: object) -> None:
    for name, value in options.items():
        if value is not None:
            raise ConfigError(
                f"the emulator of {wire.name} has no `{name}`",
                hint="leave it out: its answers come from a script, or from its models",
            )


def _wrong_with(wire: Wire, error: VendorError) -> str | None:
    """What is wrong with an error of a script: a name that the vendor does not have needs a
    status."""
    if error.status is not None or any(named_rows(wire.errors, error)):
        return None
    names = {row.code or row.type for row in wire.errors.rows} - {None}
    known = ", ".join(sorted(map(str, names)))
    return f"{error.code or error.type} is no error of {wire.name}, so it needs a `status`; {known}"


def damage_of(wire: Wire) -> Damage:
    """What the wire faults of a dialect are made of."""
    framings = filter(None, (operation.framing for operation in wire.operations))
    native = wire.refusal(wire.refusals.unexpected()).native
    return Damage(
        error=dumps(native.body),
        huge_frames={
            framing.content_type.partition(";")[0]: framing.frame(
                {"type": "huge", "huge": "x" * _HUGE}
            )
            for framing in framings
        },
    )


def addressed(wire: Wire, method: str, raw_path: str, body: bytes) -> tuple[str, str] | None:
    """The operation and model of a call; None for one that is about no model. A path that is no
    operation is its own name."""
    try:
        operation, model = wire.addressed(method, raw_path)
    except Refusal:
        return unquote(raw_path), ""
    if not operation.is_about_a_model:
        return None
    return operation.name, model or _named_in(operation, body)


def _named_in(operation: Operation, body: bytes) -> str:
    try:
        model = loads(body)[operation.model_member]
    except (ValueError, TypeError, KeyError):
        return ""
    return model if isinstance(model, str) else ""
