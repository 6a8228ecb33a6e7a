"""The laws that every family codec keeps, as functions.

    @pytest.mark.parametrize("law", codec_laws(CODEC))
    def test_my_family(law): law()

or `check_codec(CODEC)` for all of them at once.

Theory of operation. A law is a property of *one* codec, checked on values that the codec itself
claims (`claims`, `strategies`): nothing in this module names a family. It raises AssertionError
with the smallest difference that Hypothesis finds. The laws stand in four groups:

    round trips      value -> native -> value is the identity for what is declared; native ->
                     value -> native is the identity for every native body, unknown members too
    declarations     what is declared is encoded; what is not is refused by its name; documented
                     keys have typed fields and none is left over in an `extra`
    hostile input    a strange body is an error of the role that reads it; a text forges no turn
    streams          chunks survive one by one, add up to the whole answer, and a cut is an error

Both directions of the round trip are needed. The first alone is kept by a codec that invents
members of its own; the second alone by one that keeps the body unread in `extra`, which the law
about documented keys finds.

A round trip cannot see a misreading that both halves share: input tokens as output tokens, twice.
That is what golden bodies (`golden`) and recorded traffic (`recordings`) are for, and `mutations`
shows for every law a mistake that it finds.

Laws are no methods of a base class: Hypothesis refuses one test that is shared by many classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

import attrs
from attrs import frozen
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from axonflow_core.codec import Codec, Feature, ModelFacts, StreamContext, features_of
from axonflow_core.codec.control_tokens import neutralise_control_tokens
from axonflow_core.errors import (
    DecodeError,
    EncodeError,
    MalformedRequest,
    ProviderError,
    TruncatedStream,
    UnencodableAnswer,
)
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    Completion,
    CompletionRequest,
    ContentBlock,
    Json,
    Message,
    Opaque,
    Role,
    StopReason,
    Text,
    joined_text,
    user,
)
from axonflow_core.stream import Batch, TextDelta, assemble, batch_of

from ..recordings.meaning import leftovers
from .checking import (
    UNKNOWN_KEY,
    Side,
    any_native,
    for_all,
    no,
    require,
    same_json,
    same_value,
    strange,
    with_unknown_key,
)
from .claims import CONVERSATION, NO_FACTS, Claims, claimed
from .strategies import completions, joined_requests, plain_texts, requests, streams, texts
from .value_laws import (
    a_new_member_hides_nothing,
    equal_values_encode_equally,
    null_is_absent,
    text_edits_keep_the_rest,
)

T = TypeVar("T")

CONTEXT = StreamContext(id="answer_1", model="model_1", created=1_700_000_000)

Check: TypeAlias = Callable[[Claims], Any]


class Named(Protocol):
    """Anything with a name for messages."""

    @property
    def name(self) -> str: ...


class Subject(Protocol):
    """What a law is about: a codec, and what it claims."""

    @property
    def codec(self) -> Named: ...


S = TypeVar("S", bound=Subject)


@frozen
class Law(Generic[S]):
    """One law about one codec. Calling it checks it."""

    name: str
    claims: S
    _check: Callable[[S], Any]

    @property
    def __name__(self) -> str:
        return f"{self.claims.codec.name}: {self.name}"

    def __call__(self) -> None:
        self._check(self.claims)


def codec_laws(
    codec: Codec, facts: ModelFacts = NO_FACTS, *, tells: Iterable[str] | None = None
) -> list[Law[Claims]]:
    """Every law, bound to `codec`; the laws of streams where it streams.

    `tells` names what its answers carry in addition to their content (`id`, `model`,
    `input_tokens`, …), where that cannot be read from the names of its documented keys.
    """
    claims = claimed(codec, facts, tells)
    laws = {**_LAWS, **_LAWS_OF_STREAMS} if codec.streams else _LAWS
    return [Law(name, claims, check) for name, check in laws.items()]


def check_codec(
    codec: Codec, facts: ModelFacts = NO_FACTS, *, tells: Iterable[str] | None = None
) -> None:
    """Hold `codec` to every law. One that it breaks raises AssertionError, which names it."""
    check_laws(codec_laws(codec, facts, tells=tells))


def check_laws(laws: Iterable[Law[S]]) -> None:
    """Every one of `laws`, up to the first that is broken: its AssertionError names it."""
    for law in laws:
        try:
            law()
        except BaseException as error:
            error.add_note(f"the law: {law.__name__}")
            raise


# ── the three native forms ────────────────────────────────────────────────────────────────────────


def _sides(claims: Claims) -> tuple[Side, ...]:
    """The native forms of a codec: request, answer and, where it streams, chunks."""
    codec, facts = claims.codec, claims.facts
    asked = requests(claims).map(lambda request: codec.encode_request(request, facts))
    answered = completions(claims).map(lambda completion: codec.encode_response(completion, facts))
    whole = (
        Side(
            "request",
            asked,
            lambda body: codec.decode_request(body, facts),
            lambda request: codec.encode_request(request, facts),
        ),
        Side(
            "answer",
            answered,
            lambda body: codec.decode_response(body, facts),
            lambda answer: codec.encode_response(answer, facts),
        ),
    )
    return (*whole, _streamed_side(claims)) if codec.streams else whole


def _streamed_side(claims: Claims) -> Side:
    """The chunks of a whole stream as one native body: a list, decoded to a list of batches."""
    return Side(
        "chunks",
        streams(claims).map(lambda drawn: _chunks(claims, drawn[1])),
        lambda chunks: _batches(claims, chunks),
        lambda batches: _chunks(claims, batches),
    )


def _chunks(claims: Claims, batches: Iterable[Batch]) -> list[Json]:
    """The chunks that a fresh encoder makes of all batches."""
    encoder = claims.codec.stream_encoder(CONTEXT, claims.facts)
    return [chunk for batch in batches for chunk in encoder.encode(batch)]


def _batches(claims: Claims, chunks: Iterable[Json]) -> list[Batch]:
    """The batches that a fresh decoder makes of all chunks, without its check of the end."""
    decoder = claims.codec.stream_decoder(claims.facts)
    return [decoder.feed(chunk) for chunk in chunks]


# ── round trips ───────────────────────────────────────────────────────────────────────────────────


def _a_request_survives(claims: Claims) -> None:
    """`decode(encode(request)) == request`, for every request of declared features."""
    codec, facts = claims.codec, claims.facts

    def check(request: CompletionRequest) -> None:
        same_value(request, codec.decode_request(codec.encode_request(request, facts), facts))

    for_all(requests(claims), check)


def _a_completion_survives(claims: Claims) -> None:
    """`decode(encode(completion)) == completion`, for every answer of declared features."""
    codec, facts = claims.codec, claims.facts

    def check(completion: Completion) -> None:
        same_value(
            completion, codec.decode_response(codec.encode_response(completion, facts), facts)
        )

    for_all(completions(claims), check)


def _a_raw_prompt_comes_back_as_it_was(claims: Claims) -> None:
    """Whatever it holds: half a template, a whole one, control tokens anywhere."""
    codec, facts = claims.codec, claims.facts

    def check(prompt: str) -> None:
        native = codec.encode_request(
            evolve(CompletionRequest((user(prompt),)), is_raw_prompt=True), facts
        )
        require(prompt in native.values(), "a raw prompt was not sent as it is")
        same_json(native, codec.encode_request(codec.decode_request(native, facts), facts))

    if claims.has(Feature.RAW_PROMPT):
        parts = st.sampled_from([*codec.control_tokens, *claims.borders, "x"]) | texts()
        for_all(st.lists(parts, max_size=6).map("".join), check)


_SHAPES = frozenset(
    {Feature.SYSTEM, Feature.MID_SYSTEM, Feature.MANY_BLOCKS, Feature.ANY_ROLE_ORDER}
)


def _joined_text_is_still_there(claims: Claims) -> None:
    """Text that is joined into the text next to it is all there, in order, in the native body and
    when it is decoded again."""
    codec, facts = claims.codec, claims.facts

    def check(request: CompletionRequest) -> None:
        native = codec.encode_request(request, facts)
        again = codec.decode_request(native, facts)
        require(not again.is_raw_prompt, "a joined conversation came back as a raw prompt")
        read = [joined_text(again.system), *(message.text for message in again.messages)]
        for written in ("\n".join(_strings(native)), "\n".join(read)):
            _all_in_order(
                (block.text for block in request.system if isinstance(block, Text)), written
            )
            blocks = (block for message in request.messages for block in message.content)
            _all_in_order((block.text for block in blocks if isinstance(block, Text)), written)

    if claims.codec.joins & _SHAPES:
        for_all(joined_requests(claims), check)


def _all_in_order(texts: Iterable[str], written: str) -> None:
    """Assert that every one of `texts` is in `written`, each after the one before it."""
    position = 0
    for text in texts:
        found = written.find(text, position)
        require(found >= 0, f"{text!r} is missing after character {position} of {written!r}")
        position = found + len(text)


def _strings(native: Json) -> Iterator[str]:
    """Every string of a native body, in order."""
    if isinstance(native, str):
        yield native
    elif isinstance(native, dict | list):
        for item in native.values() if isinstance(native, dict) else native:
            yield from _strings(item)


# ── what is carried along, and what is understood ─────────────────────────────────────────────────


def _unknown_fields_survive(claims: Claims) -> None:
    """An undocumented key, at any level of the protocol, is there again after decode and encode."""

    def check(drawn: tuple[Side, Json]) -> None:
        side, native = drawn
        same_json(native, side.again(deepcopy(native)))

    for_all(with_unknown_key(_sides(claims)), check)


def _documented_keys_are_understood(claims: Claims) -> None:
    """No documented key is left over in an `extra`, and no block of a documented kind is decoded as
    opaque."""
    documented = claims.codec.documented

    def check(drawn: tuple[Side, Json]) -> None:
        side, native = drawn
        value = side.decode(native)
        no(next(leftovers(value, documented), None))
        require(not any(_opaque_in(value)), f"a {side.name} came back as an opaque block")

    for_all(any_native(_sides(claims)), check)


def _opaque_in(value: Any) -> Iterator[bool]:
    """True for every `Opaque` block inside a value."""
    if isinstance(value, tuple | list):
        for item in value:
            yield from _opaque_in(item)
    elif isinstance(value, Opaque):
        yield True
    elif attrs.has(type(value)):
        for member in attrs.fields(type(value)):
            yield from _opaque_in(getattr(value, member.name))


def _documented_stop_reasons_are_known(claims: Claims) -> None:
    """Every native stop reason has a meaning of its own, and is encoded as itself."""
    codec, facts = claims.codec, claims.facts
    for native, reason in codec.stop_reasons.table.items():
        require(
            reason is not StopReason.OTHER, f"the documented stop reason {native!r} means OTHER"
        )
        answer = Completion((Text("hi"),), reason, native_stop_reason=native)
        got = codec.decode_response(codec.encode_response(answer, facts), facts)
        require(
            got.stop_reason is reason, f"{native!r} was read as {got.stop_reason}, not {reason}"
        )
        require(
            got.native_stop_reason == native, f"{native!r} came back as {got.native_stop_reason!r}"
        )


# ── the front door ────────────────────────────────────────────────────────────────────────────────


def _a_strange_body_is_the_error_of_its_role(claims: Claims) -> None:
    """Any JSON, and a good body with one part replaced or gone: a request is the client's fault, an
    answer the provider's. What is accepted all the same can be written again."""

    def check(drawn: tuple[Side, Json]) -> None:
        side, native = drawn
        refusal = MalformedRequest if side.name == "request" else DecodeError
        try:
            side.decode(deepcopy(native))
        except refusal:
            return
        except ProviderError:
            require(side.name == "chunks", f"a strange {side.name} is no error of the provider")
            return
        try:
            side.again(deepcopy(native))
        except (EncodeError, UnencodableAnswer) as refused:
            is_request = side.name == "request"
            require(isinstance(refused, EncodeError) is is_request, f"{refused!r} of a {side.name}")

    for_all(strange(_sides(claims)), check)


