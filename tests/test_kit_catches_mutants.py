"""The kit is judged by what it catches: good codecs, each broken on purpose, and the law that has to see it.

A mutant is made with `evolve` from a codec that we ship. Each has a control: the unbroken codec keeps that law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import attrs
import pytest
from attrs import evolve, frozen
from hypothesis import Phase, settings

from axonflow_bedrock.families import anthropic, gpt_oss, llama, mistral, titan
from axonflow_core.codec import FamilyCodec, Feature, ModelFacts
from axonflow_core.errors import DecodeError, EncodeError
from axonflow_core.messages import (
    CachePoint,
    Completion,
    CompletionRequest,
    Document,
    Image,
    Inference,
    Json,
    Message,
    Reasoning,
    StopReason,
    Text,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    Usage,
)
from axonflow_core.stream import (
    Batch,
    Ended,
    Extra,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
)
from axonflow_core.testing import check_codec, codec_laws

CLAUDE, TITAN, LLAMA2, LLAMA3 = anthropic.CODEC, titan.CODEC, llama.CODECS[0], llama.CODECS[1]
MISTRAL, MISTRAL_CHAT, _ = mistral.CODECS
GPT_OSS = gpt_oss.CODEC

# ── ways to break a codec ───────────────────────────────────────────────────────────────────────────────────────────

Break: TypeAlias = Callable[[Any], Any]


def sends(codec: FamilyCodec, change: Break) -> FamilyCodec:
    """Changes a request before it is encoded."""
    encode = codec._encode_request
    return evolve(codec, encode_request=lambda request, facts: encode(change(request), facts))


def writes(codec: FamilyCodec, change: Break) -> FamilyCodec:
    """Changes the native request body."""
    encode = codec._encode_request
    return evolve(codec, encode_request=lambda request, facts: change(encode(request, facts)))


def reads(codec: FamilyCodec, change: Break) -> FamilyCodec:
    """Changes a request that was decoded."""
    decode = codec._decode_request
    return evolve(codec, decode_request=lambda body, facts: change(decode(body, facts)))


def hears(codec: FamilyCodec, change: Break) -> FamilyCodec:
    """Changes a completion that was decoded."""
    decode = codec._decode_response
    return evolve(codec, decode_response=lambda body, facts: change(decode(body, facts)))


def streams_in(codec: FamilyCodec, change: Callable[[StreamEvent], Sequence[StreamEvent]]) -> FamilyCodec:
    """Puts other events in the place of each event that was decoded."""

    class Changed:
        def __init__(self, facts: ModelFacts) -> None:
            self._chunks = codec._stream_decoder(facts)

        def feed(self, chunk: Json) -> Batch:
            return tuple(new for event in self._chunks.feed(chunk) for new in change(event))

    return evolve(codec, stream_decoder=Changed)


def streams_out(codec: FamilyCodec, change: Callable[[StreamEvent], Sequence[StreamEvent]]) -> FamilyCodec:
    """Puts other events in the place of each event that is to be encoded."""

    class Changed:
        def __init__(self, *context: Any) -> None:
            self._chunks = codec._stream_encoder(*context)

        def encode(self, batch: Batch) -> Sequence[Json]:
            return self._chunks.encode(tuple(new for event in batch for new in change(event)))

    return evolve(codec, stream_encoder=Changed)


def blocks(change: Callable[[Any], Sequence[Any]]) -> Break:
    """Puts other blocks in the place of each block of a request's messages."""

    def apply(request: CompletionRequest) -> CompletionRequest:
        def changed(message: Message) -> Message:
            return evolve(message, content=tuple(new for block in message.content for new in change(block)))

        return evolve(request, messages=tuple(map(changed, request.messages)))

    return apply


def each(kind: Any, **changes: Any) -> Break:
    """Sets attributes of every block of one kind."""
    return blocks(lambda block: [evolve(block, **changes) if isinstance(block, kind) else block])


