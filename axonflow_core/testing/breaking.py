"""Ways to break a codec: each takes a good one and gives one with a mistake that authors make.

    sends         changes a request before it is encoded
    writes        changes the native request
    reads         changes a request that was decoded
    hears         changes an answer that was decoded
    streams_in    changes the events that were decoded
    streams_out   changes the events that are to be encoded

What is changed, and how, is a function of its own: `blocks(drop(Image))`, `inference(top_k=None)`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any, TypeAlias

import attrs

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.errors import EncodeError, MalformedRequest
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    EMPTY,
    Completion,
    CompletionRequest,
    Json,
    Message,
    Text,
    ToolUse,
)
from axonflow_core.stream import Batch, Ended, Extra, StreamEvent

from ..recordings.json_equality import protocol_objects
from .checking import UNKNOWN_KEY

Break: TypeAlias = Callable[[Codec], Codec]
Change: TypeAlias = Callable[[Any], Any]
Replace: TypeAlias = Callable[[Any], Sequence[Any]]
"""What stands in the place of one block or event: nothing, itself, others."""


# ── where ─────────────────────────────────────────────────────────────────────────────────────────


def sends(change: Change) -> Break:
    """Breaks the client's requests: `change` is applied before encoding."""
    return lambda codec: evolve(
        codec, encode_request=lambda request, facts: codec._encode_request(change(request), facts)
    )


def writes(change: Change) -> Break:
    """Breaks the client's requests: `change` is applied to the native body."""
    return lambda codec: evolve(
        codec, encode_request=lambda request, facts: change(codec._encode_request(request, facts))
    )


def reads(change: Change) -> Break:
    """Breaks the server's requests: `change` is applied after decoding."""
    return lambda codec: evolve(
        codec, decode_request=lambda body, facts: change(codec._decode_request(body, facts))
    )


def hears(change: Change) -> Break:
    """Breaks the client's answers: `change` is applied after decoding."""
    return lambda codec: evolve(
        codec, decode_response=lambda body, facts: change(codec._decode_response(body, facts))
    )


def streams_in(change: Replace) -> Break:
    """Breaks decoded streams: each event is replaced by what `change` returns, none, one or several
    events. The batch stays the batch of its chunk."""

    def broken(codec: Codec) -> Codec:
        class Changed:
            def __init__(self, facts: ModelFacts) -> None:
                self._chunks = codec.stream_decoder(facts)

            def feed(self, chunk: Json) -> Batch:
                return tuple(new for event in self._chunks.feed(chunk) for new in change(event))

        return evolve(codec, stream_decoder=Changed)

    return broken


def streams_out(change: Replace) -> Break:
    """Breaks encoded streams: each event is replaced before it is encoded, within its batch."""

    def broken(codec: Codec) -> Codec:
        class Changed:
            def __init__(self, *context: Any) -> None:
                self._chunks = codec.stream_encoder(*context)

            def encode(self, batch: Batch) -> Sequence[Json]:
                return self._chunks.encode(tuple(new for event in batch for new in change(event)))

        return evolve(codec, stream_encoder=Changed)

    return broken


def record(**changes: Any) -> Break:
    """Changes what the record declares. A callable gets the codec and returns the new value,
    anything else is the value itself:

        record(options=frozenset(), features=lambda codec: codec.features | {Feature.TOP_K})
    """

    def broken(codec: Codec) -> Codec:
        return evolve(
            codec, **{name: new(codec) if callable(new) else new for name, new in changes.items()}
        )

    return broken


# ── what ──────────────────────────────────────────────────────────────────────────────────────────


def setting(**changes: Any) -> Change:
    """Other values for these fields."""
    return lambda value: evolve(value, **changes)


def inference(**changes: Any) -> Change:
    """Other values for these sampling parameters of a request."""
    return lambda request: evolve(request, inference=evolve(request.inference, **changes))