def _a_declared_feature_is_taken(claims: Claims) -> None:
    """The smallest request of each declared feature is encoded."""
    for feature, request in claims.examples().items():
        if claims.has(feature) or claims.joins(feature):
            require(claims.takes(request), f"declared and refused: {feature.value}")


def _an_undeclared_feature_is_refused_by_name(claims: Claims) -> None:
    """Those that the family does not have, and those that one model of it does not take; a
    conversation likewise."""
    for feature, request in claims.examples().items():
        facts = evolve(claims.facts, without=claims.facts.without | {feature})
        _is_refused(claims, request, facts)
        if not claims.has(feature) and not claims.joins(feature):
            _is_refused(claims, request, claims.facts)
    if claims.codec.is_single_turn:
        _is_refused_by(claims, CompletionRequest(CONVERSATION), claims.facts, {"conversation"})
    foreign = Message(Role.USER, (Opaque("an unknown dialect", {"type": "riddle"}),))
    require(
        not claims.takes(CompletionRequest((foreign,))), "a block of a foreign dialect was taken"
    )
    unknown = evolve(CompletionRequest((user("hi"),)), options={UNKNOWN_KEY: 1})
    require(not claims.takes(unknown), "an option that the codec does not declare was taken")


def _is_refused(claims: Claims, request: CompletionRequest, facts: ModelFacts) -> None:
    """The request is refused, by the name of a feature that it uses and the codec lacks."""
    used, can = features_of(request), (claims.codec.features | claims.codec.joins) - facts.without
    _is_refused_by(claims, request, facts, {feature.name.lower() for feature in used - can})


