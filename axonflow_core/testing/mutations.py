"""Mutation testing of the laws: a good codec with one mistake in it must break the law that is
about it.

    @pytest.mark.parametrize("mutant", codec_mutants(CODEC))
    def test_is_caught(mutant): mutant()

Theory of operation. A law that never fails proves nothing. So each mistake that authors make is an
entry of `MUTATIONS`: the law that must find it, the codecs in which it can be made, and a `Break`
(`breaking`) that makes a broken codec from a good one.

    "system dropped": Mutation(REQUEST, has(Feature.SYSTEM), sends(setting(system=())))

A break replaces functions of the record and leaves the guards of `Codec` around them, unless the
missing guard is the mistake. `applies` is decided by what the codec claims, before the break:
"images dropped" is no mistake in a family without images, and a mutant that cannot differ is not
made. `codec_mutants` gives all mutants of one codec, each caught by *its* law alone, so that a law
which finds everything by accident does not cover for one that finds nothing.

A mutant is run with more examples than the laws of a good codec and without a database or shrinking
(`many_examples`): the first broken example ends it, and a rare one must be found in every run. The
seed is fixed, so a mutant that survives, survives always.

A mutant that survives means that the codec's record declares too little: laws draw what is
declared, so a count whose key is not `documented` is a count without a check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from attrs import field, frozen
from hypothesis import Phase, settings

from axonflow_core.codec import Codec, Feature, ModelFacts
from axonflow_core.errors import EncodeError
from axonflow_core.frozen import evolve
from axonflow_core.messages import (
    CachePoint,
    Completion,
    CompletionRequest,
    Document,
    Image,
    Inference,
    Reasoning,
    StopReason,
    Text,
    ToolResult,
    ToolUse,
    Usage,
)
from axonflow_core.stream import (
    BlockStart,
    BlockStop,
    Ended,
    Extra,
    ReasoningDelta,
    Started,
    Stopped,
    StreamEvent,
    TextDelta,
    ToolInputDelta,
    UsageUpdate,
)

from .breaking import (
    Break,
    after_an_edit,
    beside_a_new_member,
    blocks,
    contents,
    counting,
    credulous,
    cut,
    doubled,
    drop,
    each,
    ended_by,
    forgeable,
    hears,
    hidden_in_a_tuple,
    hidden_in_answers,
    hidden_in_text,
    inference,
    known_by_identity,
    known_by_the_empty_mapping,
    known_by_the_order_of_members,
    merged_messages,
    merged_texts,
    netless,
    new_member_empties,
    new_member_refused,
    null_as,
    null_ends,
    null_loses_the_chunk,
    null_refused,
    obliging,
    pass_through,
    reads,
    record,
    refusing,
    sends,
    setting,
    streams_in,
    streams_out,
    stripped,
    to_the_edited,
    undone,
)
from .claims import NO_FACTS, QUESTION, Claims, claimed
from .laws import codec_laws

Applies: TypeAlias = Callable[[Claims], bool]


# ── to whom it applies ────────────────────────────────────────────────────────────────────────────


def always(claims: Claims) -> bool:
    """Applies to every codec."""
    return True


def has(feature: Feature) -> Applies:
    """Applies where the codec supports the feature without loss."""
    return lambda claims: claims.has(feature)


def joins(feature: Feature) -> Applies:
    """Applies where the codec supports the feature by joining."""
    return lambda claims: claims.joins(feature)


def lacks(feature: Feature) -> Applies:
    """Applies where the codec does not support the feature at all."""
    return lambda claims: not claims.has(feature) and not claims.joins(feature)


def tells(*facts: str) -> Applies:
    """Applies where the family's answers carry these attributes of `Completion` and `Usage`."""
    return lambda claims: claims.tells >= set(facts)


def converses(claims: Claims) -> bool:
    """Applies to codecs with conversations of several turns."""
    return not claims.codec.is_single_turn


def streams(claims: Claims) -> bool:
    """Applies to codecs that stream."""
    return claims.codec._stream_decoder is not None


def has_template(claims: Claims) -> bool:
    """Applies where a raw prompt has another body than the same text as a user's message."""
    if not claims.has(Feature.RAW_PROMPT):
        return False
    templated = CompletionRequest((QUESTION,))
    raw = evolve(templated, is_raw_prompt=True)
    return bool(
        claims.codec.encode_request(templated, claims.facts)
        != claims.codec.encode_request(raw, claims.facts)
    )


def refuses_by_record(claims: Claims) -> bool:
    """Applies where something is refused because it is not declared, and would be encoded
    otherwise."""
    refused = [request for request in claims.examples().values() if not claims.takes(request)]
    return not all(_refuses(obliging(claims.codec), request, claims.facts) for request in refused)


