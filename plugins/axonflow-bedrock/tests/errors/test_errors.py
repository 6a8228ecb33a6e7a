"""Bedrock's refusals: every row is reached by its own example, and every error says what, why and
how to mend it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_bedrock.errors.diagnose import diagnose, diagnose_exception_frame, find_row
from axonflow_bedrock.errors.table import MODELLED_STATUSES, TABLE, Report, Row
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.models.table import load_models
from axonflow_bedrock.wire.eventstream import FrameDecoder, chunk_of, frame_of_exception
from axonflow_core.codec.likeness import likeness
from axonflow_core.errors import (
    AccessDenied,
    ContextExceeded,
    CredentialsError,
    CredentialsExpired,
    CredentialsMissing,
    InvalidCall,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
)

MODEL = parse_model_id("anthropic.claude-sonnet-4-20250514-v1:0")
AMAZON = "http://internal.amazon.com/coral/com.amazon.bedrock/"


def refused(
    status: int,
    code: str | None,
    message: str,
    *,
    key: str = "message",
    region: str | None = "us-east-1",
) -> ProviderError:
    header = f"{code}:{AMAZON}" if code else None
    return diagnose(
        status,
        header,
        json.dumps({key: message}).encode(),
        model=MODEL,
        region=region,
        request_id="4711",
    )


# ── the table ─────────────────────────────────────────────────────────────────────────────────────


def name_of(row: Row) -> str:
    return row.example[:40] or "/".join(row.codes) or "anything else"


def example_of(row: Row) -> Report:
    code = row.codes[0] if row.codes else None
    status = next(iter(row.statuses), MODELLED_STATUSES.get(code or "", 200))
    return Report(status, code, row.example.replace("’", "'"))


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_every_row_is_reached_by_its_own_example(row: Row) -> None:
    assert find_row(example_of(row))[0] is row


@pytest.mark.parametrize("row", [row for row in TABLE if row.pattern], ids=name_of)
def test_a_row_that_knows_the_words_is_found_though_the_code_was_lost(row: Row) -> None:
    report = Report(example_of(row).status, None, example_of(row).message)

    assert find_row(report)[0].error is row.error


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_every_row_makes_a_specific_error_with_cause_and_fix(row: Row) -> None:
    report = example_of(row)
    error = refused(report.status or 500, report.code, report.message)

    assert type(error) is row.error is not ProviderError
    assert error.hint
    assert (error.status, error.native_code) == (report.status, report.code)
    assert (error.model, error.request_id) == (MODEL.given, "4711")
    assert not re.search(r"\{\w+\}", error.message + error.hint)  # every placeholder was filled


def test_the_table_has_a_row_for_every_exception_of_the_service_model() -> None:
    by_code = {code for row in TABLE for code in row.codes if row.pattern is None}

    assert set(MODELLED_STATUSES) <= by_code


# ── the product's troubleshooting table ───────────────────────────────────────────────────────────


@pytest.mark.parametrize("apostrophe", ["'", "’"])
@pytest.mark.parametrize(
    "words",
    [
        f"Invocation of model ID {MODEL} with on-demand throughput isn{{0}}t supported. Retry your "
        "request with the ID or ARN of an inference profile that contains this model.",
        "The provided model doesn{0}t support on-demand throughput.",
    ],
)
def test_a_model_that_wants_a_profile_is_given_a_line_of_yaml(words: str, apostrophe: str) -> None:
    error = refused(400, "ValidationException", words.format(apostrophe))

    assert isinstance(error, ProfileRequired)
    assert error.message == f"{MODEL} cannot be called on demand in us-east-1"
    assert error.hint is not None
    assert error.hint.startswith(f"model: us.{MODEL} (")


@pytest.mark.parametrize(
    ("region", "suggestion"),
    [
        ("eu-west-3", f"model: eu.{MODEL} ("),
        ("us-gov-west-1", f"model: us-gov.{MODEL} ("),
        ("ap-northeast-1", f"model: jp.{MODEL} (or apac.{MODEL}; "),
        (
            "sa-east-1",
            (
                "model: the id of an inference profile; `aws bedrock list-inference-profiles "
                "--region sa-east-1`"
            ),
        ),
        (None, "model: the id of an inference profile; `aws bedrock list-inference-profiles`"),
    ],
)
def test_the_profile_suggested_is_of_the_regions_own_geography(
    region: str | None, suggestion: str
) -> None:
    error = refused(
        400, None, "Invocation with on-demand throughput isn’t supported", region=region
    )

    assert error.hint is not None
    assert error.hint.startswith(suggestion)


END_OF_LIFE = b'{"message": "This model version has reached the end of its life."}'


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        (
            "eu.anthropic.claude-sonnet-4-20250514-v1:0",
            "model: eu.anthropic.claude-sonnet-5-5, its successor; ",
        ),
        ("cohere.command-r-v1:0", "name its successor in `model:`; "),
        ("acme.rocket-v1:0", "name its successor in `model:`; "),
    ],
)
def test_a_model_at_its_end_is_told_with_its_successor_where_there_is_one(
    model: str, hint: str
) -> None:
    error = diagnose(
        404,
        None,
        END_OF_LIFE,
        model=parse_model_id(model),
        region="eu-west-1",
        models=load_models(),
    )
    assert error.message == f"AWS has retired {model}"
    assert error.hint is not None and error.hint.startswith(hint)


@pytest.mark.parametrize(
    ("message", "length"),
    [
        ("too many total text bytes: 10000002 > 9000000", "10000002 bytes"),
        ("prompt is too long: 227255 tokens > 200000 maximum", "227255 tokens"),
        ("prompt is too long: 227255 > 200000 maximum", "227255"),
    ],
)
def test_the_length_of_a_prompt_is_told_in_the_unit_that_aws_names(
    message: str, length: str
) -> None:
    said = refused(400, "ValidationException", message).message

    assert f": {length}, and the limit is " in said


def test_an_iam_denial_names_action_and_resource_and_the_statement_to_add() -> None:
    resource = "arn:aws:bedrock:us-west-2::foundation-model/amazon.titan-text-express-v1"
    words = (
        "User: arn:aws:sts::123456789012:assumed-role/app/i-0 is not authorized to perform: "
        "bedrock:InvokeModel on "
    )
    error = refused(403, "AccessDeniedException", f"{words}resource: {resource}", key="Message")

    assert isinstance(error, AccessDenied)
    assert error.message == f"the IAM role has no permission for bedrock:InvokeModel on {resource}"
    assert error.hint is not None
    assert (
        f'{{"Effect": "Allow", "Action": "bedrock:InvokeModel", "Resource": "{resource}"}}'
        in error.hint
    )


@pytest.mark.parametrize(
    "misspelt",
    [
        "anthropic.claude-sonet-9",
        "antropic.claude-sonnet-4-6",
        "meta.lama3-1-70b-instruct-v1:0",
        "amazon.nova-lite",
        "mistral.mistal-large-2407-v1:0",
    ],
)
def test_a_misspelt_id_is_never_the_one_to_write(misspelt: str) -> None:
    error = diagnose(
        400,
        "ValidationException",
        b'{"message": "The provided model identifier is invalid."}',
        model=parse_model_id(misspelt),
        region="us-east-1",
        models=load_models(),
    )
    hint = error.hint or ""

    assert hint.startswith("did you mean `")
    assert f"us.{misspelt}" not in hint


def test_an_unknown_model_is_sent_to_the_console_and_to_a_profile() -> None:
    error = refused(400, "ValidationException", "The provided model identifier is invalid.")

    assert isinstance(error, ModelNotFound)
    assert error.hint is not None
    assert "enable the model in the Bedrock console for us-east-1" in error.hint
    assert f"us.{MODEL}" in error.hint


# ── what AWS says, and what it means ──────────────────────────────────────────────────────────────

KNOWN = [
    # status, code, message, error, worth a retry
    (
        403,
        "ExpiredTokenException",
        "The security token included in the request is expired",
        CredentialsExpired,
        False,
    ),
    (
        403,
        "UnrecognizedClientException",
        "The security token in the request is invalid.",
        CredentialsError,
        False,
    ),
    (403, None, "The security token included in the request is invalid.", CredentialsError, False),
    (403, None, "Bearer Token has expired", CredentialsExpired, False),
    (
        403,
        None,
        "Authentication failed: Please make sure your API Key is valid.",
        CredentialsError,
        False,
    ),
    (
        403,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
        CredentialsMissing,
        False,
    ),
    (
        429,
        "ThrottlingException",
        "Too many requests, please wait before trying again.",
        Throttled,
        True,
    ),
    (
        429,
        "ThrottlingException",
        "Too many tokens, please wait before trying again.",
        Throttled,
        True,
    ),
    (
        429,
        "ThrottlingException",
        "Too many tokens per day, please wait before trying again.",
        Throttled,
        False,
    ),
    (400, "ServiceQuotaExceededException", "Your request exceeds a quota.", Throttled, False),
    (429, "ModelNotReadyException", "Model is not ready for inference.", Unavailable, True),
    (
        503,
        "ServiceUnavailableException",
        "Service capacity limit has been reached.",
        Unavailable,
        True,
    ),
    (500, None, "The system encountered an unexpected error during processing.", Unavailable, True),
    (424, "ModelErrorException", "The model failed.", Unavailable, False),
    (408, "ModelTimeoutException", "The model timed out.", ProviderTimeout, False),
    (400, "ValidationException", "Input is too long for requested model.", ContextExceeded, False),
    (
        400,
        None,
        "Input Tokens Exceeded: Number of input tokens exceeds maximum length.",
        ContextExceeded,
        False,
    ),
    (400, None, "too many total text bytes: 10000002 > 9000000", ContextExceeded, False),
    (
        400,
        None,
        "The model returned the following errors: prompt is too long: 9 tokens > 8",
        ContextExceeded,
        False,
    ),
    (400, None, "This request has been blocked by our content filters.", InvalidCall, False),
    (
        404,
        None,
        "Model use case details have not been submitted for this account.",
        AccessDenied,
        False,
    ),
    (404, None, "This model version has reached the end of its life.", ModelNotFound, False),
]


@pytest.mark.parametrize(("status", "code", "message", "error", "is_retryable"), KNOWN)
def test_what_aws_says_becomes_what_it_means(
    status: int, code: str | None, message: str, error: type[ProviderError], is_retryable: bool
) -> None:
    diagnosed = refused(status, code, message)

    assert (type(diagnosed), diagnosed.is_retryable) == (error, is_retryable)


def test_a_prompt_that_is_too_long_says_by_how_much() -> None:
    error = refused(
        400, "ValidationException", "prompt is too long: 227255 tokens > 200000 maximum"
    )

    assert (
        error.message
        == f"the prompt is too long for {MODEL}: 227255 tokens, and the limit is 200000"
    )


@pytest.mark.parametrize("apostrophe", ["'", "’"])
def test_what_a_model_does_not_support_is_named(apostrophe: str) -> None:
    words = (
        f"This model doesn{apostrophe}t support the video content block that you provided. "
        "Update it and try again."
    )

    error = refused(400, "ValidationException", words)

    assert error.message == f"{MODEL} does not support the video content block that you provided"


def test_a_wrong_clock_is_named() -> None:
    words = "Signature expired: 20261122T101500Z is now earlier than 20261122T101900Z"

    assert "clock" in refused(403, "InvalidSignatureException", words).message


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (301, Unavailable),
        (401, CredentialsError),
        (403, AccessDenied),
        (404, ModelNotFound),
        (413, InvalidCall),
        (418, InvalidCall),
        (429, Throttled),
        (502, Unavailable),
        (504, ProviderTimeout),
        (529, Unavailable),
        (600, Unavailable),
    ],
)
def test_what_nobody_knows_is_judged_by_its_status(status: int, error: type[ProviderError]) -> None:
    assert type(refused(status, "BrandNewException", "something new")) is error


# ── the shapes of a body ──────────────────────────────────────────────────────────────────────────

SHAPES = [
    (b'{"message":"Too many requests"}', "ThrottlingException:" + AMAZON),
    (b'{"Message":"Too many requests"}', "ThrottlingException"),
    (
        b'{"__type":"com.amazon.coral.service#ThrottlingException","message":"Too many requests"}',
        None,
    ),
    (b'{"code":"ThrottlingException","message":"Too many requests"}', None),
    (b'{"error":{"type":"ThrottlingException","message":"Too many requests"}}', None),
    (
        b'{"Output":{"__type":"x#ThrottlingException","message":"Too many '
        b'requests"},"Version":"1.0"}',
        "",
    ),
]


@pytest.mark.parametrize(("body", "header"), SHAPES)
def test_code_and_message_are_found_in_each_layers_shape(body: bytes, header: str | None) -> None:
    error = diagnose(429, header, body, model=MODEL, region="us-east-1")

    assert error.native_code == "ThrottlingException"
    assert "requests per minute" in error.message


def test_an_operation_that_the_endpoint_does_not_know_points_to_the_endpoint() -> None:
    body = (
        b'{"Output":{"__type":"com.amazon.coral.service#UnknownOperationException"},'
        b'"Version":"1.0"}'
    )

    error = diagnose(200, None, body)

    assert error.hint is not None
    assert "AWS_ENDPOINT_URL_BEDROCK_RUNTIME" in error.hint


@pytest.mark.parametrize(
    "body", [b"<html>hunter2</html>", b"\xff\xfehunter2", b"[1]", b'"hunter2"', b"{}"]
)
def test_a_body_that_is_not_bedrocks_is_told_by_what_it_looks_like(body: bytes) -> None:
    error = diagnose(502, None, body, model=MODEL)

    assert isinstance(error, Unavailable)
    assert f"(HTTP 502): {likeness(body)} without a message" in error.message
    assert "hunter2" not in f"{error} {error.hint}"


def test_an_empty_body_is_said_to_be_one() -> None:
    assert diagnose(500, None, b"").message == "the service failed (HTTP 500): no message"


KEYS = st.sampled_from(
    ["message", "Message", "__type", "code", "type", "error", "Output", "originalMessage"]
)
VALUES = st.none() | st.integers() | st.text(max_size=20)
BODIES = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES)).map(
    lambda said: json.dumps(said).encode()
)


@given(
    status=st.integers(100, 999),
    header=st.none() | st.text(max_size=40),
    body=st.binary(max_size=80) | BODIES,
)
def test_any_answer_is_diagnosed(status: int, header: str | None, body: bytes) -> None:
    error = diagnose(status, header, body, model=MODEL)

    assert type(error) is not ProviderError
    assert error.hint


@pytest.mark.parametrize(
    "filler", ["a" * 100_000, " " * 100_000, "is not authorized to perform: " * 4000, "[" * 100_000]
)
def test_a_huge_message_is_neither_slow_nor_repeated(filler: str) -> None:
    error = refused(400, "ValidationException", filler)

    assert len(error.message) < 500


def test_a_value_that_a_validator_quotes_is_not_repeated() -> None:
    words = (
        "Malformed input request: #/stopSequences/0: string [what the user said] does not match "
        "pattern ^x$"
    )

    error = refused(400, "ValidationException", words)

    assert "what the user said" not in f"{error.message} {error.hint}"
    assert "stopSequences/0: string […]" in error.message


def test_braces_in_awss_words_are_only_braces() -> None:
    error = refused(
        400,
        "ValidationException",
        'subject must not be valid against schema {"required":["messages"]}',
    )

    assert '{"required":["messages"]}' in error.message


# ── faults inside a stream ────────────────────────────────────────────────────────────────────────

IN_STREAM = [
    ("throttlingException", Throttled, 429, True),
    ("internalServerException", Unavailable, 500, True),
    ("serviceUnavailableException", Unavailable, 503, True),
    ("modelStreamErrorException", Unavailable, 424, False),
    ("modelTimeoutException", ProviderTimeout, 408, False),
    ("validationException", InvalidCall, 400, False),
    ("brandNewException", Unavailable, 500, True),
    ("", Unavailable, 500, True),
]


@pytest.mark.parametrize(("name", "error", "status", "is_retryable"), IN_STREAM)
def test_an_exception_in_a_stream_has_the_status_it_would_have_had_before(
    name: str, error: type[ProviderError], status: int, is_retryable: bool
) -> None:
    diagnosed = diagnose_exception_frame(name, b'{"message":"something"}', model=MODEL)

    assert (type(diagnosed), diagnosed.status, diagnosed.is_retryable) == (
        error,
        status,
        is_retryable,
    )


def test_a_stream_error_shows_the_models_own_words_when_there_are_no_others() -> None:
    payload = b'{"originalStatusCode":424,"originalMessage":"the model stopped"}'

    assert (
        "the model stopped"
        in diagnose_exception_frame("modelStreamErrorException", payload).message
    )


@pytest.mark.parametrize("name", ["ModelErrorException", "ModelStreamErrorException"])
def test_the_status_that_the_model_itself_answered_is_kept_and_shown(name: str) -> None:
    body = b'{"message":"it broke","originalStatusCode":503}'

    for error in (diagnose(424, name, body), diagnose_exception_frame(name, body)):
        assert (error.status, error.original_status) == (424, 503)
        assert str(error).endswith("it broke (the model's own status: 503)")


@pytest.mark.parametrize("status", [b"null", b"true", b'"503"', b"99", b"600", b"5e2", b"[]"])
def test_a_models_own_status_that_is_none_is_left_out(status: bytes) -> None:
    body = b'{"message":"it broke","originalStatusCode":%b}' % status

    error = diagnose(424, "ModelErrorException", body)

    assert error.original_status is None
    assert str(error).endswith("it broke")


# ── recorded refusals ─────────────────────────────────────────────────────────────────────────────


def recorded_refusals(folder: Path) -> Iterator[tuple[str, ProviderError]]:
    for file in sorted(folder.glob("*.jsonl")):
        for case in map(json.loads, file.read_text("utf-8").splitlines()):
            model = parse_model_id(case["model_id"])
            if case["status"] >= 400:
                header = (case.get("response_headers") or {}).get("x-amzn-errortype")
                body = json.dumps(case["response_body"]).encode()
                yield (
                    case["name"],
                    diagnose(case["status"], header, body, model=model, region=case.get("region")),
                )
            for chunk in case.get("stream_chunks") or ():
                if isinstance(chunk, dict) and "__exception__" in chunk:
                    yield (
                        case["name"],
                        raised_by(frame_of_exception(chunk["__exception__"], chunk["message"])),
                    )


def raised_by(frame: bytes) -> ProviderError:
    (read,) = FrameDecoder().feed(frame)
    with pytest.raises(ProviderError) as caught:
        chunk_of(read)
    return caught.value


def test_every_recorded_refusal_is_of_a_specific_class_and_has_a_fix(recordings: Path) -> None:
    refusals = list(recorded_refusals(recordings))

    assert len(refusals) >= 44
    for name, error in refusals:
        assert type(error) is not ProviderError, name
        assert error.hint, name


def test_every_recorded_refusal_but_plain_bad_requests_is_known_by_its_words(
    recordings: Path,
) -> None:
    by_status_alone = [
        name for name, error in recorded_refusals(recordings) if "(HTTP " in error.message
    ]

    assert (
        len(by_status_alone) <= 1
    )  # a tool schema that Anthropic's validator names in its own words