def _is_refused_by(
    claims: Claims, request: CompletionRequest, facts: ModelFacts, names: set[str]
) -> None:
    """The request is refused, and the refusal names one of `names`."""
    refusal = claims.refusal_of(request, facts)
    if refusal is None:
        raise AssertionError(f"not declared and taken: {', '.join(sorted(names))}")
    require(
        refusal.feature in names,
        f"the refusal names {refusal.feature!r}, not one of {sorted(names)}",
    )


# ── forged turns ──────────────────────────────────────────────────────────────────────────────────


def _harmless_text_is_never_refused(claims: Claims) -> None:
    """A text without a control token is encoded, however near to one it comes."""

    def check(text: str) -> None:
        claims.codec.encode_request(CompletionRequest((user(text),)), claims.facts)

    for_all(texts(claims.codec.control_tokens), check)


def _a_forged_turn_is_refused(claims: Claims) -> None:
    """A control token in any slot of the template, whole or in two blocks that are joined.

    Nor may what a template writes between two turns make a new one, whether it is declared as a
    token or not; nor two texts that are harmless apart and are joined into one.
    """
    codec, facts = claims.codec, claims.facts

    def check_token(request: CompletionRequest) -> None:
        try:
            codec.encode_request(request, facts)
        except EncodeError as refusal:
            require(refusal.feature == "control_tokens", f"the refusal names {refusal.feature!r}")
        else:
            raise AssertionError("a control token was taken as text")

    def check_border(request: CompletionRequest) -> None:
        try:
            native = codec.encode_request(request, facts)
        except EncodeError:
            return
        again = codec.decode_request(native, facts)
        require(not again.is_raw_prompt, "a text broke the template")
        require(len(again.messages) <= len(request.messages), "a text was read as a turn")

    if codec.control_tokens:
        for_all(_forgeries(claims, st.sampled_from(codec.control_tokens)), check_token)
    if claims.borders:
        pieces = st.sampled_from(claims.borders).flatmap(_slices)
        for_all(_forgeries(claims, pieces) | _split_forgeries(claims, pieces), check_border)


