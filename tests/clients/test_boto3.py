"""boto3 and the AWS CLI, unmodified, at the governed server."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from attrs import evolve
from botocore.config import Config
from botocore.exceptions import ClientError

from axonflow_bedrock.aws.signing import Signer
from tests.clients.conftest import Endpoint
from tests.grammar_bedrock import check_converse
from tests.together.drop_in import SECRET

pytestmark = pytest.mark.thorough

CLAUDE = "us.anthropic.claude-sonnet-4-6"
WEATHER = {
    "tools": [
        {
            "toolSpec": {
                "name": "get_weather",
                "inputSchema": {"json": {"type": "object", "properties": {"city": {}}}},
            }
        }
    ]
}


def client_of(endpoint: Endpoint, secret: str | None = None) -> Any:
    id, own = endpoint.key.split(":")
    return boto3.Session().client(
        "bedrock-runtime",
        endpoint_url=endpoint.url,
        region_name="eu-west-3",
        aws_access_key_id=id,
        aws_secret_access_key=secret or own,
        config=Config(signature_version="v4", retries={"total_max_attempts": 1}),
    )


@pytest.fixture
def client(endpoint: Endpoint) -> Any:
    return client_of(endpoint)


def said(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [{"text": text}]}]


@pytest.mark.parametrize("model", [CLAUDE, "claude", "nova", "llama"])
def test_a_conversation_is_answered_whole_and_streamed(client: Any, model: str) -> None:
    answer = client.converse(modelId=model, messages=said("Good day."))
    text = answer["output"]["message"]["content"][0]["text"]
    stream = client.converse_stream(modelId=model, messages=said("Good day."))
    grammar = check_converse(list(stream["stream"]))
    assert "You said: Good day." in text
    assert grammar.text == text
    assert answer["usage"]["totalTokens"] > 0


def test_a_round_of_tools_ends_with_an_answer(client: Any) -> None:
    asked = said("How is the weather?")
    first = client.converse(modelId="claude", messages=asked, toolConfig=WEATHER)
    assert first["stopReason"] == "tool_use"
    message = first["output"]["message"]
    (call,) = [each["toolUse"] for each in message["content"] if "toolUse" in each]
    result = {"toolUseId": call["toolUseId"], "content": [{"text": "rain"}]}
    told = {"role": "user", "content": [{"toolResult": result}]}
    last = client.converse(modelId="claude", messages=[*asked, message, told], toolConfig=WEATHER)
    assert last["output"]["message"]["content"][0]["text"] == "Take an umbrella."


def test_a_claudes_body_is_answered_by_a_llama_in_its_form(client: Any) -> None:
    body = {
        "anthropic_version": "bedrock-2023-05-31",
        "max_tokens": 50,
        "messages": [{"role": "user", "content": "Good day."}],
    }
    reply = client.invoke_model(modelId="llama", body=json.dumps(body))
    message = json.loads(reply["body"].read())
    assert message["type"] == "message"
    assert "llama" in message["content"][0]["text"]


@pytest.mark.parametrize(
    ("model", "text", "words"),
    [
        ("claude", "What of Project Aurora?", "A policy of this server stops the call"),
        ("claude", "Tell me the secret.", "A policy of this server stops the call"),
        ("us.nobody.model-v1:0", "Good day.", "The provided model identifier is invalid."),
        ("no-name", "Good day.", "The provided model identifier is invalid."),
    ],
)
def test_what_is_refused_is_no_fault_that_is_repeated(
    client: Any, model: str, text: str, words: str
) -> None:
    with pytest.raises(client.exceptions.ValidationException) as refused:
        client.converse(modelId=model, messages=said(text))
    assert words in str(refused.value)
    assert SECRET not in str(refused.value)


def test_a_wrong_secret_is_refused_as_aws_does(endpoint: Endpoint) -> None:
    with pytest.raises(ClientError) as refused:
        client_of(endpoint, "not the secret").converse(modelId="claude", messages=said("hi"))
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_an_id_that_nobody_has_is_refused_as_aws_does(endpoint: Endpoint) -> None:
    stranger = evolve(endpoint, key="nobody:at-all")
    with pytest.raises(ClientError) as refused:
        client_of(stranger).converse(modelId="claude", messages=said("hi"))
    assert refused.value.response["Error"]["Code"] == "UnrecognizedClientException"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_a_signature_of_the_host_without_its_port_is_verified_as_it_came(
    endpoint: Endpoint,
) -> None:
    """Older Claude Codes sign and send it so."""
    id, secret = endpoint.key.split(":")
    port = int(endpoint.url.rpartition(":")[2])
    body = json.dumps({"messages": said("Good day.")}).encode()
    signer = Signer(id, secret, None, "us-east-1", "bedrock")
    path = f"/model/{CLAUDE}/converse"
    headers = signer.sign(
        "POST",
        f"http://127.0.0.1{path}",
        {"content-type": "application/json"},
        body,
        datetime.now(UTC),
    )
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest("POST", path, skip_host=True, skip_accept_encoding=True)
    sent = {"Host": "127.0.0.1", **headers, "Content-Length": str(len(body))}
    for name, value in sent.items():
        if name.lower() != "host" or name == "Host":
            connection.putheader(name, value)
    connection.endheaders(body)
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    assert reply.status == 200, body


def test_tokens_are_counted_the_same_before_and_after(client: Any) -> None:
    counted = client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": said("a b c")}})
    answer = client.converse(modelId=CLAUDE, messages=said("a b c"))
    stream = client.converse_stream(modelId=CLAUDE, messages=said("a b c"))
    (end,) = [each["metadata"] for each in stream["stream"] if "metadata" in each]
    inputs = {counted["inputTokens"], answer["usage"]["inputTokens"], end["usage"]["inputTokens"]}
    assert len(inputs) == 1


def test_models_are_listed_by_the_control_plane(endpoint: Endpoint) -> None:
    id, secret = endpoint.key.split(":")
    bedrock = boto3.Session().client(
        "bedrock",
        endpoint_url=endpoint.url,
        region_name="us-east-1",
        aws_access_key_id=id,
        aws_secret_access_key=secret,
    )
    models = bedrock.list_foundation_models()["modelSummaries"]
    profiles = bedrock.list_inference_profiles(typeEquals="SYSTEM_DEFINED")
    assert "claude" in {model["modelId"] for model in models}
    ids = {profile["inferenceProfileId"] for profile in profiles["inferenceProfileSummaries"]}
    assert CLAUDE in ids
    assert bedrock.get_inference_profile(inferenceProfileIdentifier=CLAUDE)["status"] == "ACTIVE"


@pytest.mark.skipif(shutil.which("aws") is None, reason="the AWS CLI is missing")
def test_the_aws_cli_is_answered(endpoint: Endpoint) -> None:
    id, secret = endpoint.key.split(":")
    ran = subprocess.run(
        [
            *("aws", "bedrock-runtime", "converse", "--model-id", "claude", "--output", "text"),
            *("--query", "output.message.content[0].text"),
            *("--messages", json.dumps(said("Good day."))),
        ],
        env={
            **os.environ,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": endpoint.url,
            "AWS_ACCESS_KEY_ID": id,
            "AWS_SECRET_ACCESS_KEY": secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert "You said: Good day." in ran.stdout
