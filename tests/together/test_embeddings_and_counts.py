"""Embeddings, rankings and token counts of Bedrock: through the runtime, and by the command."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import pytest
from aws_account import AccountSession
from on_time import GUARD_S

from axonflow_bedrock.serving import RunningEmulator
from axonflow_core.blocking import BlockingRuntime
from axonflow_core.config import load_config
from axonflow_core.errors import Uncountable
from axonflow_core.messages import Text
from axonflow_core.retrieval import EmbeddingRequest, RerankRequest
from axonflow_core.runtime import Runtime

pytestmark = pytest.mark.sampled(2)  # every test starts a process

TITAN = "amazon.titan-embed-text-v2:0"
PROFILE = "us.anthropic.claude-sonnet-4-20250514-v1:0"
CONFIG = load_config(environment={"BEDROCK_REGION": "us-east-1", "BEDROCK_MODEL": PROFILE})


@pytest.fixture
def extras(bedrock_emulator: RunningEmulator) -> Mapping[str, Any]:
    return {"bedrock": {"boto3_session": AccountSession(bedrock_emulator.base_url)}}


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
            timeout=GUARD_S,
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
    misspelt = run("embed", "hello", "-m", "amazon.titan-embed-txt-v2:0")

    assert (talking.returncode, talking.stdout) == (2, "")
    assert "is a chat model, and an embedding model is asked for" in talking.stderr
    assert "name an embedding model with `--model`: amazon.nova-2-multi" in talking.stderr
    assert "a chat model is asked with `axonflow ask`" in talking.stderr
    assert (uncounted.returncode, "error[uncountable]" in uncounted.stderr) == (5, True)
    assert "take the usage of an answer" in uncounted.stderr
    assert "did you mean `amazon.titan-embed-text-v2:0`?" in misspelt.stderr
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