def _slices(border: str) -> SearchStrategy[str]:
    """A border between turns, whole or any part of it."""
    ends = st.tuples(st.integers(0, len(border)), st.integers(0, len(border)))
    return st.just(border) | ends.map(lambda pair: border[min(pair) : max(pair)])


def _forgeries(claims: Claims, tokens: SearchStrategy[str]) -> SearchStrategy[CompletionRequest]:
    """A token between two texts, in one slot: a user's, the model's or the system's."""

    @st.composite
    def draw_one(draw: DrawFn) -> CompletionRequest:
        forged = draw(plain_texts()) + draw(tokens) + draw(plain_texts())
        cut = draw(st.integers(0, len(forged))) if _says(claims, Feature.MANY_BLOCKS) else 0
        blocks = tuple(Text(piece) for piece in (forged[:cut], forged[cut:]) if piece)
        return _in_slot(draw(st.sampled_from(_slots(claims))), blocks, claims)

    return draw_one()


def _split_forgeries(
    claims: Claims, tokens: SearchStrategy[str]
) -> SearchStrategy[CompletionRequest]:
    """A token in two pieces that stand in two neighbouring messages."""

    @st.composite
    def draw_one(draw: DrawFn) -> CompletionRequest:
        token = draw(tokens)
        cut = draw(st.integers(0, len(token)))
        first, second = draw(plain_texts()) + token[:cut], token[cut:] + draw(plain_texts())
        messages = (
            (user(first), user(second))
            if _says(claims, Feature.ANY_ROLE_ORDER)
            else (user(first + second),)
        )
        return CompletionRequest(messages)

    return draw_one()