def drop(kind: type, *, where: Callable[[Any], bool] = lambda block: True) -> Callable[[Any], Sequence[Any]]:
    return lambda item: [] if isinstance(item, kind) and where(item) else [item]


def inference(**changes: Any) -> Callable[[CompletionRequest], CompletionRequest]:
    return lambda request: evolve(request, inference=evolve(request.inference, **changes))


# ── mistakes that need more than a line ─────────────────────────────────────────────────────────────────────────────


def merge_blocks(message: Message) -> Message:
    merged: list[Any] = []
    for block in message.content:
        if merged and isinstance(block, Text) and isinstance(merged[-1], Text):
            merged[-1] = Text(merged[-1].text + block.text)
        else:
            merged.append(block)
    return evolve(message, content=tuple(merged))


def merge_messages(request: CompletionRequest) -> CompletionRequest:
    merged: list[Message] = []
    for message in request.messages:
        if merged and merged[-1].role is message.role:
            merged[-1] = evolve(message, content=merged[-1].content + message.content)
        else:
            merged.append(message)
    return evolve(request, messages=tuple(merged))


def swap_counts(completion: Completion) -> Completion:
    usage = completion.usage
    return evolve(completion, usage=evolve(usage, input_tokens=usage.output_tokens, output_tokens=usage.input_tokens))


def zero_is_unset(request: CompletionRequest) -> CompletionRequest:
    return inference(temperature=request.inference.temperature or None)(request)


def unset_is_half(request: CompletionRequest) -> CompletionRequest:
    temperature = request.inference.temperature
    return inference(temperature=0.5 if temperature is None else temperature)(request)


def any_is_auto(request: CompletionRequest) -> CompletionRequest:
    choice = request.tool_choice
    is_any = choice is not None and choice.mode is ToolChoiceMode.ANY
    return evolve(request, tool_choice=ToolChoice(ToolChoiceMode.AUTO)) if is_any else request


def refuse(holds: Callable[[str], bool], feature: str = "text") -> Break:
    def check(request: CompletionRequest) -> CompletionRequest:
        if any(holds(message.text) for message in request.messages):
            raise EncodeError("not this", feature=feature)
        return request

    return check


def pass_through(codec: FamilyCodec) -> FamilyCodec:
    """Keeps a whole body in `extra` and gives it back: no round trip of a body can tell."""
    return evolve(
        codec,
        decode_request=lambda body, facts: CompletionRequest((), extra=body),
        decode_response=lambda body, facts: Completion((), None, extra=body),
        stream_decoder=lambda facts: PassThroughChunks(),
    )


class PassThroughChunks:
    def feed(self, chunk: Json) -> Batch:
        return (Extra(chunk), Ended())


class Netless(FamilyCodec):
    """What an author would have without the net that `FamilyCodec` puts under a decoder."""

    def _decode(self, what: str, function: Callable[..., Any], body: Json, facts: ModelFacts) -> Any:
        return function(body, facts)


class Obliging(FamilyCodec):
    """Takes what it does not declare."""

    def _refuse_undeclared(self, request: CompletionRequest, facts: ModelFacts) -> None:
        return


def rebuilt(kind: type[FamilyCodec], codec: FamilyCodec) -> FamilyCodec:
    return kind(**{str(field.alias): getattr(codec, field.name) for field in attrs.fields(FamilyCodec)})


def accept_anything(codec: FamilyCodec) -> FamilyCodec:
    """Takes every body and then cannot write what it took."""

    def decode(body: Json, facts: ModelFacts) -> CompletionRequest:
        try:
            return codec.decode_request(body, facts)
        except DecodeError:
            return CompletionRequest(body)

    return evolve(codec, decode_request=decode)