def _refuses(codec: Codec, request: CompletionRequest, facts: ModelFacts) -> bool:
    """Whether the codec refuses `request` by name. Any other exception is none: an author's
    function may fail in any way at what it does not declare."""
    try:
        codec.encode_request(request, facts)
    except EncodeError:
        return True
    except Exception:  # a codec may fail in any way at what it does not declare
        return False
    return False


def has_control_tokens(claims: Claims) -> bool:
    """Applies to template families."""
    return bool(claims.codec.control_tokens)


def has_options(claims: Claims) -> bool:
    """Applies to codecs with options of their own."""
    return bool(claims.codec.options)


# ── mistakes that need more than a line ───────────────────────────────────────────────────────────


def swap_counts(completion: Completion) -> Completion:
    """Input tokens are read as output tokens and the reverse."""
    usage = completion.usage
    return evolve(
        completion,
        usage=evolve(usage, input_tokens=usage.output_tokens, output_tokens=usage.input_tokens),
    )


def count_cached_twice(completion: Completion) -> Completion:
    """Cached tokens are counted as input tokens too."""
    return evolve(
        completion, usage=evolve(completion.usage, input_tokens=completion.usage.total_tokens)
    )


def rename_stop(completion: Completion) -> Completion:
    """The native stop reason is kept in another spelling."""
    native = completion.native_stop_reason
    return evolve(completion, native_stop_reason=native and native.swapcase())


def zero_is_unset(request: CompletionRequest) -> CompletionRequest:
    """A temperature of 0 is treated as unset."""
    changed: CompletionRequest = inference(temperature=request.inference.temperature or None)(
        request
    )
    return changed


def unset_is_half(request: CompletionRequest) -> CompletionRequest:
    """A default temperature is invented."""
    temperature = request.inference.temperature
    changed: CompletionRequest = inference(temperature=0.5 if temperature is None else temperature)(
        request
    )
    return changed


def lose_arguments(event: StreamEvent) -> list[StreamEvent]:
    """A stream's tool calls arrive without arguments."""
    if isinstance(event, BlockStart) and isinstance(event.block, ToolUse):
        return [evolve(event, block=evolve(event.block, input={}))]
    return [] if isinstance(event, ToolInputDelta) else [event]


def lose_first_arguments(event: StreamEvent) -> list[StreamEvent]:
    """Arguments that a tool call starts with are not written; those that come in pieces are."""
    if isinstance(event, BlockStart) and isinstance(event.block, ToolUse):
        return [evolve(event, block=evolve(event.block, input={}))]
    return [event]


def run_together(event: StreamEvent) -> list[StreamEvent]:
    """Ignores blocks: a text begins with its first piece and never ends."""
    if isinstance(event, BlockStop) or (
        isinstance(event, BlockStart) and isinstance(event.block, Text)
    ):
        return []
    return [evolve(event, index=0)] if isinstance(event, TextDelta) else [event]


# ── the table ─────────────────────────────────────────────────────────────────────────────────────

REQUEST, ANSWER = "a request survives", "a completion survives"
RAW, JOINED = "a raw prompt comes back as it was", "joined text is still there"
UNKNOWN, UNDERSTOOD = "unknown fields survive", "documented keys are understood"
STOPS, STRANGE = "documented stop reasons are known", "a strange body is the error of its role"
TAKEN, REFUSED = "a declared feature is taken", "an undeclared feature is refused by name"
HARMLESS, FORGED, DEFUSED = (
    "harmless text is never refused",
    "a forged turn is refused",
    "neutralised text passes",
)
BATCH = "a whole answer survives as one batch"
STREAM, CHUNKS = "a stream adds up to the whole", "a stream survives chunk by chunk"
EQUAL, EDITS = "equal values encode equally", "text edits keep the rest"
NULLS, HIDDEN = "null is absent", "a new member hides nothing"
CUT = "a stream without its terminal event is truncated"


@frozen
class Mutation:
    """One mistake that can be seeded into a codec, and the law that must find it."""

    law: str
    """The one that has to see it."""
    applies: Applies
    """Whether the mistake can be made in a codec with these claims."""
    breaks: Break
    """Makes the mistake."""


def claiming(feature: Feature) -> Mutation:
    """The mistake of declaring a feature that the functions do not have."""
    return Mutation(
        REQUEST, lacks(feature), record(features=lambda codec: codec.features | {feature})
    )