def _says(claims: Claims, feature: Feature) -> bool:
    """Whether the feature is encoded, with or without loss."""
    return claims.has(feature) or claims.joins(feature)


def _slots(claims: Claims) -> list[Role]:
    """The places of a template that take a caller's text."""
    turns = [Role.USER] if claims.codec.is_single_turn else [Role.USER, Role.ASSISTANT]
    return [*turns, *([Role.SYSTEM] if _says(claims, Feature.SYSTEM) else [])]


def _in_slot(role: Role, blocks: tuple[ContentBlock, ...], claims: Claims) -> CompletionRequest:
    """The smallest request whose slot of `role` holds `blocks`."""
    if role is Role.SYSTEM:
        return CompletionRequest((user("hi"),), system=blocks)
    if claims.codec.is_single_turn:
        return CompletionRequest((Message(role, blocks),))
    turns = [user("hi"), Message(Role.ASSISTANT, (Text("ho"),)), user("so?")]
    turns[0 if role is Role.USER else 1] = Message(role, blocks)
    return CompletionRequest(tuple(turns))


def _neutralised_text_passes(claims: Claims) -> None:
    """A text with a control token, neutralised, is encoded and comes back unchanged."""
    codec, facts = claims.codec, claims.facts

    def check(text: str) -> None:
        defused = neutralise_control_tokens(CompletionRequest((user(text),)), codec.control_tokens)
        same_value(
            defused.messages,
            codec.decode_request(codec.encode_request(defused, facts), facts).messages,
        )

    if codec.control_tokens:
        tokens = st.sampled_from(codec.control_tokens)
        for_all(st.tuples(plain_texts(), tokens, plain_texts()).map("".join), check)


# ── streams ───────────────────────────────────────────────────────────────────────────────────────


def _a_stream_adds_up_to_the_whole(claims: Claims) -> None:
    """The events add up to the answer, however its deltas are split and its events are grouped."""

    def check(drawn: tuple[Completion, list[Batch]]) -> None:
        completion, batches = drawn
        received = _batches(claims, _chunks(claims, batches))
        same_value(completion, assemble(event for batch in received for event in batch))

    for_all(streams(claims), check)


