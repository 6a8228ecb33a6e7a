"""Embeddings, rankings and token counts in the core: values, the registry of several kinds, and the
runtime."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest
from botocore.credentials import Credentials
from botocore.session import Session

from axonflow_bedrock.emulator import ACCESS_KEY, SECRET_KEY
from axonflow_bedrock.families import anthropic, titan
from axonflow_bedrock.pytest_plugin import RunningEmulator
from axonflow_bedrock.retrieval import titan_embed
from axonflow_core.blocking import BlockingRuntime
from axonflow_core.codec import FamilyCodec, NativeNames
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.codec.unary import EmbeddingCodec, TokenCounter
from axonflow_core.config import load_config
from axonflow_core.errors import (
    ConfigError,
    EncodeError,
    RequestError,
    Uncountable,
    UndetectedFamily,
)
from axonflow_core.messages import Text, Usage
from axonflow_core.retrieval import (
    EmbeddingRequest,
    Embeddings,
    Encoding,
    Purpose,
    RerankRequest,
    Vector,
    merge_embeddings,
)
from axonflow_core.runtime import Runtime

TITAN = "amazon.titan-embed-text-v2:0"
PROFILE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
COUNTER = TokenCounter(
    codec=titan.CODEC, models=titan.CODEC.models, count_key="n", evidence="tests"
)


# ── values ────────────────────────────────────────────────────────────────────────────────────────


def test_answers_are_joined_in_order_and_their_counts_added_up() -> None:
    one = Embeddings((Vector((1.0,)), Vector((2.0,), 1)), Usage(input_tokens=3), id="a")
    two = Embeddings((Vector((3.0,)),), Usage(input_tokens=4), id="b")

    whole = merge_embeddings([(2, one), (1, two)])

    assert whole.floats == ((1.0,), (2.0,), (3.0,))
    assert (whole.usage, whole.id) == (Usage(input_tokens=7), None)
    assert merge_embeddings([(2, one)]) is one


def test_a_count_that_nobody_told_is_not_zero() -> None:
    answer = Embeddings((Vector((1.0,)),))

    assert merge_embeddings([(1, answer), (1, answer)]).usage.input_tokens is None


def test_vectors_are_found_by_encoding_in_the_order_of_the_inputs() -> None:
    answer = Embeddings(
        (Vector((2,), 1, Encoding.INT8), Vector((1,), 0, Encoding.INT8), Vector((0.5,), 0))
    )

    assert answer.in_encoding(Encoding.INT8) == ((1,), (2,))
    assert answer.floats == ((0.5,),)


def test_neither_texts_nor_vectors_are_shown() -> None:
    shown = repr(
        (
            EmbeddingRequest((Text("secret"),)),
            Vector((0.125,)),
            RerankRequest("secret", ("secret",)),
        )
    )

    assert "secret" not in shown
    assert "0.125" not in shown


def test_a_familys_other_word_comes_back_and_a_word_that_it_lacks_is_refused() -> None:
    words = NativeNames(
        what="purpose", table={"index": Purpose.DOCUMENT, "archive": Purpose.DOCUMENT}
    )

    assert words.decode_optional("index") == (Purpose.DOCUMENT, None)
    assert words.encode_optional(*words.decode_optional("archive")) == "archive"
    with pytest.raises(EncodeError) as refused:
        words.encode(Purpose.QUERY, None)
    assert refused.value.feature == "purpose"


# ── the registry ──────────────────────────────────────────────────────────────────────────────────


def registered(*codecs: FamilyCodec | EmbeddingCodec | TokenCounter) -> CodecRegistry:
    return CodecRegistry(
        RegisteredCodec(codec, f"distribution-{number}", "1") for number, codec in enumerate(codecs)
    )


def test_one_model_may_have_a_codec_of_each_kind() -> None:
    registry = registered(titan.CODEC, COUNTER, titan_embed.TEXT_V1)

    assert registry.find(FamilyCodec, "amazon.titan-text-lite-v1") is titan.CODEC
    assert registry.find(TokenCounter, "amazon.titan-text-lite-v1") is COUNTER
    assert len(registry) == 3


def test_two_codecs_of_one_kind_and_name_are_an_error_that_names_both() -> None:
    with pytest.raises(
        ConfigError, match=r"titan-embed/v1 .*distribution-0 1 and distribution-1 1"
    ):
        registered(titan_embed.TEXT_V1, titan_embed.TEXT_V1)


def test_the_families_of_a_kind_are_named() -> None:
    registry = registered(titan.CODEC, anthropic.CODEC, *titan_embed.CODECS)

    assert registry.names == ("anthropic", "titan")
    assert registry.names_of(EmbeddingCodec) == (
        "titan-embed/image",
        "titan-embed/v1",
        "titan-embed/v2",
    )
    with pytest.raises(UndetectedFamily, match="several forms"):
        registry.find_by_name(EmbeddingCodec, "titan-embed")


# ── the runtime ───────────────────────────────────────────────────────────────────────────────────


class EmulatorSession(Session):
    """A botocore session whose account and endpoint are the emulator's, with no variable or file in
    between."""

    def __init__(self, emulator: RunningEmulator) -> None:
        super().__init__()
        self._base_url = emulator.base_url
        self._credentials = Credentials(ACCESS_KEY, SECRET_KEY)

    def create_client(self, *args: Any, **kwargs: Any) -> Any:
        return super().create_client(*args, **{**kwargs, "endpoint_url": self._base_url})


CONFIG = load_config(environment={"BEDROCK_REGION": "us-east-1", "BEDROCK_MODEL": PROFILE})


@pytest.fixture
def extras(bedrock_emulator: RunningEmulator) -> Mapping[str, Any]:
    return {"bedrock": {"boto3_session": EmulatorSession(bedrock_emulator)}}


async def test_texts_are_embedded_and_tokens_counted(extras: Mapping[str, Any]) -> None:
    async with Runtime.open(CONFIG, extras=extras) as runtime:
        one = await runtime.embed("hello", model=TITAN)
        two = await runtime.embed(["hello", "world"], model=TITAN)
        count = await runtime.count_tokens("two words")

    assert two.floats[0] == one.floats[0] != two.floats[1]
    assert count.input_tokens == 2


def test_a_blocking_caller_can_do_the_same(extras: Mapping[str, Any]) -> None:
    with BlockingRuntime.open(CONFIG, extras=extras) as runtime:
        embeddings = runtime.embed(EmbeddingRequest((Text("hello"),), dimensions=256), model=TITAN)
        ranking = runtime.rerank(
            RerankRequest("red apple", ("a car", "an apple")), model="amazon.rerank-v1:0"
        )
        with pytest.raises(Uncountable):
            runtime.count_tokens("hello", model="amazon.titan-text-express-v1")
        count = runtime.count_tokens("hello")

    assert len(embeddings.floats[0]) == 256
    assert [ranked.index for ranked in ranking.results] == [1, 0]
    assert count.input_tokens == 1


async def test_a_provider_that_cannot_says_so() -> None:
    async with Runtime.open(load_config(environment={"ECHO_MODEL": "echo"})) as runtime:
        with pytest.raises(RequestError, match="does not support embeddings"):
            await runtime.embed("hello")
        with pytest.raises(RequestError, match="does not support reranking"):
            await runtime.rerank(RerankRequest("q", ("a",)))
        with pytest.raises(RequestError, match="does not support token counting"):
            await runtime.count_tokens("hello")


# ── the command ───────────────────────────────────────────────────────────────────────────────────

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"


@pytest.fixture
def run(bedrock_emulator: RunningEmulator, environment_of: Callable[..., Mapping[str, str]]) -> Run:
    """Runs the command against the emulator, with no configuration but its environment."""
    environment = environment_of({**bedrock_emulator.environment, "BEDROCK_MODEL": PROFILE})

    def execute(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "axonflow_core.cli", *arguments],
            cwd=environment["HOME"],
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )

    return execute


def test_each_text_is_a_line_of_numbers(run: Run) -> None:
    given = run("embed", "hello", "world", "-m", TITAN, "--dimensions", "256")
    piped = run("embed", "-", "-m", TITAN, "--dimensions", "256", stdin="hello\nworld\n")

    lines = [json.loads(line) for line in given.stdout.splitlines()]
    assert [len(line) for line in lines] == [256, 256]
    assert (given.returncode, piped.stdout) == (0, given.stdout)


def test_vectors_as_json_say_what_they_cost(run: Run) -> None:
    described = json.loads(run("embed", "two words", "-m", TITAN, "--json").stdout)

    assert (described["dimensions"], described["input_tokens"]) == (1024, 2)
    assert [len(vector["values"]) for vector in described["vectors"]] == [1024]


def test_a_count_is_a_number(run: Run) -> None:
    assert run("count", "two words").stdout == "2\n"
    assert run("count", "-", stdin="two words").stdout == "2\n"
    assert json.loads(run("count", "two words", "--json").stdout) == {"input_tokens": 2}


def test_what_cannot_be_done_is_an_error_with_its_exit_code(run: Run) -> None:
    talking = run("embed", "hello")
    uncounted = run("count", "hello", "-m", "amazon.titan-text-express-v1")
    empty = run("embed", "-", "-m", TITAN)

    assert (talking.returncode, talking.stdout) == (2, "")
    assert "error[family_not_detected]: no embedding family is known" in talking.stderr
    assert (uncounted.returncode, "error[uncountable]" in uncounted.stderr) == (5, True)
    assert (empty.returncode, "no text on stdin" in empty.stderr) == (2, True)


def test_the_list_of_codecs_tells_their_kinds(run: Run) -> None:
    rows = json.loads(run("codecs", "list", "--json").stdout)

    kinds = {(row["kind"], row["family"]) for row in rows}
    assert {
        ("embedding", "nova-embed"),
        ("rerank", "cohere-rerank"),
        ("count", "converse"),
    } <= kinds
    assert ("model", "anthropic") in kinds