def blocks(replace: Replace) -> Change:
    """Other blocks in the place of each block: of a request's messages, or of an answer."""

    def replaced(content: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(new for block in content for new in replace(block))

    return contents(replaced)


def contents(change: Change) -> Change:
    """Another content in the place of each message's, or of an answer's."""

    def changed(value: CompletionRequest | Completion) -> CompletionRequest | Completion:
        if isinstance(value, Completion):
            return evolve(value, content=change(value.content))
        messages = tuple(
            evolve(message, content=change(message.content)) for message in value.messages
        )
        return evolve(value, messages=messages)

    return changed


def each(kind: Any, **changes: Any) -> Replace:
    """Sets attributes of every block or event of one kind."""
    return lambda item: [evolve(item, **changes) if isinstance(item, kind) else item]


def drop(kind: Any, *, where: Callable[[Any], bool] = lambda item: True) -> Replace:
    """Removes blocks or events of a class, where `where` holds."""
    return lambda item: [] if isinstance(item, kind) and where(item) else [item]


def stripped(item: Any) -> Sequence[Any]:
    """Strips blanks from a text block or delta."""
    return [evolve(item, text=item.text.strip())] if hasattr(item, "text") else [item]


def merged_texts(content: tuple[Any, ...]) -> tuple[Any, ...]:
    """Merges adjacent text blocks into one."""
    merged: list[Any] = []
    for block in content:
        if merged and isinstance(block, Text) and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + block.text)
        else:
            merged.append(block)
    return tuple(merged)


def merged_messages(request: CompletionRequest) -> CompletionRequest:
    """Merges consecutive messages of one role."""
    merged: list[Message] = []
    for message in request.messages:
        if merged and merged[-1].role is message.role:
            merged[-1] = evolve(message, content=merged[-1].content + message.content)
        else:
            merged.append(message)
    return evolve(request, messages=tuple(merged))


def refusing(holds: Callable[[str], bool], feature: str = "text") -> Change:
    """Refuses a request when one of its messages `holds` something."""

    def check(request: CompletionRequest) -> CompletionRequest:
        if any(holds(message.text) for message in request.messages):
            raise EncodeError("not this", feature=feature)
        return request

    return check


# ── the whole codec ───────────────────────────────────────────────────────────────────────────────


def pass_through(codec: Codec) -> Codec:
    """Keeps a whole body in `extra` and gives it back: no round trip of a body can tell."""
    return evolve(
        codec,
        decode_request=lambda body, facts: CompletionRequest((), extra=body),
        decode_response=lambda body, facts: Completion((), None, extra=body),
        stream_decoder=lambda facts: _PassThroughChunks(),
    )


class _PassThroughChunks:
    """Keeps every chunk whole, and ends the stream with each."""

    def feed(self, chunk: Json) -> Batch:
        return (Extra(chunk), Ended())


class _Netless(Codec):
    """A record whose functions raise what they raise."""

    def decode_request(self, body: Json, facts: ModelFacts) -> CompletionRequest:
        return self._decode_request(body, facts)

    def decode_response(self, body: Json, facts: ModelFacts) -> Completion:
        return self._decode_response(body, facts)


class _Obliging(Codec):
    """A record that refuses nothing."""

    def _refuse_undeclared(self, *_: Any) -> None:
        return


def netless(codec: Codec) -> Codec:
    """Without the guard that `Codec` puts around a decoder."""
    return _rebuilt(_Netless, codec)


def obliging(codec: Codec) -> Codec:
    """Encodes what it does not declare."""
    return _rebuilt(_Obliging, codec)


def _rebuilt(kind: type[Codec], codec: Codec) -> Codec:
    """A codec of another class with the same record."""
    members = (member for member in attrs.fields(Codec) if member.init)
    return kind(**{str(member.alias): getattr(codec, member.name) for member in members})