def _a_whole_answer_survives_as_one_batch(claims: Claims) -> None:
    """An answer that comes in one piece, such as one that was held back to be screened, adds up to
    itself: blocks that start with all of their value lose nothing of it."""

    def check(completion: Completion) -> None:
        received = _batches(claims, _chunks(claims, [batch_of(completion)]))
        same_value(completion, assemble(event for batch in received for event in batch))

    for_all(completions(claims, is_streamed=True), check)


def _a_stream_survives_chunk_by_chunk(claims: Claims) -> None:
    """Chunks are the same after decode and encode: as many, in order."""

    def check(drawn: tuple[Completion, list[Batch]]) -> None:
        chunks = _chunks(claims, drawn[1])
        same_json(chunks, _chunks(claims, _batches(claims, chunks)))

    for_all(streams(claims), check)


def _a_cut_stream_is_truncated(claims: Claims) -> None:
    """Every proper beginning of a stream is a `TruncatedStream` with the text that had come."""

    def check(drawn: tuple[Completion, list[Batch]]) -> None:
        chunks = _chunks(claims, drawn[1])
        for count in range(len(chunks)):
            decoder = claims.codec.stream_decoder(claims.facts)
            events = [event for chunk in chunks[:count] for event in decoder.feed(chunk)]
            text = "".join(event.text for event in events if isinstance(event, TextDelta))
            try:
                decoder.finish()
            except TruncatedStream as truncated:
                require(truncated.partial_text == text, "the partial text is not what had come")
            else:
                raise AssertionError(
                    f"a stream cut after {count} of {len(chunks)} chunks counts as whole"
                )
        _finish_whole(claims, chunks)

    for_all(streams(claims), check)


def _finish_whole(claims: Claims, chunks: list[Json]) -> None:
    """The whole stream is no `TruncatedStream`."""
    decoder = claims.codec.stream_decoder(claims.facts)
    for chunk in chunks:
        decoder.feed(chunk)
    decoder.finish()


def _equal_values_encode_equally(claims: Claims) -> None:
    equal_values_encode_equally(_sides(claims))


def _text_edits_keep_the_rest(claims: Claims) -> None:
    text_edits_keep_the_rest(_sides(claims))


def _null_is_absent(claims: Claims) -> None:
    null_is_absent(_sides(claims), claims.codec.documented)


def _a_new_member_hides_nothing(claims: Claims) -> None:
    a_new_member_hides_nothing(_sides(claims))


_LAWS: Mapping[str, Check] = {
    "a request survives": _a_request_survives,
    "a completion survives": _a_completion_survives,
    "equal values encode equally": _equal_values_encode_equally,
    "text edits keep the rest": _text_edits_keep_the_rest,
    "null is absent": _null_is_absent,
    "a new member hides nothing": _a_new_member_hides_nothing,
    "a raw prompt comes back as it was": _a_raw_prompt_comes_back_as_it_was,
    "joined text is still there": _joined_text_is_still_there,
    "unknown fields survive": _unknown_fields_survive,
    "documented keys are understood": _documented_keys_are_understood,
    "documented stop reasons are known": _documented_stop_reasons_are_known,
    "a strange body is the error of its role": _a_strange_body_is_the_error_of_its_role,
    "a declared feature is taken": _a_declared_feature_is_taken,
    "an undeclared feature is refused by name": _an_undeclared_feature_is_refused_by_name,
    "harmless text is never refused": _harmless_text_is_never_refused,
    "a forged turn is refused": _a_forged_turn_is_refused,
    "neutralised text passes": _neutralised_text_passes,
}
_LAWS_OF_STREAMS: Mapping[str, Check] = {
    "a stream adds up to the whole": _a_stream_adds_up_to_the_whole,
    "a whole answer survives as one batch": _a_whole_answer_survives_as_one_batch,
    "a stream survives chunk by chunk": _a_stream_survives_chunk_by_chunk,
    "a stream without its terminal event is truncated": _a_cut_stream_is_truncated,
}