MUTATIONS: Mapping[str, Mutation] = {
    # requests
    "system dropped": Mutation(REQUEST, has(Feature.SYSTEM), sends(setting(system=()))),
    "joined system dropped": Mutation(JOINED, joins(Feature.SYSTEM), sends(setting(system=()))),
    "first message dropped": Mutation(
        REQUEST, converses, sends(lambda r: evolve(r, messages=r.messages[1:]))
    ),
    "neighbouring messages merged": Mutation(
        REQUEST, has(Feature.ANY_ROLE_ORDER), sends(merged_messages)
    ),
    "neighbouring texts merged": Mutation(
        REQUEST, has(Feature.MANY_BLOCKS), sends(contents(merged_texts))
    ),
    "last block lost": Mutation(
        REQUEST, has(Feature.MANY_BLOCKS), sends(contents(lambda c: c[:-1] or c))
    ),
    "joined last block lost": Mutation(
        JOINED, joins(Feature.MANY_BLOCKS), sends(contents(lambda c: c[:-1] or c))
    ),
    "blocks joined backwards": Mutation(
        JOINED, joins(Feature.MANY_BLOCKS), sends(contents(lambda c: c[::-1]))
    ),
    "text stripped": Mutation(REQUEST, always, reads(blocks(stripped))),
    "images dropped": Mutation(REQUEST, has(Feature.IMAGES), sends(blocks(drop(Image)))),
    "documents dropped": Mutation(REQUEST, has(Feature.DOCUMENTS), sends(blocks(drop(Document)))),
    "reasoning dropped": Mutation(REQUEST, has(Feature.REASONING), sends(blocks(drop(Reasoning)))),
    "cache points dropped": Mutation(
        REQUEST, has(Feature.CACHE_POINTS), sends(blocks(drop(CachePoint)))
    ),
    "tools dropped": Mutation(REQUEST, has(Feature.TOOLS), sends(setting(tools=()))),
    "tool calls emptied": Mutation(
        REQUEST, has(Feature.TOOLS), reads(blocks(each(ToolUse, input={})))
    ),
    "tool results emptied": Mutation(
        REQUEST, has(Feature.TOOLS), reads(blocks(each(ToolResult, content="")))
    ),
    "failure of a tool lost": Mutation(
        REQUEST, has(Feature.TOOL_ERRORS), sends(blocks(each(ToolResult, is_error=None)))
    ),
    "tool choice ignored": Mutation(
        REQUEST, has(Feature.TOOL_CHOICE), sends(setting(tool_choice=None))
    ),
    "limit lost": Mutation(REQUEST, always, sends(inference(max_tokens=None))),
    "temperature lost": Mutation(
        REQUEST, has(Feature.TEMPERATURE), sends(inference(temperature=None))
    ),
    "temperature 0 taken for unset": Mutation(
        REQUEST, has(Feature.TEMPERATURE), sends(zero_is_unset)
    ),
    "temperature invented": Mutation(REQUEST, has(Feature.TEMPERATURE), sends(unset_is_half)),
    "top_p lost": Mutation(REQUEST, has(Feature.TOP_P), sends(inference(top_p=None))),
    "top_k lost": Mutation(REQUEST, has(Feature.TOP_K), sends(inference(top_k=None))),
    "stop sequences lost": Mutation(
        REQUEST, has(Feature.STOP_SEQUENCES), sends(inference(stop_sequences=()))
    ),
    "all parameters lost": Mutation(REQUEST, always, reads(setting(inference=Inference()))),
    "metadata lost": Mutation(REQUEST, has(Feature.METADATA), sends(setting(metadata=None))),
    "options lost": Mutation(REQUEST, has_options, reads(setting(options={}))),
    # what is declared
    "top_k declared and not there": claiming(Feature.TOP_K),
    "stop sequences declared and not there": claiming(Feature.STOP_SEQUENCES),
    "tools declared and not there": claiming(Feature.TOOLS),
    "joined texts declared to come back": Mutation(
        REQUEST,
        joins(Feature.MANY_BLOCKS),
        record(features=lambda codec: codec.features | codec.joins),
    ),
    "undeclared features taken": Mutation(REFUSED, refuses_by_record, obliging),
    "a refusal that names the wrong thing": Mutation(
        REFUSED, always, lambda codec: sends(refusing(lambda text: True))(obliging(codec))
    ),
    "a declared feature refused": Mutation(
        TAKEN, lambda claims: bool(claims.codec.features), sends(refusing(lambda text: True))
    ),
    # prompts
    "raw prompt put into the template": Mutation(
        RAW, has_template, sends(setting(is_raw_prompt=False))
    ),
    "raw prompt read as a turn": Mutation(RAW, has_template, reads(setting(is_raw_prompt=False))),
    "harmless text refused": Mutation(HARMLESS, always, sends(refusing(lambda text: "\n" in text))),
    "forged turns taken": Mutation(FORGED, has_control_tokens, forgeable),
    "neutralised text refused": Mutation(
        DEFUSED, has_control_tokens, sends(refusing(lambda text: "\N{ZERO WIDTH SPACE}" in text))
    ),
    # answers
    "counts swapped": Mutation(ANSWER, tells("input_tokens", "output_tokens"), hears(swap_counts)),
    "usage lost": Mutation(ANSWER, tells("output_tokens"), hears(setting(usage=Usage()))),
    "cached tokens counted twice": Mutation(
        ANSWER, tells("cache_read_tokens"), hears(count_cached_twice)
    ),
    "answer stripped": Mutation(ANSWER, always, hears(blocks(stripped))),
    "last block of an answer lost": Mutation(
        ANSWER, always, hears(contents(lambda content: content[:-1]))
    ),
    "texts of an answer merged": Mutation(
        ANSWER, has(Feature.MANY_BLOCKS), hears(contents(merged_texts))
    ),
    "tool calls of an answer lost": Mutation(
        ANSWER, has(Feature.TOOLS), hears(blocks(drop(ToolUse)))
    ),
    "reasoning of an answer lost": Mutation(
        ANSWER, has(Feature.REASONING), hears(blocks(drop(Reasoning)))
    ),
    "id lost": Mutation(ANSWER, tells("id"), hears(setting(id=None))),
    "model lost": Mutation(ANSWER, tells("model"), hears(setting(model=None))),
    "stop sequence lost": Mutation(
        ANSWER, tells("stop_sequence"), hears(setting(stop_sequence=None))
    ),
    "native stop reason lost": Mutation(ANSWER, always, hears(setting(native_stop_reason=None))),
    "stop reasons renamed": Mutation(STOPS, always, hears(rename_stop)),
    "every stop is OTHER": Mutation(STOPS, always, hears(setting(stop_reason=StopReason.OTHER))),
    "every stop is the end of the turn": Mutation(
        STOPS,
        lambda claims: set(claims.codec.stop_reasons.table.values()) > {StopReason.END_TURN},
        hears(setting(stop_reason=StopReason.END_TURN)),
    ),
    # undocumented and documented members
    "unknown keys of requests swallowed": Mutation(UNKNOWN, always, reads(setting(extra={}))),
    "unknown keys of answers swallowed": Mutation(UNKNOWN, always, hears(setting(extra={}))),
    "unknown keys of chunks swallowed": Mutation(UNKNOWN, streams, streams_in(drop(Extra))),
    "nothing understood": Mutation(UNDERSTOOD, always, pass_through),
    # the front door
    "KeyError at the front door": Mutation(STRANGE, always, netless),
    "anything accepted": Mutation(STRANGE, always, credulous),
    # streams
    "counts lost in streams": Mutation(
        STREAM, tells("output_tokens"), streams_in(drop(UsageUpdate))
    ),
    "name and id lost in streams": Mutation(STREAM, tells("id"), streams_in(drop(Started))),
    "a piece of text lost": Mutation(
        STREAM, always, streams_in(drop(TextDelta, where=lambda e: len(e.text) == 1))
    ),
    "pieces of text stripped": Mutation(STREAM, always, streams_in(stripped)),
    "pieces of text doubled": Mutation(
        STREAM,
        always,
        streams_in(lambda event: [event] * (2 if isinstance(event, TextDelta) else 1)),
    ),
    "arguments lost in streams": Mutation(STREAM, has(Feature.TOOLS), streams_in(lose_arguments)),
    "arguments of a start lost": Mutation(
        BATCH, has(Feature.TOOLS), streams_out(lose_first_arguments)
    ),
    "reasoning lost in streams": Mutation(
        STREAM, has(Feature.REASONING), streams_in(drop(ReasoningDelta))
    ),
    "stop reason lost in streams": Mutation(STREAM, always, streams_in(drop(Stopped))),
    "stop reason not streamed": Mutation(STREAM, always, streams_out(drop(Stopped))),
    "blocks run together in streams": Mutation(
        STREAM, has(Feature.MANY_BLOCKS), streams_in(run_together)
    ),
    "terminal event lost": Mutation(CUT, always, streams_in(drop(Ended))),
    "cut streams taken for whole": Mutation(CUT, always, streams_in(ended_by(TextDelta))),
    # what equality cannot see
    "a meaning hidden in a text": Mutation(EQUAL, always, hidden_in_text),
    "a meaning hidden in the text of an answer": Mutation(EQUAL, always, hidden_in_answers),
    "a meaning hidden in a tuple": Mutation(EQUAL, always, hidden_in_a_tuple),
    "requests distinguished by identity": Mutation(EQUAL, always, known_by_identity),
    "the empty mapping distinguished": Mutation(EQUAL, always, known_by_the_empty_mapping),
    "the order of a tool's arguments distinguished": Mutation(
        EQUAL, has(Feature.TOOLS), known_by_the_order_of_members
    ),
    "every second request written otherwise": Mutation(EQUAL, always, counting),
    # edits
    "an edit undone": Mutation(EDITS, always, after_an_edit(undone)),
    "an edited text cut": Mutation(EDITS, always, to_the_edited(blocks(cut))),
    "an edited text doubled": Mutation(EDITS, always, to_the_edited(blocks(doubled))),
    "limit lost with an edit": Mutation(EDITS, always, to_the_edited(inference(max_tokens=None))),
    "parameters lost with an edit": Mutation(
        EDITS, always, to_the_edited(setting(inference=Inference()))
    ),
    "system lost with an edit": Mutation(
        EDITS, has(Feature.SYSTEM), to_the_edited(setting(system=()))
    ),
    # nulls
    "null read as an empty text": Mutation(NULLS, always, null_as("")),
    "null read as a text": Mutation(NULLS, always, null_as("null")),
    "null read as 7": Mutation(NULLS, always, null_as(7)),
    "null read as true": Mutation(NULLS, always, null_as(stand_in=True)),
    "null refused": Mutation(NULLS, always, null_refused),
    "a stream that ends at a null": Mutation(NULLS, streams, null_ends),
    "a chunk with a null skipped": Mutation(NULLS, streams, null_loses_the_chunk),
    # new members
    "a new member refused": Mutation(HIDDEN, always, new_member_refused),
    "an answer emptied by a new member": Mutation(HIDDEN, always, new_member_empties),
    "a chunk silenced by a new member": Mutation(
        HIDDEN, streams, beside_a_new_member(lambda e: [e] if isinstance(e, Extra) else [])
    ),
    "a text lost next to a new member": Mutation(
        HIDDEN, streams, beside_a_new_member(drop(TextDelta))
    ),
    "a stop lost next to a new member": Mutation(
        HIDDEN, streams, beside_a_new_member(drop(Stopped))
    ),
    "arguments lost next to a new member": Mutation(
        HIDDEN, has(Feature.TOOLS), beside_a_new_member(lose_arguments)
    ),
}
"""A mistake -> what has to see it, in whom it can be made, and how."""