def credulous(codec: Codec) -> Codec:
    """Takes every body and then cannot write what it took."""

    def decode(body: Json, facts: ModelFacts) -> CompletionRequest:
        try:
            return codec.decode_request(body, facts)
        except MalformedRequest:
            return CompletionRequest("taken", spelling={_TAKEN: True})

    def encode(request: CompletionRequest, facts: ModelFacts) -> Json:
        if _TAKEN in request.spelling:
            raise KeyError(_TAKEN)
        return codec.encode_request(request, facts)

    return evolve(codec, decode_request=decode, encode_request=encode)


_TAKEN = "taken unread"


def forgeable(codec: Codec) -> Codec:
    """Declares no control tokens and lets them past the template too."""
    stand_ins = {token: f"\ue000{number}" for number, token in enumerate(codec.control_tokens)}
    tokens = {stand_in: token for token, stand_in in stand_ins.items()}
    hide = blocks(
        lambda block: (
            [evolve(block, text=_replaced(block.text, stand_ins))] if _is_text(block) else [block]
        )
    )
    return writes(lambda native: _everywhere(native, tokens))(
        sends(hide)(evolve(codec, control_tokens=()))
    )


def _is_text(block: Any) -> bool:
    return isinstance(block, Text)


def _replaced(text: str, others: dict[str, str]) -> str:
    for one, other in others.items():
        text = text.replace(one, other)
    return text


def _everywhere(native: Json, others: dict[str, str]) -> Json:
    """`native` with the texts replaced in every string of it."""
    match native:
        case str():
            return _replaced(native, others)
        case list():
            return [_everywhere(item, others) for item in native]
        case dict():
            return {key: _everywhere(member, others) for key, member in native.items()}
    return native


def renumbered(event: Any) -> list[StreamEvent]:
    """Counts the blocks of a stream from 1."""
    return [evolve(event, index=event.index + 1)] if hasattr(event, "index") else [event]


def ended_by(kind: Any) -> Replace:
    """A stream that counts as whole as soon as an event of `kind` has come."""
    return lambda event: [event, Ended()] if isinstance(event, kind) else [event]


# ── what equality cannot see ──────────────────────────────────────────────────────────────────────


def says(change: Change) -> Break:
    """Changes an answer before it is encoded."""
    return lambda codec: evolve(
        codec,
        encode_response=lambda answer, facts: codec._encode_response(change(answer), facts),
    )


class _HiddenText(str):
    """Equal to its text; a broken codec tells it apart by its class."""


class _HiddenBlocks(tuple[Any, ...]):
    """Equal to its blocks; a broken codec tells it apart by its class."""


def hidden_in_text(codec: Codec) -> Codec:
    """Puts what it read past the check of the values into a subclass of str, and writes that in
    another way."""
    return sends(blocks(_louder))(reads(_hiding_text)(codec))


def hidden_in_answers(codec: Codec) -> Codec:
    """As `hidden_in_text`, in answers."""
    return says(blocks(_louder))(hears(_hiding_text)(codec))


def _hiding_text(value: Any) -> Any:
    """Puts each text into a subclass of str, past the converter that would make it a plain one."""
    for block in _blocks_of(value):
        if type(block) is Text:
            object.__setattr__(block, "text", _HiddenText(block.text))
    return value


def _blocks_of(value: Any) -> list[Any]:
    if isinstance(value, Completion):
        return list(value.content)
    return [block for message in value.messages for block in message.content]


def _louder(block: Any) -> list[Any]:
    """A block with `!` after a text that is marked."""
    is_hidden = type(block) is Text and type(block.text) is _HiddenText
    return [evolve(block, text=f"{block.text}!") if is_hidden else block]


def hidden_in_a_tuple(codec: Codec) -> Codec:
    """Marks a content with a subclass of tuple, and writes what is marked in another way."""

    def hide(request: CompletionRequest) -> CompletionRequest:
        for message in request.messages:
            object.__setattr__(message, "content", _HiddenBlocks(message.content))
        return request

    def reveal(request: CompletionRequest) -> CompletionRequest:
        if any(type(message.content) is _HiddenBlocks for message in request.messages):
            return evolve(request, messages=tuple(map(_shouted, request.messages)))
        return request

    return sends(reveal)(reads(hide)(codec))


