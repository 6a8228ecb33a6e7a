"""Hypothesis strategies that draw what a codec claims, and nothing else.

    requests           what comes back as itself
    joined_requests    what is encoded, but joined into the text next to it
    completions        whole answers
    streams            whole answers, with the same as batches of events, cut anywhere

Theory of operation. A strategy reads the codec's own record (`Claims`) and builds values that fit
it by construction; it never filters. A filter would hide a claim that no value meets, and
Hypothesis slows down or gives up on it.

`_Parts` holds one strategy for each part of a request or answer, built once for one codec. Each
follows the same scheme: a list of alternatives that grows with the features that the codec has. A
feature that a codec lacks leaves its part unset, so `requests` needs no case for any family:

    kinds = [text blocks]  + [images] if IMAGES  + [documents] if DOCUMENTS  + …
    content of one message = lists of `kinds`, of length 1 without MANY_BLOCKS

What a family *joins* has its own strategy, because the law is weaker there: the text must be all
there, in order, and need not come back in its blocks. `joined_requests` draws plain texts in every
shape that the family encodes.

A stream is drawn as its answer first. Its events follow from the answer, with every text split at
random places, and are grouped into batches at random. So the expected sum is known, and no cut is
privileged.

Texts are drawn from edges (empty, blanks, NUL, quotes, combining and astral characters) and, for a
template family, from pieces of its control tokens: texts that nearly hold a token find a scanner
that is off by one. `without` removes the whole ones.
"""

from __future__ import annotations

import json
import string
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from axonflow_core.codec import Feature, call_id
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    ContentBlock,
    Data,
    Document,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
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
from .json_strategies import UNICODE, json_objects, json_values, schemas
from .option_values import options_of

T = TypeVar("T")

# ── texts ─────────────────────────────────────────────────────────────────────────────────

_EDGES = st.sampled_from(
    [
        "",
        " ",
        "\n",
        "\n\n",
        "\t",
        "\r\n",
        " a ",
        "\0",
        "\\",
        '"',
        "é",
        "e\u0301",
        "\N{ZERO WIDTH SPACE}",
        "\U0001f600",
    ]
)
_WORDS = st.text(alphabet=string.ascii_letters + string.digits, min_size=1, max_size=8)
_COUNTS = st.none() | st.integers(0, 10**6)
_SHARES = st.sampled_from([0, 1, 0.0, 1.0, 0.5, 0.999]) | st.floats(0, 1)
_BASE64 = st.binary(min_size=1, max_size=12).map(lambda data: b64encode(data).decode())


def texts(tokens: tuple[str, ...] = ()) -> SearchStrategy[str]:
    """Any text that holds none of `tokens`, though it comes close: pieces of them are drawn often.
    Length 0 to about 40 characters."""
    near = [piece for token in tokens for piece in (token[:-1], token[1:], token[:2], token[-2:])]
    pieces = st.one_of(_EDGES, st.text(UNICODE, max_size=10), st.sampled_from(near or ["x"]))
    return st.lists(pieces, max_size=4).map("".join).map(lambda text: without(text, tokens))


def plain_texts() -> SearchStrategy[str]:
    """Letters, digits and blanks: no template has a token made of these alone."""
    return st.text(alphabet="abXY 09\u00e9\u6f22\U0001f600", min_size=1, max_size=12)


def without(text: str, tokens: tuple[str, ...]) -> str:
    """`text` with the last character of every token removed, until it holds none: removing one may
    form another."""
    while held := [token for token in tokens if token in text]:
        for token in held:
            text = text.replace(token, token[:-1])
    return text


def pieces(draw: DrawFn, whole: Sequence[T]) -> list[Sequence[T]]:
    """`whole`, cut anywhere; some pieces are empty."""
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=4)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def _flat_schema(properties: Mapping[str, Json], required: set[str]) -> Json:
    """Named arguments and no more; the required ones in the order of their description."""
    named = [name for name in properties if name in required]
    return {"type": "object", "properties": properties, **({"required": named} if named else {})}


