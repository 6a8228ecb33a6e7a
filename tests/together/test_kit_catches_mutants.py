"""The kit is judged by what it catches: good codecs, each broken on purpose, and the law that has
to see it.

Every installed form is broken in all the ways of `axonflow_core.testing.mutations` that apply to
it; a few mistakes that only one family can make stand here. The control, that the unbroken codec
keeps every law, is `test_laws.py`, over the same codecs. The score is printed at the end of the
run, with `-v` mistake by mistake.
"""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from axonflow_bedrock.families import anthropic, gpt_oss, llama, mistral, titan
from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    Document,
    Image,
    Reasoning,
    Text,
    ToolChoice,
    ToolChoiceMode,
    ToolUse,
    Usage,
)
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import Extra, TextDelta, ToolInputDelta, UsageUpdate
from axonflow_core.testing import Mutant, check_codec, codec_laws, codec_mutants
from axonflow_core.testing.breaking import (
    Break,
    blocks,
    drop,
    each,
    ended_by,
    hears,
    inference,
    reads,
    record,
    refusing,
    renumbered,
    sends,
    setting,
    streams_in,
    streams_out,
)
from axonflow_core.testing.mutations import (
    ANSWER,
    CHUNKS,
    CUT,
    FORGED,
    HARMLESS,
    MUTATIONS,
    REFUSED,
    REQUEST,
    STREAM,
    TAKEN,
    UNKNOWN,
    many_examples,
)

CODECS = list(load_codecs("bedrock").registry.of_kind(FamilyCodec))
CLAUDE, TITAN, LLAMA2, LLAMA3 = anthropic.CODEC, titan.CODEC, llama.CODECS[0], llama.CODECS[1]
MISTRAL, MISTRAL_CHAT, *_ = mistral.CODECS
GPT_OSS = gpt_oss.CODEC


# ── mistakes of one family ────────────────────────────────────────────────────────────────────────


def as_ascii(block: Any) -> list[Any]:
    return (
        [Text(block.text.encode("ascii", "ignore").decode())]
        if isinstance(block, Text)
        else [block]
    )


def as_png(block: Any) -> list[Any]:
    return (
        [evolve(block, source=evolve(block.source, media_type="image/png"))]
        if isinstance(block, Image)
        else [block]
    )


def as_text(block: Any) -> list[Any]:
    return [evolve(block, input=str(block.input))] if isinstance(block, ToolUse) else [block]


def any_is_auto(request: CompletionRequest) -> CompletionRequest:
    choice = request.tool_choice
    is_any = choice is not None and choice.mode is ToolChoiceMode.ANY
    return evolve(request, tool_choice=ToolChoice(ToolChoiceMode.AUTO)) if is_any else request


def parsed_alone(event: Any) -> list[Any]:
    """Forgets every delta of a tool's arguments that is not JSON by itself, as who parses each
    piece does."""
    return [] if isinstance(event, ToolInputDelta) and event.json.count('"') % 2 else [event]


def twice(event: Any) -> list[Any]:
    return [event, TextDelta("", 1)] if isinstance(event, TextDelta) else [event]


def without_token(token: str) -> Break:
    return record(
        control_tokens=lambda codec: tuple(
            known for known in codec.control_tokens if known != token
        )
    )