def _shouted(message: Message) -> Message:
    return evolve(message, content=(*message.content[:-1], Text(f"{message.text}!")))


def known_by_identity(codec: Codec) -> Codec:
    """Remembers the requests that it read, and writes those in another way."""
    known: list[CompletionRequest] = []

    def remember(request: CompletionRequest) -> CompletionRequest:
        known.append(request)
        return request

    def reveal(request: CompletionRequest) -> CompletionRequest:
        if not any(_is_of(request, one) for one in known[-3:]):
            return request
        return evolve(request, messages=tuple(map(_shouted, request.messages)))

    return sends(reveal)(reads(remember)(codec))


def _is_of(request: CompletionRequest, read: CompletionRequest) -> bool:
    """Whether a request is one that was read, if with other parameters."""
    return request.messages is read.messages


def known_by_the_empty_mapping(codec: Codec) -> Codec:
    """Takes an `extra` that is the shared empty mapping for another one than `{}`."""

    def reveal(request: CompletionRequest) -> CompletionRequest:
        if request.messages and request.messages[0].extra is EMPTY:
            return evolve(request, messages=tuple(map(_shouted, request.messages)))
        return request

    return sends(reveal)(codec)


def known_by_the_order_of_members(codec: Codec) -> Codec:
    """Writes the arguments of a tool call as a text in whose order their members happen to be."""

    def reveal(request: CompletionRequest) -> CompletionRequest:
        calls = (block for block in _blocks_of(request) if isinstance(block, ToolUse))
        if all(list(call.input) == sorted(call.input) for call in calls):
            return request
        return evolve(request, messages=tuple(map(_shouted, request.messages)))

    return sends(reveal)(codec)


def counting(codec: Codec) -> Codec:
    """Writes every second request in another way."""
    calls = [0]

    def reveal(request: CompletionRequest) -> CompletionRequest:
        calls[0] += 1
        if calls[0] % 2:
            return request
        return evolve(request, messages=tuple(map(_shouted, request.messages)))

    return sends(reveal)(codec)


# ── edits ─────────────────────────────────────────────────────────────────────────────────────────


def after_an_edit(change: Change) -> Break:
    """Changes a request that was read and then edited: its parameters are those that came, and its
    messages are not."""

    def broken(codec: Codec) -> Codec:
        read: list[CompletionRequest] = []

        def remember(request: CompletionRequest) -> CompletionRequest:
            read.append(request)
            return request

        def edited(request: CompletionRequest) -> CompletionRequest:
            before = next((one for one in read[-1:] if one.inference is request.inference), None)
            is_edited = before is not None and before.messages != request.messages
            return change((request, before)) if is_edited else request

        return sends(edited)(reads(remember)(codec))

    return broken


def to_the_edited(change: Change) -> Break:
    """As `after_an_edit`, for a change that does not ask what came."""
    return after_an_edit(lambda pair: change(pair[0]))


def undone(pair: tuple[CompletionRequest, CompletionRequest]) -> CompletionRequest:
    """The messages as they came: the edit is lost."""
    return evolve(pair[0], messages=pair[1].messages)


def cut(text: Any) -> Sequence[Any]:
    """A text without its last character."""
    return [evolve(text, text=text.text[:-1]) if isinstance(text, Text) else text]


def doubled(text: Any) -> Sequence[Any]:
    """A text twice over."""
    return [evolve(text, text=text.text * 2) if isinstance(text, Text) else text]


# ── nulls ─────────────────────────────────────────────────────────────────────────────────────────


