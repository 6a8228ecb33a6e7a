"""Hypothesis strategies that draw what a codec claims, and nothing else.

A strategy reads the codec's own record: its features, options, stop reasons, control tokens and documented keys. It
builds values that fit, and throws none away. Where a record is silent on a detail (which kinds of media, which tool
choices) the codec is asked once with the smallest request that holds it: a refusal by name counts as "not claimed".

    requests           what comes back as itself
    folded_requests    what is said, but joined into the text beside it
    completions        whole answers
    streams            the same answers as batches of events, cut anywhere
"""

from __future__ import annotations

import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from attrs import evolve, frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Document,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
    user,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    BlockStop,
    Ended,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
)

T = TypeVar("T")

# ── JSON and text ───────────────────────────────────────────────────────────────────────────────────────────────────

_UNICODE = st.characters(exclude_categories=["Cs"])
"""Every character that UTF-8 can carry."""

_WORDS = st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=8)
_NAMES = st.text(alphabet=string.ascii_lowercase + "_", min_size=1, max_size=12)
_BASE64 = st.binary(max_size=12).map(lambda data: __import__("base64").b64encode(data).decode())

_EDGES = ("", " ", "\n", "\t", " a ", "\n\n", "\r\n", "\x00", "\N{ZERO WIDTH SPACE}", "\N{GRINNING FACE}", "é", "e\u0301", "\\", '"')


def json_values() -> SearchStrategy[Json]:
    """Any JSON value that survives `orjson`: whole numbers of at most 64 bits, no infinities."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**53), 2**53),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(_UNICODE, max_size=8),
    )
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(_UNICODE, max_size=6), inner, max_size=3),
        max_leaves=6,
    )


def json_objects() -> SearchStrategy[dict[str, Json]]:
    return st.dictionaries(st.text(_UNICODE, max_size=6), json_values(), max_size=3)


def texts(tokens: tuple[str, ...] = ()) -> SearchStrategy[str]:
    """Any text that holds none of `tokens`, though it may come close: pieces of them are drawn often."""
    near = [token[start:end] for token in tokens for start, end in ((0, -1), (1, None), (0, 2), (-2, None))]
    pieces = st.one_of(st.sampled_from(_EDGES), st.text(_UNICODE, max_size=10), st.sampled_from([*near, "x"]))
    return st.lists(pieces, max_size=4).map("".join).map(lambda text: without(text, tokens))


def plain_texts() -> SearchStrategy[str]:
    """Letters, digits and blanks: no token of any template is made of these."""
    return st.text(alphabet="abcXYZ 019é\N{CJK UNIFIED IDEOGRAPH-6F22}\N{GRINNING FACE}", min_size=1, max_size=12)


def without(text: str, tokens: tuple[str, ...]) -> str:
    """`text` with the last character of every token gone, until no token is left."""
    while held := [token for token in tokens if token in text]:
        for token in held:
            text = text.replace(token, token[:-1])
    return text


def split(draw: DrawFn, whole: Sequence[T], *, at_most: int = 4) -> list[Sequence[T]]:
    """`whole` in pieces, some of them empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=at_most)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


# ── what a codec claims ─────────────────────────────────────────────────────────────────────────────────────────────

_TOLD_BY: Mapping[str, str] = {
    **{key: "id" for key in ("id", "generation_id")},
    **dict.fromkeys(("model", "created", "stop_sequence", "stop_details", "service_tier")),  # type: ignore[arg-type]
}
