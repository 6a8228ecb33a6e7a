"""The laws, over every installed family; and the strategies under them: do they draw all that a
codec claims?"""

from __future__ import annotations

import re
from typing import TypeVar

import pytest
from attrs import evolve
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from axonflow_bedrock.families import (
    anthropic,
    claude_text,
    cohere,
    deepseek_r1,
    j2,
    llama,
    mistral,
    nova,
    titan,
)
from axonflow_core.codec import FamilyCodec, Feature, features_of
from axonflow_core.codec.unary import EmbeddingCodec, RerankCodec
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.messages import (
    Reasoning,
    ReasoningRequest,
    StopReason,
    Text,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
)
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import TextDelta, ToolInputDelta
from axonflow_core.testing import (
    Claims,
    Law,
    codec_laws,
    completions,
    joined_requests,
    requests,
    streams,
)
from axonflow_core.testing.option_values import OPTION_VALUES
from axonflow_core.testing.strategies import texts

T = TypeVar("T")

CLAUDE, CLAUDE_TEXT, TITAN = anthropic.CODEC, claude_text.CODEC, titan.CODEC
NOVA = nova.CODEC
LLAMA2, LLAMA3, *LLAMA_WITH_IMAGES = llama.CODECS
MISTRAL, MISTRAL_CHAT, *_ = mistral.CODECS
COMMAND, COMMAND_R = cohere.CODECS
J2, R1 = j2.CODEC, deepseek_r1.CODEC
REGISTRY = load_codecs("bedrock").registry
FAMILIES = tuple(REGISTRY.of_kind(FamilyCodec))