def null_as(stand_in: Json) -> Break:
    """Reads every documented null as another value, in requests, answers and chunks."""

    def change(codec: Codec, native: Json) -> Json:
        native = deepcopy(native)
        for owner in protocol_objects(native):
            for key in [key for key, member in owner.items() if member is None]:
                if key in codec.documented:
                    owner[key] = deepcopy(stand_in)
        return native

    return lambda codec: _misreading(codec, lambda native: change(codec, native))


def null_refused(codec: Codec) -> Codec:
    """Raises `TypeError` at every documented null."""

    def check(native: Json) -> Json:
        if _has_null(codec, native):
            raise TypeError("a null")
        return native

    return _misreading(codec, check)


def null_ends(codec: Codec) -> Codec:
    """Ends a stream where a chunk has a documented null."""
    return _with_nulls_in_chunks(codec, lambda batch: (*batch, Ended()))


def null_loses_the_chunk(codec: Codec) -> Codec:
    """Skips a chunk that has a documented null."""
    return _with_nulls_in_chunks(codec, lambda batch: ())


def _with_nulls_in_chunks(codec: Codec, change: Callable[[Batch], Batch]) -> Codec:
    """`codec`, whose batch is another one where a chunk has a documented null."""

    class Changed:
        def __init__(self, facts: ModelFacts) -> None:
            self._chunks = codec.stream_decoder(facts)

        def feed(self, chunk: Json) -> Batch:
            batch = self._chunks.feed(chunk)
            return change(batch) if _has_null(codec, chunk) else batch

    return evolve(codec, stream_decoder=Changed)


def _has_null(codec: Codec, native: Json) -> bool:
    """Whether a documented member of the body is null."""
    return any(
        member is None and key in codec.documented
        for owner in protocol_objects(native)
        for key, member in owner.items()
    )


def _misreading(codec: Codec, change: Change) -> Codec:
    """`codec`, which reads `change(native)` in place of each native request, answer and chunk."""
    changed = evolve(
        codec,
        decode_request=lambda body, facts: codec._decode_request(change(body), facts),
        decode_response=lambda body, facts: codec._decode_response(change(body), facts),
    )
    inner: Any = getattr(codec, "_stream_decoder", None)  # codecs of unary calls have no streams
    if inner is None:
        return changed

    class Changed:
        def __init__(self, facts: ModelFacts) -> None:
            self._chunks = inner(facts)

        def feed(self, chunk: Json) -> Batch:
            batch: Batch = self._chunks.feed(change(chunk))
            return batch

    return evolve(changed, stream_decoder=Changed)


# ── members that are new ──────────────────────────────────────────────────────────────────────────


def new_member_refused(codec: Codec) -> Codec:
    """Raises `ValueError` at a member that nobody documents."""

    def check(native: Json) -> Json:
        if _is_new(native):
            raise ValueError("a new member")
        return native

    return _misreading(codec, check)


def new_member_empties(codec: Codec) -> Codec:
    """Reads an answer with a new member as one without content."""

    def decode(body: Json, facts: ModelFacts) -> Completion:
        answer = codec._decode_response(body, facts)
        return evolve(answer, content=()) if _is_new(body) else answer

    return evolve(codec, decode_response=decode)


def beside_a_new_member(change: Replace) -> Break:
    """Replaces the events of a chunk that has a new member."""

    def broken(codec: Codec) -> Codec:
        class Changed:
            def __init__(self, facts: ModelFacts) -> None:
                self._chunks = codec.stream_decoder(facts)

            def feed(self, chunk: Json) -> Batch:
                batch = self._chunks.feed(chunk)
                if not _is_new(chunk):
                    return batch
                return tuple(new for event in batch for new in change(event))

        return evolve(codec, stream_decoder=Changed)

    return broken


def _is_new(native: Json) -> bool:
    """Whether a member that nobody documents stands anywhere in `native`."""
    if isinstance(native, dict):
        return UNKNOWN_KEY in native or any(map(_is_new, native.values()))
    return isinstance(native, list) and any(map(_is_new, native))