_CALL_IDS = _WORDS.map("call_{}".format)
_TOOL_USES = st.builds(
    ToolUse, _CALL_IDS, _WORDS, st.just({"city": "Oslo", "days": 3}) | json_objects()
)
_TOOLS = st.builds(
    Tool,
    _WORDS,
    st.none() | texts(),
    schemas(),
)
_PROPERTIES = st.fixed_dictionaries(
    {"type": st.sampled_from(["string", "integer", "number", "boolean", "array", "object"])},
    optional={"description": texts()},
)
_FLAT_TOOLS = st.builds(
    Tool,
    _WORDS,
    st.none() | texts(),
    st.dictionaries(_WORDS, _PROPERTIES, max_size=3).flatmap(
        lambda properties: st.sets(st.sampled_from([*properties, ""])).map(
            lambda required: _flat_schema(properties, required - {""})
        )
    ),
)
_SETTINGS = st.dictionaries(_WORDS.map("x_{}".format), json_values(), max_size=2)
_CACHE_POINTS = st.sampled_from([CachePoint(), CachePoint("5m"), CachePoint("1h")])
_SIGNED_REASONING = st.builds(Reasoning, texts(), _BASE64) | _BASE64.map(
    lambda data: Reasoning(redacted=data)
)
_THOUGHTS = texts().map(lambda text: Reasoning(text or "hm"))
_DOCUMENTS = st.builds(
    Document,
    st.builds(Media, st.just(MediaKind.BASE64), _BASE64, st.just("application/pdf")),
    name=_WORDS,
)
_CITED_DOCUMENTS = _DOCUMENTS.map(lambda document: evolve(document, citations={"enabled": True}))


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────


