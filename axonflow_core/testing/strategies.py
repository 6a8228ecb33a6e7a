"""Hypothesis strategies that draw what a codec claims, and nothing else.

A strategy reads the codec's own record and builds values that fit it; it throws none away. A template family gets the
shapes that come back as themselves from `requests`, and those that are joined into others from `folded_requests`.

    requests           what comes back as itself
    folded_requests    what is said, but joined into the text beside it
    completions        whole answers
    streams            whole answers, with the same as batches of events, cut anywhere
"""

from __future__ import annotations

import json
import string
from base64 import b64encode
from collections.abc import Sequence
from typing import Any, TypeVar

from attrs import evolve
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from axonflow_core.codec import Feature
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
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    Usage,
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

from .claims import Claims

T = TypeVar("T")

# ── JSON and text ───────────────────────────────────────────────────────────────────────────────────────────────────

_UNICODE = st.characters(exclude_categories=["Cs"])
"""Every character that UTF-8 can carry."""
_EDGES = st.sampled_from(
    ["", " ", "\n", "\n\n", "\t", "\r\n", " a ", "\0", "\\", '"', "é", "e\u0301", "\N{ZERO WIDTH SPACE}", "\U0001f600"]
)
_WORDS = st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=8)
_COUNTS = st.none() | st.integers(0, 10**6)
_SHARES = st.sampled_from([0, 1, 0.0, 1.0, 0.5, 0.999]) | st.floats(0, 1)
_BASE64 = st.binary(min_size=1, max_size=12).map(lambda data: b64encode(data).decode())


def json_values() -> SearchStrategy[Json]:
    """Any JSON value of whole numbers below 2**53, finite floats and UTF-8."""
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
    """Any text that holds none of `tokens`, though it comes close: pieces of them are drawn often."""
    near = [piece for token in tokens for piece in (token[:-1], token[1:], token[:2], token[-2:])]
    pieces = st.one_of(_EDGES, st.text(_UNICODE, max_size=10), st.sampled_from(near or ["x"]))
    return st.lists(pieces, max_size=4).map("".join).map(lambda text: without(text, tokens))


def plain_texts() -> SearchStrategy[str]:
    """Letters, digits and blanks: no template has a token made of these alone."""
    return st.text(alphabet="abXY 09\u00e9\u6f22\U0001f600", min_size=1, max_size=12)


def without(text: str, tokens: tuple[str, ...]) -> str:
    """`text` with the last character of every token gone, until it holds none."""
    while held := [token for token in tokens if token in text]:
        for token in held:
            text = text.replace(token, token[:-1])
    return text


