"""Golden files: what a family's documents show, with the page and the day on which it was read.

    @pytest.mark.parametrize("case", golden_cases(CODEC, __file__))
    def test_golden(case): case()

A file is one exchange, a JSON object with `source` and `date` and any of the sides of a call:

    {
      "source": "AWS user guide, TwelveLabs Pegasus 1.2",
      "date": "2026-11-25",
      "model": "twelvelabs.pegasus-1-2-v1:0",
      "request": {…},
      "response": {…},
      "stream": [{…}, …],
      "expected": {"text": "…", "stop_reason": "end_turn", "usage": {…}, "tool_calls": [{"id",
      "name", "input"}]}
    }

Every side decodes, encodes back to the same JSON and is understood: no documented key is left over,
and every long text stands in a typed place. `expected` holds for the answer, whole and streamed. A
round trip cannot see a misreading that both its halves share; these facts, written down by a reader
of the documents, can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import orjson
from attrs import field, frozen

from axonflow_core.codec import Codec, ModelFacts, StreamContext
from axonflow_core.errors import RequestError
from axonflow_core.frozen import evolve
from axonflow_core.json import loads
from axonflow_core.messages import Completion, Json, ToolUse
from axonflow_core.stream import assemble

from ..recordings.json_equality import Difference, difference, strict_difference
from ..recordings.meaning import leftovers, unread

SIDES = ("request", "response", "stream")
"""The sides of a call that a file may have."""
_KEYS = frozenset({"source", "date", "model", "expected", *SIDES})

_Found: TypeAlias = Iterator[Difference]
_SideCheck: TypeAlias = Callable[["GoldenCase"], _Found]


@frozen
class GoldenCase:
    """One side of one golden file. Calling it checks it; AssertionError says where the two part."""

    codec: Codec
    name: str
    """File and side: `hello: stream`."""
    side: str
    """One of `SIDES`."""
    source: str
    """Page and date, for the message."""
    native: Json = field(repr=False)
    """The body, or the list of chunks."""
    facts: ModelFacts
    expected: Mapping[str, Json] = field(repr=False)
    """Fact of the answer -> its value: `text`, `stop_reason`, `usage`, `tool_calls`."""

    @property
    def __name__(self) -> str:
        return f"{self.codec.name}: {self.name}"

    def __call__(self) -> None:
        for found in _CHECKS[self.side](self):
            raise AssertionError(f"{self.name}: {found} (source: {self.source})")


def golden_cases(codec: Codec, folder: str | Path) -> list[GoldenCase]:
    """The sides of every `*.json` in `folder`, bound to `codec`. `RequestError` says what a file
    lacks.

    A test may give its own `__file__` for the folder `golden` next to it.
    """
    folder = Path(folder)
    folder = folder.parent / "golden" if folder.is_file() else folder
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise RequestError(
            f"{folder} holds no golden files", hint="put at least one exchange there, as NAME.json"
        )
    # A body of the documents must come back as it is, so no default limit may be added to it.
    as_written = evolve(codec, default_max_tokens=None)
    return [case for path in paths for case in _cases_of(as_written, path)]


# ── files ─────────────────────────────────────────────────────────────────────────────────────────


def _cases_of(codec: Codec, path: Path) -> Iterator[GoldenCase]:
    """The sides of one file, in the order of `SIDES`."""
    golden = _read(path)
    model = golden.get("model", "")
    for side in SIDES:
        if side in golden:
            yield GoldenCase(
                codec,
                name=f"{path.stem}: {side}",
                side=side,
                source=f"{golden['source']}, {golden['date']}",
                native=golden[side],
                facts=ModelFacts(model_id=model, base_id=model),
                expected=golden.get("expected", {}),
            )


def _read(path: Path) -> Mapping[str, Json]:
    """The JSON object of a golden file. `RequestError` names the file and everything that is wrong
    with it."""
    try:
        golden = loads(path.read_bytes())
    except orjson.JSONDecodeError as fault:
        raise RequestError(
            f"{path} is not JSON: {fault}", hint="a golden file is one JSON object"
        ) from fault
    faults = ["it is no object"] if not isinstance(golden, dict) else list(_faults(golden))
    if faults:
        raise RequestError(
            f"{path} is no golden file: {'; '.join(faults)}",
            hint='it needs "source" (the page), "date" (the day it was read) and one of '
            + ", ".join(SIDES),
        )
    return dict(golden)


def _faults(golden: Mapping[str, Json]) -> Iterator[str]:
    """What is wrong with a golden file, in words."""
    for key in ("source", "date"):
        if not isinstance(golden.get(key), str) or not golden[key].strip():
            yield f"it does not say its `{key}`"
    if isinstance(golden.get("date"), str) and not _is_date(golden["date"]):
        yield f"its `date` {golden['date']!r} is not written as 2026-11-25"
    if not golden.keys() & set(SIDES):
        yield "it holds no side of a call"
    for key in sorted(golden.keys() - _KEYS):
        yield f"it has an unknown key `{key}`"
    for key in sorted(golden.get("expected", {}).keys() - _FACTS.keys()):
        yield f"it expects an unknown fact `{key}`"


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


# ── checks ────────────────────────────────────────────────────────────────────────────────────────


def _check_request(case: GoldenCase) -> _Found:
    """Request: decode, encode, compare; then every documented key and long text has a typed
    place."""
    request = case.codec.decode_request(case.native, case.facts)
    yield from _same(case.native, case.codec.encode_request(request, case.facts))
    yield from _understood(case, request)


def _check_response(case: GoldenCase) -> _Found:
    """Answer: as a request, and the facts that the file expects."""
    completion = case.codec.decode_response(case.native, case.facts)
    yield from _same(case.native, case.codec.encode_response(completion, case.facts))
    yield from _understood(case, completion)
    yield from _as_expected(case, completion)


def _check_stream(case: GoldenCase) -> _Found:
    """Stream: as an answer, chunk by chunk, and the terminal event is there."""
    decoder = case.codec.stream_decoder(case.facts)
    batches = [decoder.feed(chunk) for chunk in case.native]
    decoder.finish()
    encoder = case.codec.stream_encoder(
        StreamContext(id="", model=case.facts.model_id, created=0), case.facts
    )
    yield from _same(case.native, [chunk for batch in batches for chunk in encoder.encode(batch)])
    completion = assemble(event for batch in batches for event in batch)
    yield from leftovers(batches, case.codec.documented)
    yield from _understood(case, completion)
    yield from _as_expected(case, completion)


_CHECKS: Mapping[str, _SideCheck] = {
    "request": _check_request,
    "response": _check_response,
    "stream": _check_stream,
}


def _same(native: Json, again: Json) -> _Found:
    found = difference(native, again)
    if found is not None:
        yield found


def _understood(case: GoldenCase, value: Any) -> _Found:
    """What of a body has no typed place: documented keys in an `extra`, long texts nowhere."""
    yield from leftovers(value, case.codec.documented)
    yield from unread(
        case.native, [value], (*case.codec.control_tokens, *case.codec.reasoning_tags)
    )


def _as_expected(case: GoldenCase, completion: Completion) -> _Found:
    """The facts of an answer that differ from those that the file expects."""
    for fact, expected in case.expected.items():
        found = strict_difference(expected, _FACTS[fact](completion))
        if found is not None:
            yield Difference(f"{fact}{found.path.removeprefix('$')}", found.expected, found.got)


def _usage_of(completion: Completion) -> Json:
    """The counts of an answer that are set, without unknown ones."""
    return attrs.asdict(
        completion.usage, filter=lambda member, count: member.name != "extra" and count is not None
    )


def _tool_calls(completion: Completion) -> Json:
    calls = [block for block in completion.content if isinstance(block, ToolUse)]
    return [{"id": call.id, "name": call.name, "input": call.input} for call in calls]


_FACTS: Mapping[str, Callable[[Completion], Json]] = {
    "text": lambda completion: completion.text,
    "stop_reason": lambda completion: completion.stop_reason,
    "usage": _usage_of,
    "tool_calls": _tool_calls,
}
"""What a golden file may expect of an answer."""
