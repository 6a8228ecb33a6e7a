"""Ways to break a codec: each takes a good one and gives one that makes a mistake people make.

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
from typing import Any, TypeAlias

import attrs
from attrs import evolve

from axonflow_core.codec import Codec, ModelFacts
from axonflow_core.errors import EncodeError, MalformedRequest
from axonflow_core.messages import Completion, CompletionRequest, Json, Message, Text
from axonflow_core.stream import Batch, Ended, Extra, StreamEvent

Break: TypeAlias = Callable[[Codec], Codec]
Change: TypeAlias = Callable[[Any], Any]
Replace: TypeAlias = Callable[[Any], Sequence[Any]]
"""What stands in the place of one block or event: nothing, itself, others."""


# ── where ─────────────────────────────────────────────────────────────────────────────────────────


def sends(change: Change) -> Break:
    return lambda codec: evolve(
        codec, encode_request=lambda request, facts: codec._encode_request(change(request), facts)
    )


def writes(change: Change) -> Break:
    return lambda codec: evolve(
        codec, encode_request=lambda request, facts: change(codec._encode_request(request, facts))
    )


def reads(change: Change) -> Break:
    return lambda codec: evolve(
        codec, decode_request=lambda body, facts: change(codec._decode_request(body, facts))
    )


def hears(change: Change) -> Break:
    return lambda codec: evolve(
        codec, decode_response=lambda body, facts: change(codec._decode_response(body, facts))
    )


def streams_in(change: Replace) -> Break:
    def broken(codec: Codec) -> Codec:
        class Changed:
            def __init__(self, facts: ModelFacts) -> None:
                self._chunks = codec.stream_decoder(facts)

            def feed(self, chunk: Json) -> Batch:
                return tuple(new for event in self._chunks.feed(chunk) for new in change(event))

        return evolve(codec, stream_decoder=Changed)

    return broken


def streams_out(change: Replace) -> Break:
    def broken(codec: Codec) -> Codec:
        class Changed:
            def __init__(self, *context: Any) -> None:
                self._chunks = codec.stream_encoder(*context)

            def encode(self, batch: Batch) -> Sequence[Json]:
                return self._chunks.encode(tuple(new for event in batch for new in change(event)))

        return evolve(codec, stream_encoder=Changed)

    return broken


def record(**changes: Any) -> Break:
    """Changes what the record declares. A callable gets the codec, anything else is the value."""

    def broken(codec: Codec) -> Codec:
        return evolve(
            codec, **{name: new(codec) if callable(new) else new for name, new in changes.items()}
        )

    return broken


# ── what ──────────────────────────────────────────────────────────────────────────────────────────


def setting(**changes: Any) -> Change:
    return lambda value: evolve(value, **changes)


def inference(**changes: Any) -> Change:
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
    return lambda item: [] if isinstance(item, kind) and where(item) else [item]


def stripped(item: Any) -> Sequence[Any]:
    return [evolve(item, text=item.text.strip())] if hasattr(item, "text") else [item]


def merged_texts(content: tuple[Any, ...]) -> tuple[Any, ...]:
    merged: list[Any] = []
    for block in content:
        if merged and isinstance(block, Text) and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + block.text)
        else:
            merged.append(block)
    return tuple(merged)


def merged_messages(request: CompletionRequest) -> CompletionRequest:
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
    def feed(self, chunk: Json) -> Batch:
        return (Extra(chunk), Ended())


class _Netless(Codec):
    def decode_request(self, body: Json, facts: ModelFacts) -> CompletionRequest:
        return self._decode_request(body, facts)

    def decode_response(self, body: Json, facts: ModelFacts) -> Completion:
        return self._decode_response(body, facts)


class _Obliging(Codec):
    def _refuse_undeclared(self, *_: Any) -> None:
        return


def netless(codec: Codec) -> Codec:
    """Without the net that `Codec` puts under a decoder."""
    return _rebuilt(_Netless, codec)


def obliging(codec: Codec) -> Codec:
    """Takes what it does not declare."""
    return _rebuilt(_Obliging, codec)


def _rebuilt(kind: type[Codec], codec: Codec) -> Codec:
    members = (member for member in attrs.fields(Codec) if member.init)
    return kind(**{str(member.alias): getattr(codec, member.name) for member in members})


def credulous(codec: Codec) -> Codec:
    """Takes every body and then cannot write what it took."""

    def decode(body: Json, facts: ModelFacts) -> CompletionRequest:
        try:
            return codec.decode_request(body, facts)
        except MalformedRequest:
            return CompletionRequest(body)

    return evolve(codec, decode_request=decode)


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
    match native:
        case str():
            return _replaced(native, others)
        case list():
            return [_everywhere(item, others) for item in native]
        case dict():
            return {key: _everywhere(member, others) for key, member in native.items()}
    return native


def renumbered(event: Any) -> list[StreamEvent]:
    return [evolve(event, index=event.index + 1)] if hasattr(event, "index") else [event]


def ended_by(kind: Any) -> Replace:
    """A stream that counts as whole as soon as an event of `kind` has come."""
    return lambda event: [event, Ended()] if isinstance(event, kind) else [event]