def forgeable(codec: FamilyCodec) -> FamilyCodec:
    """Declares no control tokens and lets them past the template too."""
    hidden = {token: f"\ue000{number}" for number, token in enumerate(codec.control_tokens)}

    def hide(block: Text) -> list[Text]:
        text = block.text
        for token, stand_in in hidden.items():
            text = text.replace(token, stand_in)
        return [Text(text)]

    def show(native: Json) -> Json:
        (prompt_key,) = (key for key, value in native.items() if isinstance(value, str))
        prompt = native[prompt_key]
        for token, stand_in in hidden.items():
            prompt = prompt.replace(stand_in, token)
        return {**native, prompt_key: prompt}

    return writes(sends(evolve(codec, control_tokens=()), blocks(hide)), show)


def renumbered(event: Any) -> list[StreamEvent]:
    return [evolve(event, index=event.index + 1)] if hasattr(event, "index") else [event]


def parses_each_piece(codec: FamilyCodec) -> FamilyCodec:
    """Forgets every delta of a tool's arguments that is not JSON by itself, as who parses each piece does."""

    def parsed(event: StreamEvent) -> Sequence[StreamEvent]:
        return [event] if not isinstance(event, ToolInputDelta) or event.json.count('"') % 2 == 0 else []

    return streams_in(codec, parsed)


# ── the mutants ─────────────────────────────────────────────────────────────────────────────────────────────────────

REQUEST, ANSWER = "a request survives", "a completion survives"
STREAM, CUT, CHUNKS = (
    "a stream adds up to the whole",
    "a stream without its last word is truncated",
    "a stream survives chunk by chunk",
)
UNKNOWN, UNDERSTOOD, STOPS = (
    "unknown fields survive",
    "documented keys are understood",
    "documented stop reasons are known",
)
FORGED, STRANGE, FOLDED, RAW = (
    "a forged turn is refused",
    "a strange body is a DecodeError",
    "folded text is still there",
    "a raw prompt comes back as it was",
)


@frozen
class Mutant:
    law: str
    good: FamilyCodec
    bad: FamilyCodec


