"""Unmodified boto3 clients of `bedrock` and `sts` against the emulator: what there is, page by
page, and who asks."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from axonflow_bedrock.emulator import emulator
from axonflow_bedrock.emulator.catalogue import LISTINGS
from axonflow_bedrock.emulator.control_plane import ACCOUNT, name_of_model
from axonflow_bedrock.emulator.script import Account, Script
from axonflow_bedrock.models.iam import statements_for
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.serving import RunningEmulator, serving

SONNET = "anthropic.claude-sonnet-4-20250514-v1:0"
TITAN = "amazon.titan-text-express-v1"


@pytest.fixture(scope="module")
def running() -> Iterator[RunningEmulator]:
    with serving(emulator()) as running:
        yield running


@pytest.fixture(scope="module")
def bedrock(running: RunningEmulator) -> Iterator[Any]:
    with closing(running.boto3_client("bedrock")) as client:
        yield client


@pytest.fixture(scope="module")
def sts(running: RunningEmulator) -> Iterator[Any]:
    with closing(running.boto3_client("sts")) as client:
        yield client


def refused(call: Any, **arguments: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    response: Any = raised.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def profiles_of(region: str, today: str | None = None) -> set[str]:
    with (
        serving(emulator(script=Script(account=Account(region=region, today=today)))) as running,
        closing(running.boto3_client("bedrock")) as client,
    ):
        return {
            one["inferenceProfileId"]
            for one in client.list_inference_profiles()["inferenceProfileSummaries"]
        }


# ── models ────────────────────────────────────────────────────────────────────────────────────────


def test_every_model_of_the_catalogue_is_listed(bedrock: Any) -> None:
    listed = {
        model["modelId"]: model for model in bedrock.list_foundation_models()["modelSummaries"]
    }

    assert listed.keys() == {
        id for one in LISTINGS.values() for id in (*one.on_demand, *one.profiles)
    }
    assert listed[SONNET]["inferenceTypesSupported"] == ["INFERENCE_PROFILE"]
    assert listed[TITAN]["inferenceTypesSupported"] == ["ON_DEMAND"]
    assert (listed[SONNET]["inputModalities"], listed[TITAN]["inputModalities"]) == (
        ["TEXT", "IMAGE"],
        ["TEXT"],
    )


@pytest.mark.parametrize(
    ("asked", "vendors"),
    [
        ({"byProvider": "meta"}, {"meta"}),
        ({"byProvider": "Mistral AI", "byInferenceType": "ON_DEMAND"}, {"mistral"}),
        ({"byOutputModality": "EMBEDDING"}, {"amazon", "cohere"}),
        ({"byCustomizationType": "FINE_TUNING"}, set()),
    ],
)
def test_a_list_of_models_is_narrowed(
    bedrock: Any, asked: dict[str, str], vendors: set[str]
) -> None:
    listed = bedrock.list_foundation_models(**asked)["modelSummaries"]

    assert {model["modelId"].partition(".")[0] for model in listed} == vendors


@pytest.mark.parametrize(
    "identifier", [SONNET, f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}"]
)
def test_a_model_is_told_by_id_or_arn(bedrock: Any, identifier: str) -> None:
    model = bedrock.get_foundation_model(modelIdentifier=identifier)["modelDetails"]

    assert model["modelArn"] == f"arn:aws:bedrock:us-east-1::foundation-model/{SONNET}"
    assert (model["modelName"], model["providerName"]) == ("Claude Sonnet 4", "Anthropic")
    assert model["modelLifecycle"]["status"] == "ACTIVE"
    assert f"{model['modelLifecycle']['endOfLifeTime']:%Y-%m-%d}" == "2026-10-14"


def test_a_model_near_its_end_is_a_legacy_one_and_then_gone() -> None:
    script = Script(account=Account(today="2026-10-01"))
    with (
        serving(emulator(script=script)) as running,
        closing(running.boto3_client("bedrock")) as client,
    ):
        model = client.get_foundation_model(modelIdentifier=SONNET)["modelDetails"]
        listed = {one["modelId"] for one in client.list_foundation_models()["modelSummaries"]}

    assert model["modelLifecycle"]["status"] == "LEGACY"
    assert TITAN not in listed


def test_what_is_not_there_is_not_found(bedrock: Any) -> None:
    assert refused(bedrock.get_foundation_model, modelIdentifier="acme.rocket") == (
        404,
        "ResourceNotFoundException",
    )
    profile = "us.acme.rocket"
    assert (
        refused(bedrock.get_inference_profile, inferenceProfileIdentifier=profile)[1]
        == "ResourceNotFoundException"
    )
    assert refused(bedrock.list_guardrails) == (404, "UnknownOperationException")


@pytest.mark.parametrize(
    ("base_id", "name"),
    [
        ("anthropic.claude-opus-4-6-v1", "Claude Opus 4 6"),
        ("meta.llama3-1-70b-instruct-v1:0", "Llama3 1 70b Instruct"),
        ("mistral.mistral-7b-instruct-v0:2", "Mistral 7b Instruct"),
        ("amazon.titan-tg1-large", "Titan Tg1 Large"),
    ],
)
def test_a_model_has_a_name_for_people(base_id: str, name: str) -> None:
    assert name_of_model(base_id) == name


# ── inference profiles ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "identifier",
    [f"us.{SONNET}", f"arn:aws:bedrock:us-east-1:{ACCOUNT}:inference-profile/us.{SONNET}"],
)
def test_a_profile_names_the_model_in_every_region_it_sends_calls_to(
    bedrock: Any, identifier: str
) -> None:
    profile = bedrock.get_inference_profile(inferenceProfileIdentifier=identifier)

    assert [model["modelArn"].split(":")[3] for model in profile["models"]] == [
        "us-east-1",
        "us-east-2",
        "us-west-2",
    ]
    assert {model["modelArn"].rpartition("/")[2] for model in profile["models"]} == {SONNET}
    assert (profile["status"], profile["type"]) == ("ACTIVE", "SYSTEM_DEFINED")


def test_a_global_profile_names_the_model_of_no_region_too(bedrock: Any) -> None:
    profile = bedrock.get_inference_profile(inferenceProfileIdentifier=f"global.{SONNET}")

    assert [model["modelArn"].split(":")[3] for model in profile["models"]] == ["us-east-1", ""]


def test_what_a_profile_names_is_what_its_policy_allows(bedrock: Any) -> None:
    profile = bedrock.get_inference_profile(inferenceProfileIdentifier=f"us.{SONNET}")

    _, models = statements_for(parse_model_id(f"us.{SONNET}"), "us-east-1", is_streamed=False)

    allowed = models["Resource"].partition("*")
    for model in profile["models"]:
        assert model["modelArn"].startswith(allowed[0])
        assert model["modelArn"].endswith(allowed[2])


@pytest.mark.parametrize(
    ("region", "geographies"), [("us-east-1", {"us", "global"}), ("eu-west-1", {"eu", "global"})]
)
def test_profiles_are_those_of_the_region(region: str, geographies: set[str]) -> None:
    assert {id.partition(".")[0] for id in profiles_of(region)} == geographies


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_profiles_come_in_pages_that_add_up(bedrock: Any, size: int) -> None:
    pages = list(
        bedrock.get_paginator("list_inference_profiles").paginate(
            PaginationConfig={"PageSize": size}
        )
    )

    ids = [one["inferenceProfileId"] for page in pages for one in page["inferenceProfileSummaries"]]
    assert len(ids) == len({*ids}) == len(profiles_of("us-east-1"))
    assert all(len(page["inferenceProfileSummaries"]) <= size for page in pages)


def test_no_profile_was_made_by_the_account(bedrock: Any) -> None:
    assert (
        bedrock.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"] == []
    )
    assert bedrock.list_inference_profiles(typeEquals="SYSTEM_DEFINED")["inferenceProfileSummaries"]


def test_a_page_that_cannot_be_is_refused(bedrock: Any) -> None:
    assert refused(bedrock.list_inference_profiles, nextToken="nonsense") == (
        400,
        "ValidationException",
    )
    assert refused(bedrock.list_inference_profiles, maxResults=1001) == (400, "ValidationException")
    assert refused(bedrock.list_inference_profiles, typeEquals="OTHER") == (
        400,
        "ValidationException",
    )


def test_every_profile_that_is_listed_can_be_called(running: RunningEmulator, bedrock: Any) -> None:
    body = '{"prompt": "Hi"}'
    with closing(running.boto3_client()) as runtime:
        for profile in bedrock.list_inference_profiles()["inferenceProfileSummaries"]:
            if "meta." in profile["inferenceProfileId"]:
                runtime.invoke_model(modelId=profile["inferenceProfileArn"], body=body)


# ── who asks ──────────────────────────────────────────────────────────────────────────────────────


def test_sts_tells_whose_keys_they_are(sts: Any) -> None:
    identity = sts.get_caller_identity()

    assert (identity["Account"], identity["Arn"]) == (
        ACCOUNT,
        f"arn:aws:iam::{ACCOUNT}:user/emulator",
    )


def test_sts_does_nothing_else(sts: Any) -> None:
    assert refused(sts.get_session_token) == (400, "InvalidAction")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"aws_access_key_id": "AKIANOBODY"}, "InvalidClientTokenId"),
        ({"config": Config(signature_version=UNSIGNED)}, "MissingAuthenticationToken"),
    ],
)
def test_sts_refuses_strangers_in_its_own_words(
    running: RunningEmulator, options: Any, code: str
) -> None:
    with closing(running.boto3_client("sts", **options)) as client:
        assert refused(client.get_caller_identity) == (403, code)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"aws_secret_access_key": "wrong"}, "InvalidSignatureException"),
        ({"aws_access_key_id": "AKIANOBODY"}, "UnrecognizedClientException"),
    ],
)
def test_the_control_plane_refuses_strangers(
    running: RunningEmulator, options: Any, code: str
) -> None:
    with closing(running.boto3_client("bedrock", **options)) as client:
        assert refused(client.list_foundation_models) == (403, code)


def test_the_environment_alone_points_three_clients_at_it(running: RunningEmulator) -> None:
    program = (
        "import boto3\n"
        "print(boto3.client('sts').get_caller_identity()['Account'])\n"
        "print(len(boto3.client('bedrock').list_foundation_models()['modelSummaries']) > 10)\n"
        'body = \'{"inputText": "Hi"}\'\n'
        "answer = "
        "boto3.client('bedrock-runtime').invoke_model(modelId='amazon.titan-text-lite-v1', "
        "body=body)\n"
        "print(answer['ResponseMetadata']['HTTPStatusCode'])\n"
    )
    environment = {**os.environ, **running.environment}

    ran = subprocess.run(
        [sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True
    )

    assert ran.stdout.split() == [ACCOUNT, "True", "200"]