SPECIAL = [
    Mutant(mistake, law, good, breaks(good))
    for mistake, law, good, breaks in [
        ("text made ASCII", REQUEST, MISTRAL, reads(blocks(as_ascii))),
        (
            "empty text dropped",
            REQUEST,
            CLAUDE,
            sends(blocks(drop(Text, where=lambda block: not block.text))),
        ),
        ("signature lost", REQUEST, CLAUDE, reads(blocks(each(Reasoning, signature=None)))),
        (
            "redacted lost",
            REQUEST,
            CLAUDE,
            reads(blocks(drop(Reasoning, where=lambda block: block.redacted))),
        ),
        ("image called PNG", REQUEST, CLAUDE, sends(blocks(as_png))),
        ("document's name lost", REQUEST, CLAUDE, sends(blocks(each(Document, name=None)))),
        ("cache point's time lost", REQUEST, CLAUDE, sends(blocks(each(CachePoint, ttl=None)))),
        ("tool input written as text", REQUEST, CLAUDE, sends(blocks(as_text))),
        ("any tool read as auto", REQUEST, MISTRAL_CHAT, reads(any_is_auto)),
        ("reasoning budget lost", REQUEST, CLAUDE, sends(setting(reasoning=None))),
        (
            "system declared and not there",
            REQUEST,
            TITAN,
            record(features=TITAN.features | {Feature.SYSTEM}),
        ),
        ("no control tokens declared", FORGED, LLAMA3, record(control_tokens=())),
        ("a control token forgotten", FORGED, LLAMA3, without_token("<|eot_id|>")),
        ("brackets refused", HARMLESS, MISTRAL, sends(refusing(lambda text: "[" in text))),
        ("an answer begun refused", TAKEN, TITAN, sends(refusing(lambda text: text == "ho"))),
        (
            "answer stripped at its end",
            ANSWER,
            LLAMA3,
            hears(lambda c: evolve(c, content=(Text(c.text.rstrip()),))),
        ),
        ("unknown block keys dropped", UNKNOWN, CLAUDE, reads(blocks(each(Text, extra={})))),
        (
            "empty deltas swallowed",
            STREAM,
            CLAUDE,
            streams_out(drop(TextDelta, where=lambda event: not event.text)),
        ),
        ("arguments parsed piece by piece", STREAM, CLAUDE, streams_in(parsed_alone)),
        ("blocks renumbered", CHUNKS, CLAUDE, streams_in(renumbered)),
        ("a chunk for every event", CHUNKS, TITAN, streams_in(twice)),
        ("a tag that was cut forgotten", CHUNKS, GPT_OSS, streams_in(drop(Extra))),
        ("counts taken for the terminal event", CUT, CLAUDE, streams_in(ended_by(UsageUpdate))),
    ]
]


def declared(codec: FamilyCodec) -> object:
    """What a record says of its form: several families may speak one, and to judge it once is
    enough."""
    reasons = tuple(codec.stop_reasons.table.items())
    return (
        codec.surface,
        codec.features,
        codec.joins,
        codec.documented,
        codec.options,
        codec.control_tokens,
        reasons,
    )


FORMS = {declared(codec): codec for codec in CODECS}.values()
GENERIC = [mutant for codec in FORMS for mutant in codec_mutants(codec)]


# ── the judgement ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.sampled(72, 12)
@pytest.mark.parametrize("mutant", [*GENERIC, *SPECIAL])
def test_a_mutant_breaks_the_law_that_is_to_see_it(mutant: Mutant) -> None:
    mutant()


def test_a_mutant_that_nothing_is_wrong_with_is_reported() -> None:
    sound = Mutant("no mistake", REFUSED, TITAN, TITAN)

    with pytest.raises(
        AssertionError,
        match="titan with 'no mistake' keeps the law 'an undeclared feature is refused",
    ):
        sound()


def test_every_mistake_of_the_table_is_made_in_some_codec() -> None:
    assert {mutant.mistake for mutant in GENERIC} == set(MUTATIONS)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.name)
def test_the_kit_makes_many_mistakes_in_every_codec(codec: FamilyCodec) -> None:
    mistakes = [mutant.mistake for mutant in codec_mutants(codec)]

    assert len(set(mistakes)) == len(mistakes) > 20


def test_a_key_that_the_record_does_not_name_lets_a_mistake_through() -> None:
    silent = evolve(TITAN, documented=frozenset())

    assert not {"counts swapped", "usage lost"} & {
        mutant.mistake for mutant in codec_mutants(silent)
    }


# ── how a broken law reads ────────────────────────────────────────────────────────────────────────


def test_check_codec_names_the_law_that_was_broken() -> None:
    bad = hears(setting(usage=Usage()))(TITAN)

    with pytest.raises(AssertionError) as broken:
        check_codec(bad)

    assert "the law: titan: a completion survives" in broken.value.__notes__


def test_a_broken_law_says_where_the_two_values_part() -> None:
    bad = sends(inference(stop_sequences=()))(TITAN)
    (law,) = (law for law in codec_laws(bad) if law.name == REQUEST)

    with (
        many_examples(),
        pytest.raises(
            AssertionError, match=r"at \$\.inference\.stop_sequences\[0\]: expected .+ got"
        ),
    ):
        law()
