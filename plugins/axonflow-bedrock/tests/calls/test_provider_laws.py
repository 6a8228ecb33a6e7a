"""Bedrock's provider is held to the laws of providers: event streams, and requests that are signed
instead of carrying the secret."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest
from attrs import evolve
from aws_account import CODECS, AccountSession
from botocore.credentials import Credentials

from axonflow_bedrock.aws.signing import ClientKey, KeyRing
from axonflow_bedrock.errors.encode import ERRORS
from axonflow_bedrock.plugin import axonflow_register_provider
from axonflow_bedrock.wire.eventstream import frame_of_chunk
from axonflow_core.http.client import HttpRequest
from axonflow_core.testing import FakeService, ProviderCase, provider_laws

ACCESS_KEY = "AKIAPLANTEDPLANTED00"
SECRET_KEY = "planted/secret/0123456789/0123456789abcd"
URL = "https://bedrock-runtime.us-east-1.amazonaws.com"


def is_signed(sent: HttpRequest, secret: str) -> bool:
    """Whether the request is signed with `secret`, as the endpoint of ours checks it."""
    verifier = KeyRing([ClientKey(ACCESS_KEY, secret)], region="us-east-1")
    client = verifier.verify(sent.method, sent.url, sent.headers, sent.body, datetime.now(UTC))
    return isinstance(client, str)


def is_streamed(sent: HttpRequest) -> bool:
    return sent.url.endswith("/invoke-with-response-stream")


SERVICE = FakeService(
    codec=CODECS.for_base_id("anthropic.claude-sonnet-4-20250514-v1:0"),
    errors=ERRORS,
    transport_members=frozenset(),
    write_chunk=frame_of_chunk,
    stream_type="application/vnd.amazon.eventstream",
    request_id_header="x-amzn-requestid",
    is_streamed=is_streamed,
    is_proof=is_signed,
)

CASE = ProviderCase(
    spec=axonflow_register_provider(),
    service=SERVICE,
    config={"region": "us-east-1", "model": "us.anthropic.claude-sonnet-4-20250514-v1:0"},
    credentials={"secret_access_key": SECRET_KEY},
    extras={
        "boto3_session": AccountSession(URL, Credentials(ACCESS_KEY, SECRET_KEY), attempts=None)
    },
    codecs=CODECS,
)

test_bedrock = provider_laws.law_test(CASE)


def test_a_request_that_another_secret_signs_is_no_proof() -> None:
    session = AccountSession(URL, Credentials(ACCESS_KEY, SECRET_KEY[::-1]))
    case = evolve(CASE, extras={"boto3_session": session})

    with pytest.raises(AssertionError, match="is not sent"):
        asyncio.run(provider_laws.a_secret_is_sent_and_shown_nowhere(case))