# ── the judgement ─────────────────────────────────────────────────────────────────────────────────


@frozen
class Mutant:
    """One codec with one mistake in it. Calling it raises AssertionError if its law does not
    fail."""

    mistake: str
    """The key of `MUTATIONS`."""
    law: str
    """The name of the law that must find it."""
    good: Codec
    bad: Codec = field(repr=False)
    facts: ModelFacts = NO_FACTS
    tells: frozenset[str] | None = None

    @property
    def __name__(self) -> str:
        return f"{self.good.name}: {self.mistake}"

    @property
    def is_caught(self) -> bool:
        """Whether the law fails, with whatever exception."""
        law = next(
            law
            for law in codec_laws(self.bad, self.facts, tells=self.tells)
            if law.name == self.law
        )
        with many_examples():
            try:
                law()
            except Exception:
                return True
        return False

    def __call__(self) -> None:
        if not self.is_caught:
            raise AssertionError(
                f"{self.good.name} with {self.mistake!r} keeps the law {self.law!r}"
            )


def codec_mutants(
    codec: Codec, facts: ModelFacts = NO_FACTS, *, tells: Iterable[str] | None = None
) -> list[Mutant]:
    """`codec` with every mistake that can be made in it. `facts` and `tells` as for
    `codec_laws`."""
    claims = claimed(codec, facts, tells)
    facts_of_answers = None if tells is None else claims.tells
    laws = {law.name for law in codec_laws(codec, facts, tells=tells)}
    return [
        Mutant(mistake, mutation.law, codec, mutation.breaks(codec), facts, facts_of_answers)
        for mistake, mutation in MUTATIONS.items()
        if mutation.law in laws and mutation.applies(claims)
    ]


@contextmanager
def many_examples() -> Iterator[None]:
    """A Hypothesis profile for mutants: 1000 examples, the first broken one ends the search, and it
    is not shrunk because it is not shown."""
    before = settings.get_current_profile_name()
    settings.register_profile(
        "mutants", max_examples=1000, derandomize=True, phases=[Phase.generate]
    )
    settings.load_profile("mutants")
    try:
        yield
    finally:
        settings.load_profile(before)