MUTANTS: Mapping[str, Mutant] = {
    # requests
    "system dropped": Mutant(REQUEST, CLAUDE, sends(CLAUDE, lambda r: evolve(r, system=()))),
    "system dropped from a template": Mutant(REQUEST, LLAMA2, sends(LLAMA2, lambda r: evolve(r, system=()))),
    "text stripped": Mutant(
        REQUEST, TITAN, reads(TITAN, blocks(lambda b: [evolve(b, text=b.text.strip())] if isinstance(b, Text) else [b]))
    ),
    "text made ASCII": Mutant(
        REQUEST,
        MISTRAL,
        reads(MISTRAL, blocks(lambda b: [Text(b.text.encode("ascii", "ignore").decode())])),
    ),
    "empty text dropped": Mutant(REQUEST, CLAUDE, sends(CLAUDE, blocks(drop(Text, where=lambda b: not b.text)))),
    "neighbouring messages merged": Mutant(REQUEST, CLAUDE, sends(CLAUDE, merge_messages)),
    "neighbouring texts merged": Mutant(
        REQUEST, CLAUDE, sends(CLAUDE, lambda r: evolve(r, messages=tuple(map(merge_blocks, r.messages))))
    ),
    "signature lost": Mutant(REQUEST, CLAUDE, reads(CLAUDE, each(Reasoning, signature=None))),
    "redacted reasoning lost": Mutant(
        REQUEST, CLAUDE, reads(CLAUDE, blocks(drop(Reasoning, where=lambda b: b.redacted is not None)))
    ),
    "image called PNG": Mutant(
        REQUEST,
        CLAUDE,
        sends(
            CLAUDE,
            blocks(
                lambda b: [evolve(b, source=evolve(b.source, media_type="image/png")) if isinstance(b, Image) else b]
            ),
        ),
    ),
    "document's name lost": Mutant(REQUEST, CLAUDE, sends(CLAUDE, each(Document, name=None))),
    "cache point dropped": Mutant(REQUEST, CLAUDE, sends(CLAUDE, blocks(drop(CachePoint)))),
    "cache point's time lost": Mutant(REQUEST, CLAUDE, sends(CLAUDE, each(CachePoint, ttl=None))),
    "tool input written as text": Mutant(
        REQUEST,
        CLAUDE,
        sends(CLAUDE, blocks(lambda b: [evolve(b, input=str(b.input)) if isinstance(b, ToolUse) else b])),
    ),
    "tool input emptied": Mutant(REQUEST, MISTRAL_CHAT, sends(MISTRAL_CHAT, each(ToolUse, input={}))),
    "is_error lost": Mutant(REQUEST, CLAUDE, sends(CLAUDE, each(ToolResult, is_error=None))),
    "tool result emptied": Mutant(REQUEST, MISTRAL_CHAT, reads(MISTRAL_CHAT, each(ToolResult, content=""))),
    "tools dropped": Mutant(REQUEST, MISTRAL_CHAT, sends(MISTRAL_CHAT, lambda r: evolve(r, tools=()))),
    "tool choice ignored": Mutant(REQUEST, CLAUDE, sends(CLAUDE, lambda r: evolve(r, tool_choice=None))),
    "any tool read as auto": Mutant(REQUEST, MISTRAL_CHAT, reads(MISTRAL_CHAT, any_is_auto)),
    "temperature 0 taken for unset": Mutant(REQUEST, LLAMA3, sends(LLAMA3, zero_is_unset)),
    "temperature invented": Mutant(REQUEST, LLAMA3, sends(LLAMA3, unset_is_half)),
    "top_k lost": Mutant(REQUEST, MISTRAL, sends(MISTRAL, inference(top_k=None))),
    "stop sequences lost": Mutant(REQUEST, TITAN, sends(TITAN, inference(stop_sequences=()))),
    "all parameters lost": Mutant(REQUEST, TITAN, reads(TITAN, lambda r: evolve(r, inference=Inference()))),
    "reasoning budget lost": Mutant(REQUEST, CLAUDE, sends(CLAUDE, lambda r: evolve(r, reasoning=None))),
    "metadata lost": Mutant(REQUEST, CLAUDE, sends(CLAUDE, lambda r: evolve(r, metadata=None))),
    "option lost": Mutant(REQUEST, CLAUDE, reads(CLAUDE, lambda r: evolve(r, options={}))),
    "features declared that are not there": Mutant(
        REQUEST, TITAN, evolve(TITAN, features=TITAN.features | {Feature.TOOLS, Feature.SYSTEM})
    ),
    # prompts
    "raw prompt put into the template": Mutant(RAW, TITAN, sends(TITAN, lambda r: evolve(r, is_raw_prompt=False))),
    "raw prompt read as a turn": Mutant(RAW, LLAMA3, reads(LLAMA3, lambda r: evolve(r, is_raw_prompt=False))),
    "all but the first block forgotten": Mutant(
        FOLDED,
        MISTRAL,
        sends(
            MISTRAL,
            lambda r: evolve(r, messages=tuple(evolve(m, content=m.content[:1]) for m in r.messages)),
        ),
    ),
    "blocks folded backwards": Mutant(
        FOLDED,
        LLAMA2,
        sends(LLAMA2, lambda r: evolve(r, messages=tuple(evolve(m, content=m.content[::-1]) for m in r.messages))),
    ),
    "folded system forgotten": Mutant(FOLDED, MISTRAL, sends(MISTRAL, lambda r: evolve(r, system=()))),
    "forged turn accepted (Titan)": Mutant(FORGED, TITAN, forgeable(TITAN)),
    "forged turn accepted (Llama 2)": Mutant(FORGED, LLAMA2, forgeable(LLAMA2)),
    "forged turn accepted (Mistral)": Mutant(FORGED, MISTRAL, forgeable(MISTRAL)),
    "no control tokens declared": Mutant(FORGED, LLAMA3, evolve(LLAMA3, control_tokens=())),
    "a control token forgotten": Mutant(
        FORGED, LLAMA3, evolve(LLAMA3, control_tokens=tuple(t for t in LLAMA3.control_tokens if t != "<|eot_id|>"))
    ),
    "harmless text refused": Mutant(
        "harmless text is never refused", MISTRAL, sends(MISTRAL, refuse(lambda text: "[" in text))
    ),
    "neutralised text refused": Mutant(
        "neutralised text passes", LLAMA3, sends(LLAMA3, refuse(lambda text: "\N{ZERO WIDTH SPACE}" in text))
    ),
    # answers
    "reasoning lost": Mutant(
        ANSWER,
        GPT_OSS,
        hears(GPT_OSS, lambda c: evolve(c, content=tuple(b for b in c.content if not isinstance(b, Reasoning)))),
    ),
    "counts swapped": Mutant(ANSWER, CLAUDE, hears(CLAUDE, swap_counts)),
    "cached tokens counted twice": Mutant(
        ANSWER,
        CLAUDE,
        hears(CLAUDE, lambda c: evolve(c, usage=evolve(c.usage, input_tokens=c.usage.total_tokens))),
    ),
    "usage lost": Mutant(ANSWER, TITAN, hears(TITAN, lambda c: evolve(c, usage=Usage()))),
    "answer stripped": Mutant(ANSWER, LLAMA3, hears(LLAMA3, lambda c: evolve(c, content=(Text(c.text.strip()),)))),
    "id lost": Mutant(ANSWER, MISTRAL_CHAT, hears(MISTRAL_CHAT, lambda c: evolve(c, id=None))),
    "model lost": Mutant(ANSWER, CLAUDE, hears(CLAUDE, lambda c: evolve(c, model=None))),
    "stop sequence lost": Mutant(ANSWER, CLAUDE, hears(CLAUDE, lambda c: evolve(c, stop_sequence=None))),
    "native stop reason lost": Mutant(ANSWER, TITAN, hears(TITAN, lambda c: evolve(c, native_stop_reason=None))),
    "every stop is OTHER": Mutant(STOPS, LLAMA2, hears(LLAMA2, lambda c: evolve(c, stop_reason=StopReason.OTHER))),
    "every stop is the end of the turn": Mutant(
        STOPS, CLAUDE, hears(CLAUDE, lambda c: evolve(c, stop_reason=StopReason.END_TURN))
    ),
    # what nobody knows, and what everybody does
    "unknown request keys dropped": Mutant(UNKNOWN, CLAUDE, reads(CLAUDE, lambda r: evolve(r, extra={}))),
    "unknown block keys dropped": Mutant(UNKNOWN, CLAUDE, reads(CLAUDE, each(Text, extra={}))),
    "unknown answer keys dropped": Mutant(UNKNOWN, LLAMA3, hears(LLAMA3, lambda c: evolve(c, extra={}))),
    "unknown chunk keys dropped": Mutant(UNKNOWN, TITAN, streams_in(TITAN, drop(Extra))),
    "pass-through (Claude)": Mutant(UNDERSTOOD, CLAUDE, pass_through(CLAUDE)),
    "pass-through (Llama 3)": Mutant(UNDERSTOOD, LLAMA3, pass_through(LLAMA3)),
    # the front door
    "KeyError at the front door": Mutant(STRANGE, CLAUDE, rebuilt(Netless, CLAUDE)),
    "anything accepted": Mutant(STRANGE, TITAN, accept_anything(TITAN)),
    "undeclared features taken": Mutant("an undeclared feature is refused by name", TITAN, rebuilt(Obliging, TITAN)),
    "a refusal that names the wrong thing": Mutant(
        "an undeclared feature is refused by name",
        LLAMA2,
        sends(rebuilt(Obliging, LLAMA2), refuse(lambda text: True)),
    ),
    "a declared feature refused": Mutant(
        "a declared feature is taken", TITAN, sends(TITAN, refuse(lambda text: text == "ho"))
    ),
    # streams
    "reasoning lost in streams": Mutant(STREAM, GPT_OSS, streams_in(GPT_OSS, drop(ReasoningDelta))),
    "a tag that was cut forgotten": Mutant(CHUNKS, GPT_OSS, streams_in(GPT_OSS, drop(Extra))),
    "usage lost in streams": Mutant(STREAM, CLAUDE, streams_in(CLAUDE, drop(UsageUpdate))),
    "empty deltas swallowed": Mutant(STREAM, CLAUDE, streams_out(CLAUDE, drop(TextDelta, where=lambda e: not e.text))),
    "deltas stripped": Mutant(
        STREAM,
        LLAMA3,
        streams_in(LLAMA3, lambda e: [TextDelta(e.text.strip())] if isinstance(e, TextDelta) else [e]),
    ),
    "pieces of arguments parsed one by one": Mutant(STREAM, CLAUDE, parses_each_piece(CLAUDE)),
    "blocks renumbered": Mutant(CHUNKS, CLAUDE, streams_in(CLAUDE, renumbered)),
    "a chunk for every event": Mutant(
        CHUNKS, TITAN, streams_in(TITAN, lambda e: [e, TextDelta("", 1)] if isinstance(e, TextDelta) else [e])
    ),
    "truncated stream accepted": Mutant(
        CUT, CLAUDE, streams_in(CLAUDE, lambda e: [e, Ended()] if isinstance(e, UsageUpdate) else [e])
    ),
    "truncated stream accepted (Mistral)": Mutant(
        CUT, MISTRAL, streams_in(MISTRAL, lambda e: [e, Ended()] if isinstance(e, TextDelta) else [e])
    ),
    "whole stream never whole": Mutant(CUT, LLAMA2, streams_in(LLAMA2, drop(Ended))),
}