@frozen(eq=False)
class _Parts:
    """The strategies for the parts of a request or answer, each built once for one codec."""

    claims: Claims

    def has(self, feature: Feature) -> bool:
        return self.claims.has(feature)

    def perhaps(self, feature: Feature, values: SearchStrategy[T]) -> SearchStrategy[T | None]:
        """`values` or None where the codec has `feature`, else None alone."""
        return st.none() | values if self.has(feature) else st.none()

    # blocks

    @property
    def calls_anywhere(self) -> bool:
        """Without ids a result must follow its call; then a call and its result are the last two
        messages."""
        return self.has(Feature.TOOLS) and self.claims.codec.has_call_ids

    @cached_property
    def texts(self) -> SearchStrategy[str]:
        return texts(self.claims.codec.control_tokens)

    @cached_property
    def text_blocks(self) -> SearchStrategy[Text]:
        return st.builds(Text, self.texts)

    @cached_property
    def images(self) -> SearchStrategy[Image]:
        """Pictures from every source that the codec takes, as it was asked by `Claims.media`."""
        types = st.sampled_from(["image/png", "image/jpeg", "image/gif", "image/webp"])
        sources = {
            MediaKind.BASE64: st.builds(Media, st.just(MediaKind.BASE64), _BASE64, types),
            MediaKind.URL: st.builds(
                Media, st.just(MediaKind.URL), _WORDS.map("https://a.example/{}".format)
            ),
        }
        return st.builds(Image, st.one_of([sources[kind] for kind in self.claims.media]))

    @cached_property
    def tool_results(self) -> SearchStrategy[ToolResult]:
        """Results of tools; with several blocks, pictures, JSON and failure where the codec has
        them."""
        forms: list[SearchStrategy[Any]] = []
        if self.has(Feature.MANY_BLOCKS):
            kinds: list[SearchStrategy[Any]] = [self.text_blocks]
            kinds += [self.images] if self.has(Feature.IMAGES) else []
            kinds += [st.builds(Data, json_objects())] if self.has(Feature.DATA) else []
            forms.append(st.lists(st.one_of(kinds), max_size=3).map(tuple))
        content = st.one_of(forms or [self.text_blocks.map(lambda text: (text,))])
        is_error = st.sampled_from([None, False, True] if self.has(Feature.TOOL_ERRORS) else [None])
        return st.builds(ToolResult, _CALL_IDS, content, is_error)

    @cached_property
    def of_users(self) -> SearchStrategy[ContentBlock]:
        """A block of a user's message."""
        kinds: list[SearchStrategy[Any]] = [self.text_blocks]
        kinds += [self.images] if self.has(Feature.IMAGES) else []
        if self.has(Feature.DOCUMENTS):
            kinds += [_DOCUMENTS]
            kinds += [_CITED_DOCUMENTS] if self.has(Feature.CITATIONS) else []
        kinds += [self.tool_results] if self.calls_anywhere else []
        return st.one_of(kinds)

    @cached_property
    def of_models(self) -> SearchStrategy[ContentBlock]:
        """A block of an assistant's message."""
        kinds: list[SearchStrategy[Any]] = [self.text_blocks]
        kinds += [_TOOL_USES] if self.calls_anywhere else []
        kinds += [self.reasoning] if self.has(Feature.REASONING) else []
        return st.one_of(kinds)

    @cached_property
    def reasoning(self) -> SearchStrategy[Reasoning]:
        """Reasoning, also signed and redacted where the codec has that."""
        plain = st.builds(Reasoning, texts())
        return plain | _SIGNED_REASONING if self.has(Feature.SIGNED_REASONING) else plain

    # messages

    @cached_property
    def content(self) -> Mapping[Role, SearchStrategy[tuple[ContentBlock, ...]]]:
        """The content of one message, by role."""
        kinds: Mapping[Role, SearchStrategy[Any]] = {
            Role.USER: self.of_users,
            Role.ASSISTANT: self.of_models,
            Role.SYSTEM: self.text_blocks,
        }
        return {role: self._several(blocks, at_least=1) for role, blocks in kinds.items()}

    def _several(
        self, blocks: SearchStrategy[Any], *, at_least: int
    ) -> SearchStrategy[tuple[ContentBlock, ...]]:
        """The blocks of one message, some of them followed by a cache point, as far as the family
        takes them side by side."""
        if not self.has(Feature.MANY_BLOCKS):
            return st.lists(blocks, min_size=at_least, max_size=1).map(tuple)
        if self.has(Feature.CACHE_POINTS):
            cached = st.tuples(self.text_blocks, _CACHE_POINTS)
            runs = st.lists(
                st.one_of(st.tuples(blocks), st.tuples(blocks), cached),
                min_size=at_least,
                max_size=4,
            )
            several = runs.map(lambda drawn: tuple(block for run in drawn for block in run))
        else:
            several = st.lists(blocks, min_size=at_least, max_size=4).map(tuple)
        return several if self.has(Feature.MIXED_RESULTS) else several.map(_result_alone)

    @cached_property
    def roles(self) -> SearchStrategy[list[Role]]:
        """The order of roles. A system message is never first: what precedes a conversation is
        `system`."""
        if self.claims.codec.is_single_turn:
            return st.just([Role.USER])
        if not self.has(Feature.ANY_ROLE_ORDER):
            counts = [1, 2, 3, 4, 5] if self.has(Feature.PREFILL) else [1, 3, 5]
            return st.sampled_from(counts).map(
                lambda count: [*[Role.USER, Role.ASSISTANT] * 2, Role.USER][:count]
            )
        later = [
            Role.USER,
            Role.ASSISTANT,
            *([Role.SYSTEM] if self.has(Feature.MID_SYSTEM) else []),
        ]
        first = st.sampled_from(later[:2])
        roles = st.builds(
            lambda one, more: [one, *more], first, st.lists(st.sampled_from(later), max_size=4)
        )
        return roles if self.has(Feature.PREFILL) else roles.map(lambda drawn: [*drawn, Role.USER])

    @cached_property
    def messages(self) -> SearchStrategy[tuple[Message, ...]]:
        """Conversations in the order of `roles`. A family without call ids has its one exchange of
        call and result at the end, where the place decides which belong together."""
        of_role = {
            role: st.builds(Message, st.just(role), content)
            for role, content in self.content.items()
        }
        messages = self.roles.flatmap(lambda roles: st.tuples(*(of_role[role] for role in roles)))
        if self.has(Feature.TOOLS) and not self.calls_anywhere:
            exchanges = st.builds(_exchange, _TOOL_USES, self.tool_results)
            messages |= st.builds(lambda asked, exchange: asked + exchange, messages, exchanges)
        return messages.map(_begun) if self.claims.codec.control_tokens else messages

    @cached_property
    def system(self) -> SearchStrategy[tuple[ContentBlock, ...]]:
        return (
            self._several(self.text_blocks, at_least=0) if self.has(Feature.SYSTEM) else st.just(())
        )

    # tools and parameters

    @cached_property
    def tools(self) -> SearchStrategy[tuple[Tool | BuiltinTool | CachePoint, ...]]:
        """Tools of the caller, a built-in one and a cache point after them; flat schemas where the
        family's form has named parameters only."""
        if not self.has(Feature.TOOLS):
            return st.just(())
        tools = _TOOLS if self.claims.takes_any_schema else _FLAT_TOOLS
        ours = st.lists(tools, max_size=2, unique_by=lambda tool: tool.name)
        builtin = st.builds(
            BuiltinTool,
            st.just(self.claims.codec.dialect),
            st.just("bash_20250124"),
            st.just("bash"),
            _SETTINGS,
        )
        theirs = st.lists(builtin, max_size=1 if self.has(Feature.BUILTIN_TOOLS) else 0)
        points = st.lists(_CACHE_POINTS, max_size=1 if self.has(Feature.CACHE_POINTS) else 0)
        return st.builds(
            lambda ours, theirs, points: (*ours, *theirs, *(points if ours else ())),
            ours,
            theirs,
            points,
        )

    @cached_property
    def inference(self) -> SearchStrategy[Inference]:
        """Sampling parameters. A family that requires a limit always gets one: its codec would add
        its own, and the request would not come back as itself."""
        is_limit_required = (
            self.claims.facts.default_max_tokens or self.claims.codec.default_max_tokens
        ) is not None
        limits = st.integers(1, 8192)
        stops = st.lists(texts().map(lambda text: text or "END"), max_size=3).map(tuple)
        return st.builds(
            Inference,
            max_tokens=limits if is_limit_required else st.none() | limits,
            temperature=self.perhaps(Feature.TEMPERATURE, _SHARES),
            top_p=self.perhaps(Feature.TOP_P, _SHARES),
            top_k=self.perhaps(Feature.TOP_K, st.integers(0, 500)),
            stop_sequences=stops if self.has(Feature.STOP_SEQUENCES) else st.just(()),
            seed=self.perhaps(Feature.SEED, st.integers(0, 2**31)),
            presence_penalty=self.perhaps(Feature.PRESENCE_PENALTY, _SHARES),
            frequency_penalty=self.perhaps(Feature.FREQUENCY_PENALTY, _SHARES),
        )

    @cached_property
    def tool_choices(self) -> SearchStrategy[ToolChoice | None]:
        return st.sampled_from(
            [None, *(self.claims.tool_choices if self.has(Feature.TOOL_CHOICE) else [])]
        )

    @cached_property
    def output_schemas(self) -> SearchStrategy[OutputSchema | None]:
        """The output schemas that the codec takes, with properties of any kind."""
        asked = st.sampled_from([None, *self.claims.output_schemas])
        return st.builds(_with_schema, asked, schemas())

    @cached_property
    def reasoning_requests(self) -> SearchStrategy[ReasoningRequest | None]:
        return st.sampled_from(
            [None, *(self.claims.reasoning_requests if self.has(Feature.REASONING) else [])]
        )

    @cached_property
    def options(self) -> SearchStrategy[dict[str, Json]]:
        """Options with values of their types."""
        return options_of(self.claims.codec.options - self._fields_of_their_own)

    @cached_property
    def _fields_of_their_own(self) -> set[str]:
        """Options that replace a neutral field, whose values are drawn for that field."""
        has_schema = self.has(Feature.OUTPUT_SCHEMA) or self.has(Feature.JSON_OUTPUT)
        of_choices = {"tool_choice", "allowedFunctionNames"}
        return {*of_choices, *(["response_format"] if has_schema else [])}

    # answers

    @cached_property
    def answer_content(self) -> SearchStrategy[tuple[ContentBlock, ...]]:
        """The content of an answer. A family that joins blocks has one text, with reasoning before
        it and tool calls after it."""
        if self.has(Feature.MANY_BLOCKS):
            return st.lists(self.of_models, max_size=4).map(tuple)
        texts_only: SearchStrategy[Any] = st.tuples(st.builds(Text, texts()))
        if self.claims.answers_with_thoughts:
            thoughts = self.reasoning if self.has(Feature.REASONING) else _THOUGHTS
            answers = st.builds(Text, texts().map(lambda text: text or "a"))
            texts_only |= st.tuples(thoughts) | st.tuples(thoughts, answers)
        if not self.has(Feature.TOOLS):
            return texts_only
        calls: SearchStrategy[Any] = st.lists(_TOOL_USES, min_size=1, max_size=3).map(tuple)
        if not self.claims.codec.has_call_ids:
            calls = calls.map(_known_by_place)
        both = st.builds(lambda texts, calls: texts + calls, texts_only, calls)
        return st.one_of(texts_only, calls, both)

    @cached_property
    def stops(self) -> SearchStrategy[tuple[str, StopReason]]:
        """A native name with its reason, or an undocumented name."""
        return st.sampled_from(
            [*self.claims.codec.stop_reasons.table.items(), ("bored", StopReason.OTHER)]
        )

    @cached_property
    def usage(self) -> SearchStrategy[Usage]:
        """Counts of those kinds that the family's answers carry."""
        return st.builds(
            Usage, **{name: _COUNTS for name in self.claims.tells if name.endswith("_tokens")}
        )


