"""From an error of Bedrock to a `ProviderError` with cause and fix, by way of the rows in `table`.

Theory of operation. Three steps, none of which can fail:

    read      status, `x-amzn-ErrorType`, body       -> Report    (AWS has four shapes of body)
    find      Report                                 -> Row       (the first row that fits)
    build     Row and the values of this call        -> ProviderError

The four shapes that are read:

    {"message": "…"}                                                Bedrock, code in the header
    {"Message": "…"}                                                IAM, and the check of API keys
    {"Output": {"__type": "ns#UnknownOperationException"}, …}  Coral: an unknown path
    {"type": "error", "error": {"type": "…", "message": "…"}}       the vendor of the model, a proxy

The header has precedence over the codes in the body. Rows are ordered from the particular to the
general and the last fits every report, so `find_row` always has a result. A proxy or load balancer
in front of Bedrock may have written the body: one without a message is reported by what it looks
like and its size.

What is shown of a message is bounded to 300 characters on one line, without the values that a
validator quotes (`string [...]`): those are prompt text. The client whose prompt it is gets AWS's
message whole (`ProviderError.native_message`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import orjson

from axonflow_core.codec.errors import MEMBER, with_member
from axonflow_core.codec.likeness import likeness
from axonflow_core.errors import ModelNotFound, ProviderError
from axonflow_core.json import loads
from axonflow_core.messages import EMPTY, Json

from ..models import clock
from ..models.model_id import ModelId
from ..models.profiles import callable_id, candidates, meant_id
from ..models.table import ModelTable
from .table import MODELLED_STATUSES, TABLE, Report, Row


def diagnose(
    status: int,
    error_type_header: str | None,
    body: bytes,
    *,
    model: ModelId | None = None,
    region: str | None = None,
    models: ModelTable | None = None,
    request_id: str | None = None,
) -> ProviderError:
    """The error that an answer other than 200 stands for. Returned, for the caller to raise; never
    fails itself."""
    native = _json_object(body)
    code = _bare(error_type_header) or next(_codes_in(native), None)
    message = next(_messages_in(native), None)
    report = Report(status, code, (message or "")[:_MAX_MESSAGE].replace("’", "'"))
    original = _original_status(native)
    shown = _shown(message, body) + (f" (the model's own status: {original})" if original else "")
    error = _build(report, shown, model, region, models)
    error.native_message = message
    error.original_status = original
    return with_member(error, _member(native)).enrich(request_id=request_id)


def diagnose_exception_frame(
    name: str,
    payload: bytes,
    *,
    model: ModelId | None = None,
    region: str | None = None,
    request_id: str | None = None,
) -> ProviderError:
    """The same for an exception frame, whose `name` is in lower camel case:
    `throttlingException`."""
    code = name[:1].upper() + name[1:]
    status = MODELLED_STATUSES.get(code, 500)
    return diagnose(status, code, payload, model=model, region=region, request_id=request_id)


def find_row(report: Report) -> tuple[Row, Mapping[str, str]]:
    """The first row that fits, with what it read from the message."""
    for row in TABLE:
        values = row.match(report)
        if values is not None:
            return row, values
    raise AssertionError("the last row fits everything")


def _build(
    report: Report,
    message: str,
    model: ModelId | None,
    region: str | None,
    models: ModelTable | None,
) -> ProviderError:
    """The row's error with its templates filled in; `is_retryable` of the row overrides that of the
    class."""
    row, found = find_row(report)
    meant = _meant(row, model, region, models)
    values = {
        **{name: value or "" for name, value in found.items()},
        "model": model.given if model else "the model",
        "region": region or "this region",
        "profile": _profile_line(None if meant else model, region, models),
        "successor": _successor_line(model, region, models),
        "status": report.status,
        "message": message,
    }
    error = row.error(
        row.cause.format_map(values),
        hint=meant + row.fix.format_map(values),
        status=report.status,
        native_code=report.code,
    )
    if row.is_retryable is not None:
        error.is_retryable = row.is_retryable
    return error.enrich(model=model.given if model else None)


def _meant(row: Row, model: ModelId | None, region: str | None, models: ModelTable | None) -> str:
    """The model that is meant by an id that neither Bedrock nor the table has."""
    if row.error is not ModelNotFound or model is None or models is None:
        return ""
    near = meant_id(models, model, region, clock.today())
    return "" if near is None else f"did you mean `{near}`? Else "


def _profile_line(model: ModelId | None, region: str | None, models: ModelTable | None) -> str:
    """The line of YAML to write, or the variable to set, as a suggestion: which profiles there are
    only AWS knows."""
    command = "`aws bedrock list-inference-profiles" + (f" --region {region}`" if region else "`")
    entry = models.entry(model.base_id) if model and models else None
    named = candidates(model, region, entry) if model else ()
    if not named:
        return f"model: the id of an inference profile; {command} lists them"
    others = f"or {', '.join(named[1:])}; " if named[1:] else ""
    return (
        f"model: {named[0]} ({others}{command} lists what there is); where no file is used, "
        f"BEDROCK_MODEL={named[0]}, or `model=` of the call"
    )


NO_SUCCESSOR = "name its successor in `model:`"


def _successor_line(model: ModelId | None, region: str | None, models: ModelTable | None) -> str:
    """The line of YAML that names the successor of a model at its end of life, if the table has
    one."""
    entry = models.entry(model.base_id) if model and models else None
    successor = models.successor(entry, clock.today()) if models and entry else None
    return (
        NO_SUCCESSOR
        if successor is None
        else f"model: {callable_id(successor, region)}, its successor"
    )


# ── reading ───────────────────────────────────────────────────────────────────────────────────────

# Characters. A validator quotes what it refuses: `string [the user's words] is too long`.
_MAX_MESSAGE = 4096
_MAX_SHOWN = 300
_QUOTED_VALUE = re.compile(r"string \[[^\]]*\]?")


def _json_object(body: bytes) -> Mapping[str, Json]:
    """The body as an object; empty for anything else, because an error page may be HTML."""
    try:
        native = loads(body)
    except orjson.JSONDecodeError:
        return {}
    return native if isinstance(native, dict) else {}


def _levels(native: Mapping[str, Json]) -> Iterator[Mapping[str, Json]]:
    """The body, and what it may be wrapped in: `Output` (Coral), `error` (the model's maker, a
    gateway)."""
    yield native
    for wrapper in ("Output", "error"):
        if isinstance(native.get(wrapper), dict):
            yield native[wrapper]


def _codes_in(native: Mapping[str, Json]) -> Iterator[str]:
    """Every exception name in the body, outermost first: `__type` (Coral), `code` or `type`."""
    for level in _levels(native):
        for key in ("__type", "code", "type"):
            # {"type": "error", "error": {"type": "overloaded_error"}}: the outer type is no code.
            if isinstance(level.get(key), str) and (code := _bare(level[key])) not in (
                None,
                "error",
            ):
                yield code


def _messages_in(native: Mapping[str, Json]) -> Iterator[str]:
    """IAM writes `Message`, Bedrock `message`; a stream error may hold the model's own
    message instead."""
    for level in _levels(native):
        for key in ("message", "Message", "originalMessage"):
            if isinstance(level.get(key), str) and level[key]:
                yield level[key]


def _original_status(native: Mapping[str, Json]) -> int | None:
    """What a model answered Bedrock with, in a ModelErrorException and in its kin of streams."""
    status = native.get("originalStatusCode")
    return status if type(status) is int and 100 <= status <= 599 else None


def _member(native: Mapping[str, Json]) -> Mapping[str, Json]:
    """The member by which another AxonFlow in front of Bedrock transmits its own error fields."""
    member = native.get(MEMBER)
    return member if isinstance(member, dict) else EMPTY


def _bare(code: str | None) -> str | None:
    """`ns#ValidationException:http://…` -> `ValidationException`."""
    return code.partition(":")[0].rpartition("#")[2].strip() or None if code else None


def _shown(message: str | None, body: bytes) -> str:
    """AWS's message, as far as it may be repeated: on one line, bounded, without the values that a
    validator quotes."""
    if message is None:
        return f"{likeness(body)} without a message" if body else "no message"
    line = _QUOTED_VALUE.sub("string […]", " ".join(message.split()))
    return line if len(line) <= _MAX_SHOWN else f"{line[:_MAX_SHOWN]}…"