def pieces(draw: DrawFn, whole: Sequence[T]) -> list[Sequence[T]]:
    """`whole`, cut anywhere; some pieces are empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


# ── blocks ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _text_blocks(claims: Claims) -> SearchStrategy[Text]:
    return texts(claims.codec.control_tokens).map(Text)


def _images(claims: Claims) -> SearchStrategy[Image]:
    types = st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"])
    return st.sampled_from(claims.media).flatmap(
        lambda kind: (
            st.builds(Media, st.just(kind), _BASE64, types)
            if kind is MediaKind.BASE64
            else st.builds(Media, st.just(kind), _WORDS.map("https://a.example/{}".format))
        )
    ).map(Image)  # fmt: skip


def _documents() -> SearchStrategy[Document]:
    paper = st.builds(Media, st.just(MediaKind.BASE64), _BASE64, st.just("application/pdf"))
    return st.builds(Document, paper, name=_WORDS, citations=st.sampled_from([None, {"enabled": True}]))


def _tool_uses() -> SearchStrategy[ToolUse]:
    return st.builds(ToolUse, _WORDS.map("call_{}".format), _WORDS, json_objects())


def _tool_results(claims: Claims) -> SearchStrategy[ToolResult]:
    content: SearchStrategy[Any] = st.none() | texts(claims.codec.control_tokens)
    if claims.has(Feature.MANY_BLOCKS):
        shown = [_images(claims)] if claims.has(Feature.IMAGES) else []
        content |= st.lists(st.one_of(_text_blocks(claims), *shown), max_size=3).map(tuple)
    is_error = st.sampled_from([None, False, True] if claims.has(Feature.TOOL_ERRORS) else [None])
    return st.builds(ToolResult, _WORDS.map("call_{}".format), content, is_error)


def _reasoning(claims: Claims) -> SearchStrategy[Reasoning]:
    thought = st.builds(Reasoning, texts(), st.none() | _BASE64)
    redacted = _BASE64.map(lambda data: Reasoning(redacted=data))
    return thought | redacted


def _blocks(claims: Claims, role: Role) -> SearchStrategy[ContentBlock]:
    """One block that `role` may say."""
    kinds: list[SearchStrategy[Any]] = [_text_blocks(claims)]
    if role is Role.USER:
        kinds += [_images(claims)] if claims.has(Feature.IMAGES) else []
        kinds += [_documents()] if claims.has(Feature.DOCUMENTS) else []
        kinds += [_tool_results(claims)] if claims.has(Feature.TOOLS) else []
    elif role is Role.ASSISTANT:
        kinds += [_tool_uses()] if claims.has(Feature.TOOLS) else []
        kinds += [_reasoning(claims)] if claims.has(Feature.REASONING) else []
    return st.one_of(kinds)


def _cache_points() -> SearchStrategy[CachePoint]:
    return st.sampled_from([None, "5m", "1h"]).map(CachePoint)


@st.composite
def _content(draw: DrawFn, claims: Claims, role: Role) -> tuple[ContentBlock, ...]:
    if not claims.has(Feature.MANY_BLOCKS):
        return (draw(_blocks(claims, role)),)
    blocks: list[ContentBlock] = []
    for block in draw(st.lists(_blocks(claims, role), min_size=1, max_size=4)):
        blocks.append(block)
        if claims.has(Feature.CACHE_POINTS) and isinstance(block, Text) and draw(st.booleans()):
            blocks.append(draw(_cache_points()))
    results = [block for block in blocks if isinstance(block, ToolResult)]
    return tuple(results[:1] if results and not claims.has(Feature.RESULTS_BESIDE) else blocks)


# ── requests ────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def _roles(draw: DrawFn, claims: Claims) -> list[Role]:
    """Who speaks when. A system message never opens: what precedes a conversation is `system`."""
    if not claims.has(Feature.ANY_ROLE_ORDER):
        count = draw(st.integers(1, 5))
        count += count % 2 == 0 and not claims.has(Feature.PREFILL)
        return [Role.USER, Role.ASSISTANT, Role.USER, Role.ASSISTANT, Role.USER][:count]
    speakers = [Role.USER, Role.ASSISTANT]
    later = [*speakers, Role.SYSTEM] if claims.has(Feature.MID_SYSTEM) else speakers
    roles = [draw(st.sampled_from(speakers)), *draw(st.lists(st.sampled_from(later), max_size=4))]
    turns = [role for role in roles if role is not Role.SYSTEM]
    return roles if turns[-1] is Role.USER or claims.has(Feature.PREFILL) else [*roles, Role.USER]


@st.composite
def _messages(draw: DrawFn, claims: Claims) -> tuple[Message, ...]:
    messages = [Message(role, draw(_content(claims, role))) for role in draw(_roles(claims))]
    if claims.codec.control_tokens and messages[-1] == Message(Role.ASSISTANT, (Text(""),)):
        messages[-1] = Message(Role.ASSISTANT, (Text("a"),))  # a template cannot say that nothing has been begun
    return tuple(messages)


@st.composite
def _system(draw: DrawFn, claims: Claims) -> tuple[ContentBlock, ...]:
    if not claims.has(Feature.SYSTEM):
        return ()
    most = 3 if claims.has(Feature.MANY_BLOCKS) else 1
    blocks: list[ContentBlock] = [*draw(st.lists(_text_blocks(claims), max_size=most))]
    if blocks and claims.has(Feature.CACHE_POINTS) and draw(st.booleans()):
        blocks.append(draw(_cache_points()))
    return tuple(blocks)


@st.composite
def _tools(draw: DrawFn, claims: Claims) -> tuple[Tool | BuiltinTool | CachePoint, ...]:
    if not claims.has(Feature.TOOLS):
        return ()
    schemas = json_objects().map(lambda rest: {"type": "object", "properties": rest})
    ours = st.builds(Tool, _WORDS, st.none() | texts(), schemas)
    tools: list[Tool | BuiltinTool | CachePoint] = [*draw(st.lists(ours, max_size=2, unique_by=lambda tool: tool.name))]
    if claims.has(Feature.BUILTIN_TOOLS) and draw(st.booleans()):
        settings = draw(st.dictionaries(_WORDS.map("x_{}".format), json_values(), max_size=2))
        tools.append(BuiltinTool(claims.codec.dialect or "", "bash_20250124", "bash", settings))
    if tools and claims.has(Feature.CACHE_POINTS) and draw(st.booleans()):
        tools.append(draw(_cache_points()))
    return tuple(tools)


@st.composite
def _inference(draw: DrawFn, claims: Claims) -> Inference:
    def perhaps(feature: Feature, values: SearchStrategy[T]) -> T | None:
        return draw(st.none() | values) if claims.has(feature) else None

    is_limit_required = (claims.facts.default_max_tokens or claims.codec.default_max_tokens) is not None
    limits = st.integers(1, 8192)
    stops = st.lists(texts().map(lambda text: text or "END"), max_size=3).map(tuple)
    return Inference(
        max_tokens=draw(limits if is_limit_required else st.none() | limits),
        temperature=perhaps(Feature.TEMPERATURE, _SHARES),
        top_p=perhaps(Feature.TOP_P, _SHARES),
        top_k=perhaps(Feature.TOP_K, st.integers(0, 500)),
        stop_sequences=perhaps(Feature.STOP_SEQUENCES, stops) or (),
    )


@st.composite
def requests(draw: DrawFn, claims: Claims) -> CompletionRequest:
    """A request that comes back as itself."""
    tools = draw(_tools(claims))
    choices: list[ToolChoice | None] = [None]
    if claims.has(Feature.TOOL_CHOICE):
        choices += claims.tool_choices
    asked = claims.reasoning_requests if claims.has(Feature.REASONING) else []
    metadata = st.dictionaries(_WORDS, _WORDS, max_size=2) if claims.has(Feature.METADATA) else st.none()
    return CompletionRequest(
        messages=draw(_messages(claims)),
        system=draw(_system(claims)),
        inference=draw(_inference(claims)),
        tools=tools,
        tool_choice=draw(st.sampled_from(choices)),
        reasoning=draw(st.sampled_from([None, *asked])),
        metadata=draw(st.none() | metadata),
        options=draw(_options(claims)),
    )


def _options(claims: Claims) -> SearchStrategy[dict[str, Json]]:
    """The kit does not know what an option means, so it says something that none of them means."""
    values = st.dictionaries(_WORDS.map("x_{}".format), json_values(), min_size=1, max_size=2)
    options = sorted(claims.codec.options)
    return st.dictionaries(st.sampled_from(options), values, max_size=2) if options else st.just({})


@st.composite
def folded_requests(draw: DrawFn, claims: Claims) -> CompletionRequest:
    """Plain texts in every shape that the codec says, folded or not: blocks, roles, system texts."""

    def says(feature: Feature) -> bool:
        return claims.has(feature) or claims.folds(feature)

    roles = [Role.USER, Role.ASSISTANT, *([Role.SYSTEM] if says(Feature.MID_SYSTEM) else [])]
    spoken = [Role.USER, *draw(st.lists(st.sampled_from(roles), max_size=4)), Role.USER]
    blocks = st.lists(plain_texts().map(Text), min_size=1, max_size=3 if says(Feature.MANY_BLOCKS) else 1).map(tuple)
    return CompletionRequest(
        messages=tuple(
            Message(role, draw(blocks)) for role in (spoken if says(Feature.ANY_ROLE_ORDER) else spoken[:1])
        ),
        system=draw(st.just(()) | blocks) if says(Feature.SYSTEM) else (),
        inference=Inference(max_tokens=1),
    )


# ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def _answer_content(draw: DrawFn, claims: Claims) -> tuple[ContentBlock, ...]:
    """What a model says. A family that folds blocks has one text, with its tool calls behind it."""
    if claims.has(Feature.MANY_BLOCKS):
        return tuple(draw(st.lists(_blocks(claims, Role.ASSISTANT), max_size=4)))
    said: list[ContentBlock] = [Text(draw(texts()))]
    if not claims.has(Feature.TOOLS):
        return tuple(said)
    calls = draw(st.lists(_tool_uses(), max_size=3))
    return (*(said if not calls or draw(st.booleans()) else ()), *calls)


@st.composite
def completions(draw: DrawFn, claims: Claims, *, is_streamed: bool = False) -> Completion:
    """An answer. A streamed one always has a stop reason and always says what it is called."""

    def told(fact: str, values: SearchStrategy[T]) -> T | None:
        if fact not in claims.tells:
            return None
        return draw(values if is_streamed else st.none() | values)

    native, reason = draw(_stops(claims, is_required=is_streamed))
    counts: dict[str, Any] = {name: draw(_COUNTS) for name in sorted(claims.tells) if name.endswith("_tokens")}
    sequence = told("stop_sequence", texts()) if reason is StopReason.STOP_SEQUENCE else None
    details = {"type": "refusal", "category": None}
    return Completion(
        content=draw(_answer_content(claims)),
        stop_reason=reason,
        native_stop_reason=native,
        stop_sequence=sequence,
        stop_details=told("stop_details", st.just(details)) if reason is StopReason.REFUSAL else None,
        usage=Usage(**counts),
        id=told("id", _WORDS),
        model=told("model", _WORDS),
        created=told("created", st.integers(0, 2**33)),
        service_tier=told("service_tier", _WORDS),
    )


def _stops(claims: Claims, *, is_required: bool) -> SearchStrategy[tuple[str | None, StopReason | None]]:
    """A native name with its reason, one that nobody documents, or none."""
    known: list[tuple[str | None, StopReason | None]] = [*claims.codec.stop_reasons.table.items()]
    return st.sampled_from([*known, ("bored", StopReason.OTHER), *([] if is_required else [(None, None)])])


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@st.composite
def streams(draw: DrawFn, claims: Claims) -> tuple[Completion, list[Batch]]:
    """An answer and the batches that add up to it: its deltas split anywhere, its events grouped anyhow."""
    completion = draw(completions(claims, is_streamed=True))
    is_announced = draw(st.booleans())
    events: list[StreamEvent] = [Started(completion.id, completion.model, completion.created)]
    for index, block in enumerate(completion.content):
        events += _events_of_block(draw, index, block, is_announced=is_announced)
    events += _last_events(completion)
    return completion, [tuple(batch) for batch in pieces(draw, events) if batch]


def _events_of_block(draw: DrawFn, index: int, block: ContentBlock, *, is_announced: bool) -> list[StreamEvent]:
    """A text need not be announced, a tool call always is."""
    deltas: list[StreamEvent]
    match block:
        case Text(text):
            deltas, start = [TextDelta(str(piece), index) for piece in pieces(draw, text)], Text("")
            return _announced(index, start, deltas) if is_announced else deltas
        case Reasoning(redacted=None):
            deltas = [ReasoningDelta(str(piece), index=index) for piece in pieces(draw, block.text)]
            if block.signature is not None:
                deltas.append(ReasoningDelta(signature=block.signature, index=index))
            return _announced(index, Reasoning(), deltas)
        case ToolUse(input=arguments):
            written = _written(draw, arguments)
            deltas = [ToolInputDelta(str(piece), index) for piece in pieces(draw, written)]
            return _announced(index, evolve(block, input={}), deltas)
    return _announced(index, block, [])


def _announced(index: int, block: ContentBlock, deltas: list[StreamEvent]) -> list[StreamEvent]:
    return [BlockStart(index, block), *deltas, BlockStop(index)]


def _written(draw: DrawFn, arguments: Json) -> str:
    """The JSON text of a tool's arguments as a model may write it: with blanks and escapes or without, or not at all."""
    if arguments == {} and draw(st.booleans()):
        return ""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return json.dumps(arguments, ensure_ascii=draw(st.booleans()), separators=separators)


def _last_events(completion: Completion) -> list[StreamEvent]:
    stopped = Stopped(
        completion.stop_reason or StopReason.OTHER,
        completion.native_stop_reason,
        completion.stop_sequence,
        completion.stop_details,
    )
    return [UsageUpdate(completion.usage, completion.service_tier), stopped, Ended()]