def _with_schema(asked: OutputSchema | None, schema: Json) -> OutputSchema | None:
    """What is asked for, with a schema of its own."""
    if asked is None or asked.schema is None:
        return asked
    return evolve(asked, schema=schema)


def _result_alone(blocks: tuple[ContentBlock, ...]) -> tuple[ContentBlock, ...]:
    """For a family whose tool results stand in messages of their own."""
    results = tuple(block for block in blocks if isinstance(block, ToolResult))
    return results[:1] or blocks


def _known_by_place(calls: tuple[ToolUse, ...]) -> tuple[ToolUse, ...]:
    """Calls with the ids that a family without ids gives them: `call_1` first."""
    return tuple(evolve(call, id=call_id(place)) for place, call in enumerate(calls))


def _exchange(call: ToolUse, result: ToolResult) -> tuple[Message, ...]:
    """A call and its result, for a family that has no ids for them."""
    (call,) = _known_by_place((call,))
    answer = evolve(result, tool_use_id=call.id)
    return Message(Role.ASSISTANT, (call,)), Message(Role.USER, (answer,))


def _begun(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The conversation without an empty answer at its end, which a template cannot encode: it would
    be no text at all."""
    *before, last = messages
    return (
        messages
        if last != Message(Role.ASSISTANT, (Text(""),))
        else (*before, evolve(last, content=(Text("a"),)))
    )


# ── requests and answers ──────────────────────────────────────────────────────────────────────────


def requests(claims: Claims) -> SearchStrategy[CompletionRequest]:
    """A request that comes back as itself."""
    parts = _Parts(claims)
    return st.builds(
        CompletionRequest,
        messages=parts.messages,
        system=parts.system,
        inference=parts.inference,
        tools=parts.tools,
        tool_choice=parts.tool_choices,
        reasoning=parts.reasoning_requests,
        output_schema=parts.output_schemas,
        service_tier=parts.perhaps(Feature.SERVICE_TIER, _WORDS),
        metadata=parts.perhaps(Feature.METADATA, st.dictionaries(_WORDS, _WORDS, max_size=2)),
        options=parts.options,
    )


def joined_requests(claims: Claims) -> SearchStrategy[CompletionRequest]:
    """Plain texts in every shape that the codec encodes, joined or not: blocks, roles, system
    texts."""

    def takes(feature: Feature) -> bool:
        return claims.has(feature) or claims.joins(feature)

    most = 3 if takes(Feature.MANY_BLOCKS) else 1
    blocks = st.lists(st.builds(Text, plain_texts()), min_size=1, max_size=most).map(tuple)
    asked = st.builds(Message, st.just(Role.USER), blocks)
    roles = [Role.USER, Role.ASSISTANT, *([Role.SYSTEM] if takes(Feature.MID_SYSTEM) else [])]
    turns = st.lists(st.builds(Message, st.sampled_from(roles), blocks), max_size=4)
    conversations = st.builds(lambda first, more, last: (first, *more, last), asked, turns, asked)
    return st.builds(
        CompletionRequest,
        messages=conversations if takes(Feature.ANY_ROLE_ORDER) else st.tuples(asked),
        system=st.just(()) | blocks if takes(Feature.SYSTEM) else st.just(()),
        inference=st.just(Inference(max_tokens=1)),
    )


def completions(claims: Claims, *, is_streamed: bool = False) -> SearchStrategy[Completion]:
    """An answer. A streamed one always has a stop reason and every fact that the family's answers
    carry, because a stream that lacks one may take it from the `StreamContext`."""
    parts = _Parts(claims)

    def carried(fact: str, values: SearchStrategy[T]) -> SearchStrategy[T | None]:
        if fact not in claims.tells:
            return st.none()
        return values if is_streamed else st.none() | values

    sequences, details = (
        carried("stop_sequence", texts()),
        carried("stop_details", st.just({"category": None})),
    )
    answers = st.builds(
        Completion,
        content=parts.answer_content,
        stop_reason=st.none(),
        usage=parts.usage,
        id=carried("id", _WORDS),
        model=carried("model", _WORDS),
        created=carried("created", st.integers(0, 2**33)),
        service_tier=carried("service_tier", _WORDS),
    )
    has_word_for_tools = StopReason.TOOL_USE in claims.codec.stop_reasons.table.values()
    stopped = st.builds(_stopped, answers, parts.stops, sequences, details)
    if not has_word_for_tools:
        stopped = stopped.map(_stopped_for_its_call)
    return stopped if is_streamed else answers | stopped


def _stopped(
    answer: Completion, stop: tuple[str, StopReason], sequence: str | None, details: Json
) -> Completion:
    """An answer with its stop reason, and the details that belong to this reason alone."""
    native, reason = stop
    return evolve(
        answer,
        stop_reason=reason,
        native_stop_reason=native,
        stop_sequence=sequence if reason is StopReason.STOP_SEQUENCE else None,
        stop_details=details if reason is StopReason.REFUSAL else None,
    )


def _stopped_for_its_call(answer: Completion) -> Completion:
    """Where a family has no word for it, a whole answer that calls a tool stops for that."""
    is_calling = any(isinstance(block, ToolUse) for block in answer.content)
    is_whole = answer.stop_reason is StopReason.END_TURN
    return evolve(answer, stop_reason=StopReason.TOOL_USE) if is_calling and is_whole else answer


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def streams(claims: Claims) -> SearchStrategy[tuple[Completion, list[Batch]]]:
    """An answer and the batches that add up to it: its deltas split anywhere, its events grouped
    anyhow."""
    return _streamed(completions(claims, is_streamed=True))


@st.composite
def _streamed(draw: DrawFn, answers: SearchStrategy[Completion]) -> tuple[Completion, list[Batch]]:
    """An answer and its events in batches of random size."""
    completion, is_announced = draw(answers), draw(st.booleans())
    events: list[StreamEvent] = [Started(completion.id, completion.model, completion.created)]
    for index, block in enumerate(completion.content):
        events += _events_of_block(draw, index, block, is_announced=is_announced)
    events += _last_events(completion)
    return completion, [tuple(batch) for batch in pieces(draw, events) if batch]


def _events_of_block(
    draw: DrawFn, index: int, block: ContentBlock, *, is_announced: bool
) -> list[StreamEvent]:
    """The events of one block, its text split at random. A text need not be announced, a tool call
    always is."""
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
    """The deltas of a block between its start and its stop."""
    return [BlockStart(index, block), *deltas, BlockStop(index)]


def _written(draw: DrawFn, arguments: Json) -> str:
    """The JSON text of a tool's arguments as a model may write it: with blanks and escapes,
    without, or not at all."""
    if arguments == {} and draw(st.booleans()):
        return ""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    return json.dumps(arguments, ensure_ascii=draw(st.booleans()), separators=separators)


def _last_events(completion: Completion) -> list[StreamEvent]:
    """The end of a stream: counts, stop reason, terminal event."""
    stopped = Stopped(
        completion.stop_reason or StopReason.OTHER,
        completion.native_stop_reason,
        completion.stop_sequence,
        completion.stop_details,
    )
    return [UsageUpdate(completion.usage, completion.service_tier), stopped, Ended()]