# ── the judgement ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def many_examples() -> Iterator[None]:
    """A mutant may need an example that is rare; the first one ends the search, and nobody reads the smallest."""
    before = settings.get_current_profile_name()
    settings.register_profile("mutants", max_examples=1000, derandomize=True, phases=[Phase.generate])
    settings.load_profile("mutants")
    yield
    settings.load_profile(before)


def law_of(codec: FamilyCodec, name: str) -> Callable[[], None]:
    return next(law for law in codec_laws(codec) if law.name == name)


def is_broken(law: Callable[[], None]) -> bool:
    """Whether the law says no, in whatever way the codec fails it."""
    try:
        law()
    except Exception:
        return True
    return False


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_breaks_the_law_that_is_to_see_it(name: str, many_examples: None) -> None:
    mutant = MUTANTS[name]

    assert is_broken(law_of(mutant.bad, mutant.law))


CONTROLS = sorted({(mutant.good.name, mutant.law) for mutant in MUTANTS.values()})


@pytest.mark.parametrize(("family", "law"), CONTROLS)
def test_the_codec_it_was_made_from_keeps_that_law(family: str, law: str) -> None:
    good = next(mutant.good for mutant in MUTANTS.values() if mutant.good.name == family)

    law_of(good, law)()


def test_check_codec_names_the_law_that_was_broken() -> None:
    bad = hears(TITAN, lambda completion: evolve(completion, usage=Usage()))

    with pytest.raises(AssertionError) as broken:
        check_codec(bad)

    assert "the law: titan: a completion survives" in broken.value.__notes__


def test_a_broken_law_says_where_the_two_values_part(many_examples: None) -> None:
    bad = sends(TITAN, inference(stop_sequences=()))

    with pytest.raises(AssertionError, match=r"at \$\.inference\.stop_sequences\[0\]: expected .+, got \(absent\)"):
        law_of(bad, REQUEST)()


def test_no_mutant_stands_here_twice() -> None:
    assert len({id(mutant.bad) for mutant in MUTANTS.values()}) == len(MUTANTS) > 60
