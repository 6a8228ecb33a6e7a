"""DeepSeek R1 on InvokeModel: a prompt that opens a thought, and an answer that continues it.

    <｜begin▁of▁sentence｜>{system}<｜User｜>{user}<｜Assistant｜>{assistant}<｜end▁of▁sentence｜> …
    <｜User｜>{user}<｜Assistant｜><think>\\n

The bars are U+FF5C and the low blanks U+2581, not ASCII. The answer:

    {"choices": [{"text": "{reasoning}</think>{text}", "stop_reason": "stop"}]}

Theory of operation. The prompt ends with `<think>`, so an answer begins as reasoning: everything
before the first `</think>` is reasoning, everything after it is text. An answer cut off before the
tag (`stop_reason` `length`) is reasoning alone. The codec is therefore the ordinary codec of a text
completion (`_AS_ONE_TEXT`), between a split after decoding and a join before encoding.

A stream may cut the tag at any character, so the decoder is a machine of two states:

    thinking   text goes out as `ReasoningDelta` of block 0, except a suffix that may be the
               beginning of `</think>`: it is held in `_held` until the next chunk decides
    speaking   after the tag: text goes out as `TextDelta` of block 1, nothing is held

Invariant: at the last chunk `_held` is given out, so no character is lost; and a held piece is
recorded in the chunk it came in as an `Extra` of level `tag`, so that each batch can be encoded as
the very chunk it was decoded from.

The reasoning of earlier turns is left out of a prompt, as AWS and DeepSeek ask.

Source: AWS user guide, "DeepSeek models", and DeepSeek's tokenizer for the tokens, November 2026.
No exchange on InvokeModel was recorded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from axonflow_core.codec import FamilyCodec, Feature, ModelFacts, NativeNames, StreamContext
from axonflow_core.codec.json_members import only_in, string, unknown_members, without_none
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.hookspecs import hookimpl
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    ContentBlock,
    Json,
    Reasoning,
    Role,
    StopReason,
    Text,
)
from axonflow_core.stream import (
    Batch,
    BlockStart,
    Extra,
    ReasoningDelta,
    Stopped,
    StreamEvent,
    TextDelta,
)

from ..shapes.completions import (
    ChunkDecoder,
    ChunkEncoder,
    Form,
    Piece,
    completions_codec,
    write_request,
)
from ..shapes.templates import Conversation, Template, as_given

BEGIN, END = "<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>"
USER, ASSISTANT = "<｜User｜>", "<｜Assistant｜>"
OPEN, CLOSE = "<think>\n", "</think>"
OPENING = "<｜"
"""How every token of DeepSeek's begins, those for tools and padding too."""
_USER, _ASSISTANT = Role.USER, Role.ASSISTANT


# ── the template ──────────────────────────────────────────────────────────────────────────────────


def _render(conversation: Conversation) -> str:
    """The prompt of a conversation. The system text has no token of its own: it follows the first
    one."""
    pieces = [BEGIN, conversation.system or ""]
    for role, text in zip(conversation.roles, conversation.texts, strict=True):
        pieces += (USER, text) if role is _USER else (ASSISTANT, text, END)
    return "".join((*pieces, ASSISTANT, OPEN))


def _parse(prompt: str) -> Conversation | None:
    """The conversation in a prompt; None if `_render` would not have written it, which leaves it
    raw."""
    if not (prompt.startswith(BEGIN) and prompt.endswith(ASSISTANT + OPEN)):
        return None
    roles: list[Role] = []
    texts: list[str] = []
    for exchange in prompt[len(BEGIN) : -len(ASSISTANT + OPEN)].split(USER):
        asked, *answers = exchange.split(ASSISTANT)
        roles.append(_USER)
        texts.append(asked)
        for answer in answers:
            if not answer.endswith(END):
                return None
            roles.append(_ASSISTANT)
            texts.append(answer.removesuffix(END))
    return Conversation(
        texts[0] or None, roles[1:], texts[1:]
    )  # what stands before the first user is the system's


# A text with any of these could forge a turn; OPENING also covers the tokens for tools.
_TOKENS = (BEGIN, END, USER, ASSISTANT, OPENING)
TEMPLATE = Template(as_given, _render, _parse, _TOKENS, overlooked=_TOKENS)


# ── native answers ────────────────────────────────────────────────────────────────────────────────

_CHOICE_KEYS = frozenset({"text", "stop_reason"})
_CHOICES = frozenset({"choices"})


def _read(native: Json) -> Piece:
    """The one choice of an answer or chunk. `extra` holds unknown members of the body, `text_extra`
    those of the choice."""
    choice = only_in(native, "choices")
    return Piece(
        choice.get("text"),
        choice.get("stop_reason"),
        extra=unknown_members(native, _CHOICES),
        text_extra=unknown_members(choice, _CHOICE_KEYS),
    )


