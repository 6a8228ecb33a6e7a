"""A Bedrock runtime opened in code: what the environment adds, and which objects it takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.session import Session

from axonflow_bedrock.config import DEFAULT_MODEL
from axonflow_core import ConfigError, RequestError, Runtime, load_config

NOVA, CLAUDE = "us.amazon.nova-lite-v1:0", "us.anthropic.claude-sonnet-4-6"
ENVIRONMENT = {"BEDROCK_REGION": "eu-west-1", "BEDROCK_MODEL": NOVA}


def opened(environment: dict[str, str], **settings: Any) -> tuple[str, str | None]:
    """Model and region of the runtime that `settings` open."""
    provider: Any = Runtime.open(environment=environment, **settings).chosen()
    return provider.default_model, provider._config.region


def test_the_environment_is_the_default_of_keywords_that_are_left_out() -> None:
    assert opened(ENVIRONMENT, provider="bedrock") == (NOVA, "eu-west-1")
    assert opened(ENVIRONMENT, region="us-east-1") == (NOVA, "us-east-1")
    assert opened(ENVIRONMENT, provider="bedrock", model=CLAUDE) == (CLAUDE, "eu-west-1")


def test_the_model_of_the_environment_needs_no_region_there() -> None:
    assert opened({"BEDROCK_MODEL": NOVA}, region="us-east-1") == (NOVA, "us-east-1")


def test_an_empty_variable_is_unset() -> None:
    empty = dict.fromkeys(ENVIRONMENT, "")

    assert opened(empty, region="us-east-1") == (DEFAULT_MODEL, "us-east-1")


@pytest.mark.parametrize("session", [boto3.Session(), Session()], ids=["boto3", "botocore"])
def test_a_session_of_boto3_or_botocore_is_taken(session: Any) -> None:
    extras = {"bedrock": {"boto3_session": session}}

    assert opened({}, region="us-east-1", extras=extras) == (DEFAULT_MODEL, "us-east-1")


@pytest.mark.parametrize(
    ("given", "described"),
    [(1, "1"), (None, "None"), ("default", "a str"), (boto3.Session, "a type"), ({}, "a dict")],
)
def test_another_object_than_a_session_is_refused_when_the_runtime_is_opened(
    given: Any, described: str
) -> None:
    takes = r"\['boto3_session'\] takes a boto3.Session or a botocore session"
    with pytest.raises(ConfigError, match=f"{takes}, not {described}"):
        opened({}, region="us-east-1", extras={"bedrock": {"boto3_session": given}})


def test_a_keyword_that_is_nearly_right_is_told_the_right_one() -> None:
    with pytest.raises(ConfigError) as caught:
        opened({}, regoin="us-east-1")

    assert caught.value.hint == "did you mean region=?"


def test_an_api_key_as_a_credential_names_the_variable_for_it() -> None:
    with pytest.raises(ConfigError, match="AWS_BEARER_TOKEN_BEDROCK for an API key") as caught:
        opened({}, region="us-east-1", credentials={"api_key": "planted"})

    assert "planted" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "fix"),
    [
        ({"guardrail": "gr123"}, "write {id: …, version: …}"),
        ({"timeouts": 30}, "write {connect_s: …, first_byte_s: …, idle_s: …, total_s: …}"),
        ({"timeouts": {"connect_s": "5s"}}, "write 5, without the unit"),
    ],
)
def test_a_keyword_of_another_shape_is_told_its_own(settings: dict[str, Any], fix: str) -> None:
    with pytest.raises(ConfigError) as caught:
        opened({}, region="us-east-1", **settings)

    assert f"fix: {fix}" in str(caught.value)


def test_a_model_of_the_environment_alone_is_told_the_variable_that_is_missing() -> None:
    with pytest.raises(ConfigError, match="BEDROCK_REGION is not set") as caught:
        load_config(environment={"BEDROCK_MODEL": NOVA}, folder=Path("nowhere"))

    assert str(caught.value.hint).startswith("set BEDROCK_REGION")


@pytest.mark.parametrize(
    ("method", "asked", "named"),
    [
        ("embed", {"request": ["x"]}, "amazon.titan-embed-text-v2:0"),
        ("complete", {"prompt": "x", "model": "cohere.embed-english-v3"}, CLAUDE),
        ("complete", {"prompt": "x", "model": "cohere.rerank-v3-5:0"}, CLAUDE),
    ],
)
async def test_a_model_of_another_kind_is_refused_with_one_of_the_right_kind(
    method: str, asked: dict[str, Any], named: str
) -> None:
    async with Runtime.open(region="us-east-1", environment={}) as runtime:
        with pytest.raises(RequestError) as caught:
            await getattr(runtime, method)(**asked)

    assert named in str(caught.value.hint)
    assert "`model=`" in str(caught.value.hint)
