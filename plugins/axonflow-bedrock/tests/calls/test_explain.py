"""`axonflow explain call`: what a call would be, with nothing sent."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from axonflow_bedrock.models.iam import partition_of, statements_for
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.models.table import load_models
from axonflow_bedrock.serving import RunningEmulator

pytestmark = pytest.mark.sampled(3)  # every test starts a process

SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
LIVING = "us.anthropic.claude-sonnet-4-6"
SECRET = "wJalrXUtnFEMI-not-a-real-key"
PLANTED_SECRETS = {"secret key of an explained call": SECRET}
NOWHERE = "http://127.0.0.1:9"


def explain(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment: Mapping[str, str] = {
        **{name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ},
        "HOME": "/nowhere",
        "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE12345678",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_SESSION_TOKEN": f"{SECRET}-token",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": NOWHERE,
        "BEDROCK_REGION": "us-east-1",
        **variables,
    }
    command = [sys.executable, "-m", "axonflow_core.cli", "explain", "call", *arguments]
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    sys.stdout.write(finished.stdout + finished.stderr)  # where planted secrets are looked for
    return finished


def explained(*arguments: str, **variables: str) -> Any:
    return json.loads(explain(*arguments, "--json", **variables).stdout)


def test_nothing_is_sent_and_everything_is_told() -> None:
    told = explained("-m", f"us.{SONNET}", "Why?")
    model = "us.anthropic.claude-sonnet-4-20250514-v1%3A0"
    assert told["url"] == f"{NOWHERE}/model/{model}/invoke-with-response-stream"
    assert told["body"]["messages"] == [
        {"role": "user", "content": [{"type": "text", "text": "Why?"}]}
    ]
    assert (told["facts"]["family"], told["facts"]["geography"]) == ("anthropic", "us")
    assert told["facts"]["region"] == "us-east-1 (the provider's config)"
    assert told["facts"]["credentials"] == "env, key … 5678"


def test_a_guardrail_of_the_configuration_is_told_with_its_permission(tmp_path: Path) -> None:
    path = tmp_path / "axonflow.yaml"
    guardrail = {"id": "gr8example01", "version": "3"}
    config = {"region": "us-east-1", "guardrail": guardrail}
    path.write_text(
        json.dumps(
            {"version": "1.0", "llm_providers": {"bedrock": {"enabled": True, "config": config}}}
        )
    )

    told = explained("-m", f"us.{SONNET}", AXONFLOW_CONFIG_FILE=str(path))

    assert told["facts"]["guardrail"] == "gr8example01"
    assert told["headers"]["x-amzn-bedrock-guardrailversion"] == "3"
    assert told["permissions"][-1]["Action"] == "bedrock:ApplyGuardrail"
    assert explained("-m", f"us.{SONNET}")["facts"]["guardrail"] == "none"


def test_what_proves_who_we_are_is_masked() -> None:
    ran = explain("-m", f"us.{SONNET}", HTTP_PROXY="http://user:word@127.0.0.1:9")
    assert SECRET not in ran.stdout + ran.stderr and "word@" not in ran.stdout + ran.stderr
    assert "AKIDEXAMPLE" not in ran.stdout
    assert "127.0.0.1:9" in ran.stdout, "the control: the proxy is told"


def test_what_is_explained_is_what_is_sent(bedrock_emulator: RunningEmulator) -> None:
    told = explained("-m", f"us.{SONNET}", "--no-stream", **bedrock_emulator.environment)
    client = bedrock_emulator.boto3_client()
    answer = client.invoke_model(modelId=f"us.{SONNET}", body=json.dumps(told["body"]))
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("endpoint", "is_sent"),
    [("http://bedrock.example", False), ("https://bedrock.example", True), (NOWHERE, True)],
)
def test_an_api_key_is_not_sent_where_it_can_be_overheard(endpoint: str, is_sent: bool) -> None:
    key = {
        "AWS_BEARER_TOKEN_BEDROCK": "bedrock-api-key-0",
        "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": endpoint,
    }
    if is_sent:
        assert explained("-m", SONNET, **key)["facts"]["credentials"] == "AWS_BEARER_TOKEN_BEDROCK"
    else:
        with pytest.raises(subprocess.CalledProcessError) as caught:
            explained("-m", SONNET, **key)
        error = json.loads(caught.value.stdout)["error"]
        assert (caught.value.returncode, error["code"]) == (4, "credentials")
        assert "plain http" in error["message"]


@pytest.mark.parametrize(
    "more",
    [{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}],
)
def test_a_call_is_explained_without_credentials_and_says_that_there_are_none(
    more: Mapping[str, str],
) -> None:
    ran = explain("-m", LIVING, "--json", "--system", "Be brief.", **more)
    told = json.loads(ran.stdout)
    assert told["facts"]["credentials"] == "none"
    assert "Authorization" not in told["headers"]
    assert told["body"]["system"] == [{"type": "text", "text": "Be brief."}]
    (warning,) = told["warnings"]
    assert warning.startswith("the call would be refused: no AWS credentials")


@pytest.mark.parametrize(
    ("model", "meant"),
    [
        ("us.anthropic.claude-sonet-4-6", LIVING),
        ("antropic.claude-sonnet-4-6", LIVING),
        ("claude-sonnet-4-6", LIVING),
        ("amazon.nova-pro", "amazon.nova-pro-v1:0"),
        ("eu.amazon.nova-por-v1:0", "eu.amazon.nova-pro-v1:0"),
    ],
)
def test_an_id_that_nobody_knows_is_warned_of_with_the_one_that_is_meant(
    model: str, meant: str
) -> None:
    told = explain("-m", model).stderr

    assert f"did you mean `{meant}`?" in told
    assert "call it through an inference profile" not in told, "the misspelt id with a prefix"


def test_a_question_with_files_a_schema_and_reasoning_is_explained_as_it_is_asked(
    tmp_path: Path,
) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(16))
    (tmp_path / "notes.md").write_text("# Notes")
    (tmp_path / "schema.json").write_text('{"type": "object", "additionalProperties": false}')
    options = {"image": "a.png", "file": "notes.md", "schema": "schema.json"}
    given = [f"--{name}={tmp_path / file}" for name, file in options.items()]

    told = explained("-m", LIVING, "What?", *given, "--reasoning=high", "--temperature=.3")

    kinds = [block["type"] for block in told["body"]["messages"][0]["content"]]
    assert kinds == ["image", "text", "text"]
    assert told["body"]["output_config"]["effort"] == "high"
    assert told["body"]["output_config"]["format"]["type"] == "json_schema"
    assert any(warning.startswith("temperature: not sent") for warning in told["warnings"])


def test_a_plain_id_of_a_newer_model_is_warned_of_with_its_profile() -> None:
    assert f"us.{SONNET}" in explain("-m", SONNET).stderr


def test_what_the_model_does_not_take_is_told_and_not_in_the_body() -> None:
    told = explained(
        "-m", "us.anthropic.claude-opus-4-7", "--temperature", "0.5", "--max-tokens", "9"
    )
    assert (
        "temperature: not sent, for anthropic.claude-opus-4-7 does not take it" in told["warnings"]
    )
    assert ("temperature" in told["body"], told["body"]["max_tokens"]) == (False, 9)
    older = explained("-m", f"us.{SONNET}", "--temperature", "0.5")
    assert older["body"]["temperature"] == 0.5, "the control"


def test_limits_price_lifecycle_and_profiles_are_told() -> None:
    facts = explained("-m", "us.anthropic.claude-opus-4-7")["facts"]
    assert facts["limits"] == "1,000,000 tokens of context, 128,000 tokens of answer"
    assert facts["price"] == "5.5 USD in, 27.5 USD out, per 1,000,000 tokens"
    assert facts["lifecycle"] == f"active, as of {load_models().as_of}"
    assert facts["inference profiles"] == "au., eu., global., jp., us."


def test_what_nobody_knows_is_unknown_and_not_nothing() -> None:
    facts = explained("-m", "amazon.titan-tg1-large")["facts"]
    assert facts["price"] == "unknown in, unknown out, per 1,000,000 tokens"
    assert "unknown" in explained("-m", "anthropic.claude-next-9")["facts"]["limits"]


def test_a_life_that_has_ended_is_warned_of_with_the_successor() -> None:
    (ended, needed) = explained("-m", SONNET)["warnings"]
    assert (
        "reached its end of life on 2026-10-14; its successor is us.anthropic.claude-sonnet-5-5"
        in ended
    )
    assert needed.endswith(f"call it through an inference profile: us.{SONNET}")


def test_a_life_that_will_end_is_warned_of_with_the_day() -> None:
    (coming,) = explained("-m", "us.anthropic.claude-sonnet-4-5-20250929-v1:0")["warnings"]
    assert "reaches its end of life on 2027-04-08" in coming


def test_a_model_that_answers_no_prompt_is_refused_by_its_kind() -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        explain("-m", "cohere.rerank-v3-5:0")

    assert "cohere.rerank-v3-5:0 is a reranking model: it answers no prompt" in refused.value.stderr
    assert "answers no prompt" not in explain("-m", f"us.{SONNET}").stderr, "the control"


def test_what_is_not_heeded_is_named() -> None:
    assert "adaptive" in explain("-m", SONNET, AWS_RETRY_MODE="adaptive").stderr


@pytest.mark.parametrize(
    ("model", "region", "resources"),
    [
        (SONNET, "us-east-1", [f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}"]),
        (
            SONNET,
            "us-gov-west-1",
            [f"arn:aws-us-gov:bedrock:us-gov-west-1::foundation-model/{SONNET}"],
        ),
        (
            f"us.{SONNET}",
            "us-east-1",
            [
                f"arn:aws:bedrock:us-east-1:*:inference-profile/us.{SONNET}",
                f"arn:aws:bedrock:*::foundation-model/{SONNET}",
            ],
        ),
        (
            f"global.{SONNET}",
            "eu-west-1",
            [
                f"arn:aws:bedrock:eu-west-1:*:inference-profile/global.{SONNET}",
                [
                    f"arn:aws:bedrock:*::foundation-model/{SONNET}",
                    f"arn:aws:bedrock:::foundation-model/{SONNET}",
                ],
            ],
        ),
        (
            "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2",
            "us-east-1",
            ["arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2"],
        ),
    ],
)
def test_the_permissions_are_those_of_this_id_alone(
    model: str, region: str, resources: list[object]
) -> None:
    statements = statements_for(parse_model_id(model), region, is_streamed=False)
    assert [statement["Resource"] for statement in statements] == resources
    assert {statement["Action"] for statement in statements} == {"bedrock:InvokeModel"}


def test_a_profile_ties_the_model_to_itself() -> None:
    _, through = statements_for(parse_model_id(f"us.{SONNET}"), "us-east-1", is_streamed=True)
    profile = f"arn:aws:bedrock:us-east-1:*:inference-profile/us.{SONNET}"
    assert through["Condition"] == {"StringLike": {"bedrock:InferenceProfileArn": profile}}


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-east-1", "aws"), ("cn-north-1", "aws-cn"), ("eusc-de-east-1", "aws-eusc")],
)
def test_the_partition_follows_the_region(region: str, partition: str) -> None:
    assert partition_of(region) == partition


def test_what_decided_on_the_request_is_told_with_its_source() -> None:
    told = explained("-m", "us.anthropic.claude-opus-4-7", "--temperature", "0.5")

    (rule,) = told["rules"]
    assert rule.startswith("does not take: temperature, top_k, top_p (litellm")
    assert "AWS model card" in rule
    assert [warning for warning in told["warnings"] if warning.startswith("temperature: not sent")]


def test_a_model_that_the_table_does_not_have_gets_the_newest_ones_facts_and_a_warning() -> None:
    told = explained("-m", "us.anthropic.claude-sonnet-9", "--temperature", "0.5")

    assert "temperature" not in told["body"]
    (warning,) = (each for each in told["warnings"] if "it gets what" in each)
    assert (
        "does not have anthropic.claude-sonnet-9: it gets what anthropic.claude-sonnet-5-5 has"
        in warning
    )