def _write_answer(piece: Piece) -> Json:
    """A whole answer; `stop_reason` is left out where there is none."""
    return {
        "choices": [
            {"text": piece.text, **without_none({"stop_reason": piece.stop}), **piece.text_extra}
        ],
        **piece.extra,
    }


def _write_chunk(piece: Piece) -> Json:
    """A chunk; `stop_reason` is null until the last."""
    return {
        "choices": [{"text": piece.text, "stop_reason": piece.stop, **piece.text_extra}],
        **piece.extra,
    }


def _bare_text(chunk: Json) -> Json:
    """The text of a chunk that has nothing else, `{"choices": [{"text": "…", "stop_reason":
    null}]}`, as most have; None for any other."""
    if len(chunk) == 1:
        choice = only_in(chunk, "choices")
        if len(choice) == 2 and choice.get("stop_reason", ...) is None:
            return choice["text"]
    return None


# ── reasoning and text in one ─────────────────────────────────────────────────────────────────────


def _apart(block: Text) -> tuple[ContentBlock, ...]:
    """A whole answer as reasoning and text. Without the tag it was cut off while it thought."""
    thought, found, text = block.text.partition(CLOSE)
    if not found:
        return (Reasoning(thought, extra=block.extra),)
    spoken = Text(text, extra=block.extra)
    return (Reasoning(thought), spoken) if thought else (spoken,)


def _joined(content: Sequence[ContentBlock]) -> tuple[ContentBlock, ...]:
    """`content` with its reasoning and its text as one text, the reasoning first."""
    thoughts = [block for block in content if isinstance(block, Reasoning)]
    texts = [block for block in content if isinstance(block, Text)]
    others = [block for block in content if not isinstance(block, Reasoning | Text)]
    thought = "".join(_written(block.text, block.signature, block.redacted) for block in thoughts)
    # The model's own reasoning cannot hold the tag; that of another model can.
    if CLOSE in thought:
        raise EncodeError(f"the reasoning holds {CLOSE!r}, which would end it", feature="reasoning")
    spoken = CLOSE + "".join(block.text for block in texts) if texts else ""
    extra = {
        key: value
        for extra in [block.extra for block in thoughts] + [block.extra for block in texts]
        for key, value in extra.items()
    }
    return (Text(thought + spoken, extra=extra), *others)


def _written(thought: str, signature: str | None, redacted: str | None) -> str:
    """The text of a thought; `EncodeError` for a signature or redacted content, which R1 does not
    have."""
    if signature is not None or redacted is not None:
        raise EncodeError(
            "DeepSeek R1 thinks in the open: reasoning that is signed or redacted has no place",
            feature="reasoning",
        )
    return thought


class _SplittingDecoder:
    """Separates reasoning from text, chunk by chunk; the states are those of the module's
    description."""

    def __init__(self) -> None:
        self._chunks = ChunkDecoder(_FORM, _STOP_REASONS)
        self._is_thinking = True
        self._held = ""
        """What came and may be the beginning of the tag."""

    def feed(self, chunk: Json) -> Batch:
        text = _bare_text(chunk)
        if text is not None:
            return self._bare(string(text))
        batch = self._chunks.feed(chunk)
        is_last = any(isinstance(event, Stopped) for event in batch)
        return tuple(
            event
            for whole in batch
            for event in (
                self._split(whole.text, is_last=is_last)
                if isinstance(whole, TextDelta)
                else (whole,)
            )
        )

    def _bare(self, text: str) -> Batch:
        """What most chunks are: nothing but text, which is on one side of the tag."""
        if not self._is_thinking:
            return (TextDelta(text, 1),)
        if text and not self._held and CLOSE[0] not in text:
            return (ReasoningDelta(text),)
        return tuple(self._split(text, is_last=False))

    def _split(self, text: str, *, is_last: bool) -> Iterator[StreamEvent]:
        """The events for a piece of text, which may hold the tag, end within it or lie on one side
        of it.

        When the stream ends, a held beginning of the tag turns out to be reasoning and is given
        out.
        """
        if not self._is_thinking:
            yield TextDelta(text, 1)
            return
        thought, found, spoken = (self._held + text).partition(CLOSE)
        if found:
            if thought:
                yield ReasoningDelta(thought)
            yield _tag(CLOSE if thought else CLOSE[len(self._held) :])
            yield TextDelta(spoken, 1)
            self._is_thinking = False
            return
        held = "" if is_last else _beginning_of_tag(thought)
        if len(held) < len(thought):
            yield ReasoningDelta(thought.removesuffix(held))
            if held:
                yield _tag(held)
        else:
            yield _tag(text)  # the chunk is a piece of the tag, or empty
        self._held = held


def _beginning_of_tag(text: str) -> str:
    """The end of `text` that may be the beginning of the tag."""
    start = text.rfind(CLOSE[0], -len(CLOSE))
    return text[start:] if start >= 0 and CLOSE.startswith(text[start:]) else ""


_TAG = "tag"