def drawn(strategy: SearchStrategy[T], count: int = 80) -> list[T]:
    """What `count` draws give, the same in every run of the same tests: Hypothesis draws on what is
    imported too."""
    values: list[T] = []

    def keep(value: T) -> None:
        values.append(value)

    rules = settings(
        max_examples=count,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    rules(given(strategy)(keep))()
    return values


@pytest.mark.sampled(12)
@pytest.mark.parametrize("law", [law for codec in FAMILIES for law in codec_laws(codec)])
def test_every_family_keeps_every_law(law: Law) -> None:
    law()


def test_a_law_is_called_after_its_family_and_what_it_says() -> None:
    assert codec_laws(TITAN)[0].__name__ == "titan: a request survives"


@pytest.mark.parametrize(
    "codec",
    [
        pytest.param(
            codec,
            id=codec.name,
            marks=pytest.mark.exhaustive if number % 3 else pytest.mark.thorough,
        )
        for number, codec in enumerate(FAMILIES)
    ],
)
def test_every_feature_that_comes_back_as_itself_is_drawn(codec: FamilyCodec) -> None:
    used = set().union(*map(features_of, drawn(requests(Claims(codec=codec)), 400)))

    assert used == codec.features - {Feature.RAW_PROMPT}


@pytest.mark.sampled(9)
@pytest.mark.parametrize(
    "codec", [codec for codec in FAMILIES if codec.joins], ids=lambda codec: codec.name
)
def test_every_shape_that_is_joined_is_drawn(codec: FamilyCodec) -> None:
    used = set().union(*map(features_of, drawn(joined_requests(Claims(codec=codec)))))

    shapes = {Feature.SYSTEM, Feature.MANY_BLOCKS, Feature.ANY_ROLE_ORDER, Feature.MID_SYSTEM}
    assert used == shapes & (codec.features | codec.joins)


def test_a_feature_that_one_model_lacks_is_not_drawn() -> None:
    claims = Claims(codec=CLAUDE)
    narrowed = evolve(
        claims, facts=evolve(claims.facts, without=frozenset({Feature.TOOLS, Feature.IMAGES}))
    )

    used = set().union(*map(features_of, drawn(requests(narrowed))))

    assert used.isdisjoint({Feature.TOOLS, Feature.IMAGES})


@pytest.mark.parametrize("kind", [FamilyCodec, EmbeddingCodec, RerankCodec])
def test_the_kit_knows_the_type_of_every_option(kind: type) -> None:
    ours = [entry.codec for entry in REGISTRY if entry.distribution == "axonflow-bedrock"]
    codecs = [codec for codec in ours if isinstance(codec, kind)]
    codecs += [openai_chat.CODEC, anthropic_messages.CODEC] if kind is FamilyCodec else []

    assert set().union(*(codec.options for codec in codecs)) - OPTION_VALUES.keys() == set()


@pytest.mark.thorough
def test_an_option_is_drawn_with_values_of_its_type() -> None:
    found = [request.options for request in drawn(requests(Claims(codec=COMMAND_R)), 240)]
    kinds = {(name, type(value)) for options in found for name, value in options.items()}

    assert kinds == {
        *(("documents", list), ("prompt_truncation", str)),
        *((flag, bool) for flag in ("search_queries_only", "return_prompt", "raw_prompting")),
    }


def test_a_text_comes_close_to_a_token_and_never_holds_one() -> None:
    tokens = LLAMA3.control_tokens

    found = drawn(texts(tokens), 200)

    assert not any(token in text for text in found for token in tokens)
    assert any("<|eot_id|" in text for text in found)


def test_a_text_may_be_empty_blank_or_beyond_the_first_plane_of_unicode() -> None:
    found = drawn(texts(), 200)

    assert "" in found
    assert any(text and not text.strip() for text in found)
    assert any(ord(character) > 0xFFFF for text in found for character in text)


@pytest.mark.thorough
def test_every_documented_stop_reason_is_drawn_and_one_that_nobody_documents() -> None:
    reasons = {
        completion.stop_reason for completion in drawn(completions(Claims(codec=CLAUDE)), 1000)
    }

    assert reasons == {*CLAUDE.stop_reasons.table.values(), StopReason.OTHER, None}


def test_what_an_answer_tells_is_read_from_the_documented_keys() -> None:
    assert Claims(codec=LLAMA2).tells == {"input_tokens", "output_tokens"}
    assert Claims(codec=MISTRAL).tells == set()
    assert {"model", "stop_sequence", "cache_read_tokens"} <= Claims(codec=CLAUDE).tells


def test_an_author_may_say_what_an_answer_tells() -> None:
    law = codec_laws(MISTRAL, tells={"id"})[0]

    assert law.claims.tells == {"id"}


def test_a_choice_that_is_refused_by_name_is_not_claimed() -> None:
    modes = {choice.mode for choice in Claims(codec=MISTRAL_CHAT).tool_choices}

    assert modes == {ToolChoiceMode.AUTO, ToolChoiceMode.ANY, ToolChoiceMode.NONE}


def test_a_mode_of_reasoning_that_a_family_must_write_is_claimed_as_it_is_written() -> None:
    assert Claims(codec=NOVA).reasoning_requests == [
        ReasoningRequest("adaptive"),
        ReasoningRequest("enabled", effort="high"),
    ]
    assert ReasoningRequest(effort="high") in Claims(codec=CLAUDE).reasoning_requests


def test_a_family_that_takes_a_prompt_and_no_conversation_is_asked_one_thing() -> None:
    assert {len(request.messages) for request in drawn(requests(Claims(codec=J2)))} == {1}
    assert {len(request.messages) for request in drawn(requests(Claims(codec=TITAN)))} > {1}


def test_where_calls_have_no_ids_they_are_known_by_their_places() -> None:
    answers = drawn(completions(Claims(codec=COMMAND_R)))
    called = [
        [block.id for block in answer.content if isinstance(block, ToolUse)] for answer in answers
    ]

    assert all(ids == ["call_1", "call_2", "call_3"][: len(ids)] for ids in called)
    assert {len(ids) for ids in called} == {0, 1, 2, 3}


def test_a_result_without_an_id_follows_its_call() -> None:
    asked = drawn(requests(Claims(codec=COMMAND_R)))
    results = [
        block
        for request in asked
        for block in request.messages[-1].content
        if isinstance(block, ToolResult)
    ]
    earlier = [
        block for request in asked for message in request.messages[:-2] for block in message.content
    ]

    assert {result.tool_use_id for result in results} == {"call_1"}
    assert not any(isinstance(block, ToolUse | ToolResult) for block in earlier)


def test_thoughts_are_drawn_in_the_answers_of_a_family_that_thinks_aloud() -> None:
    kinds = {
        tuple(type(block) for block in answer.content)
        for answer in drawn(completions(Claims(codec=R1)))
    }

    assert kinds == {(Text,), (Reasoning,), (Reasoning, Text)}
    assert not Claims(codec=TITAN).answers_with_thoughts


def test_schemas_are_flat_where_a_nested_one_is_refused() -> None:
    schemas = [
        tool.input_schema
        for request in drawn(requests(Claims(codec=COMMAND_R)))
        for tool in request.tools
    ]

    assert any(schema["properties"] for schema in schemas)
    assert any("required" in schema for schema in schemas)
    assert Claims(codec=CLAUDE).takes_any_schema
    assert not Claims(codec=COMMAND_R).takes_any_schema


def test_the_borders_of_a_template_are_read_off_a_prompt() -> None:
    assert Claims(codec=TITAN).borders == ("\nBot: ", "\nUser: ")
    assert Claims(codec=CLAUDE).borders == ()


def test_streams_split_texts_and_arguments_anywhere() -> None:
    found = drawn(streams(Claims(codec=CLAUDE)), 300)
    events = [event for _, batches in found for batch in batches for event in batch]
    arguments = [event.json for event in events if isinstance(event, ToolInputDelta)]

    assert any(isinstance(event, TextDelta) and event.text == "" for event in events)
    assert any(piece.count('"') % 2 for piece in arguments)
    assert any(re.search(r"\\(u[0-9a-f]{0,3})?$", piece) for piece in arguments)


def test_a_strategy_throws_nothing_away() -> None:
    attempts = []

    def record(pair: tuple[object, object]) -> None:
        attempts.append(pair)

    claims = Claims(codec=CLAUDE)
    rules = settings(
        max_examples=50,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    rules(given(st.tuples(requests(claims), completions(claims)))(record))()

    assert len(attempts) == 50