def _tag(piece: str) -> Extra:
    """Records which characters of this chunk belong to the tag, or may."""
    return Extra({_TAG: piece}, _TAG)


class _JoiningEncoder:
    """Encodes reasoning and text as one text. The tag is written before the first text, unless the
    batch has it in an `Extra` of level `tag`."""

    def __init__(self) -> None:
        self._chunks = ChunkEncoder(_FORM, _AS_ONE_TEXT.name, _STOP_REASONS)
        self._is_thinking = True
        self._tag = ""
        """What was written of the tag, or of what looked like it."""

    def encode(self, batch: Batch) -> Sequence[Json]:
        return self._chunks.encode(tuple(joined for each in batch for joined in self._joined(each)))

    def _joined(self, event: StreamEvent) -> Iterator[StreamEvent]:
        """The event with reasoning as plain text. A recorded piece of the tag is written where it
        stood."""
        match event:
            case ReasoningDelta():
                yield TextDelta(self._thought(event))
            case BlockStart(_, Reasoning() as block):
                yield TextDelta(self._thought(block))
            case TextDelta(text):
                yield TextDelta(self._border() + text)
            case BlockStart(_, Text()):
                yield TextDelta(self._border())
            case Extra(members, level) if level == _TAG:
                self._tag += members[_TAG]
                yield TextDelta(members[_TAG])
            case _:
                yield event

    def _thought(self, part: ReasoningDelta | Reasoning) -> str:
        """A piece of reasoning without the characters that were written early as a possible tag;
        `EncodeError` after the text has begun."""
        if not self._is_thinking:
            raise EncodeError("DeepSeek R1 thinks before it speaks, not after", feature="reasoning")
        written, early = _written(part.text, part.signature, part.redacted), self._tag
        self._tag = ""
        return written.removeprefix(early)

    def _border(self) -> str:
        """The rest of the tag, before the first text."""
        border = CLOSE[len(self._tag) :] if self._is_thinking else ""
        self._is_thinking = False
        return border


# ── the record ────────────────────────────────────────────────────────────────────────────────────

_PARAMETERS = {"max_tokens": "max_tokens", "temperature": "temperature", "top_p": "top_p"}

_STOP_REASONS = NativeNames({"stop": StopReason.END_TURN, "length": StopReason.MAX_TOKENS})
_FORM = Form(
    template=TEMPLATE,
    prompt_key="prompt",
    parameters=_PARAMETERS,
    stop_key="stop",
    answers_key="choices",
    read_answer=_read,
    write_answer=_write_answer,
    read_chunk=_read,
    write_chunk=_write_chunk,
)
_AS_ONE_TEXT = completions_codec(
    _FORM,
    family="deepseek",
    variant="r1",
    models=("deepseek.r1",),
    features=frozenset(
        {
            *(Feature.ANY_ROLE_ORDER, Feature.RAW_PROMPT),
            *(Feature.TEMPERATURE, Feature.TOP_P, Feature.STOP_SEQUENCES),
        }
    ),
    joins=frozenset(
        {Feature.SYSTEM, Feature.MANY_BLOCKS, Feature.REASONING, Feature.SIGNED_REASONING}
    ),
    reasoning_tags=(CLOSE,),
    stop_reasons=_STOP_REASONS,
    documented=_CHOICE_KEYS | _CHOICES | {"prompt", "stop", *_PARAMETERS},
    evidence="documents: AWS user guide, November 2026",
)


def _encode_request(request: CompletionRequest, facts: ModelFacts) -> Json:
    """The native body. R1 has no parameter for the amount of reasoning, so asking for one is
    refused."""
    if request.reasoning is not None:
        raise EncodeError("DeepSeek R1 has no parameter for how much to think", feature="reasoning")
    return write_request(_FORM, _AS_ONE_TEXT.name, request)


def _decode_response(body: Json, facts: ModelFacts) -> Completion:
    """A whole answer, whose one text is split at the tag."""
    completion = _AS_ONE_TEXT.decode_response(body, facts)
    (text,) = completion.content
    assert isinstance(text, Text)  # noqa: S101 - the answer of such a family is one
    return evolve(completion, content=_apart(text))


def _encode_response(completion: Completion, facts: ModelFacts) -> Json:
    """A whole answer, whose reasoning and text are joined by the tag."""
    return _AS_ONE_TEXT.encode_response(
        evolve(completion, content=_joined(completion.content)), facts
    )


def _stream_decoder(facts: ModelFacts) -> _SplittingDecoder:
    return _SplittingDecoder()


def _stream_encoder(context: StreamContext, facts: ModelFacts) -> _JoiningEncoder:
    return _JoiningEncoder()


CODEC = evolve(
    _AS_ONE_TEXT,
    encode_request=_encode_request,
    decode_response=_decode_response,
    encode_response=_encode_response,
    stream_decoder=_stream_decoder,
    stream_encoder=_stream_encoder,
)


@hookimpl
def axonflow_register_codec() -> FamilyCodec:
    return CODEC
