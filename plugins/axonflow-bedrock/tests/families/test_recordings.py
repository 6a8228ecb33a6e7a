"""The families against what Bedrock really sent.

The recordings are third-party data and no part of the project: AXONFLOW_RECORDINGS names the folder
they are in.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from attrs import evolve

from axonflow_bedrock.families import (
    anthropic,
    claude_text,
    cohere,
    imported,
    j2,
    jamba,
    llama,
    mistral,
    nova,
    titan,
)
from axonflow_bedrock.recorded import BedrockRecordingFormat
from axonflow_core.codec import FamilyCodec
from axonflow_core.codec.registry import CodecRegistry, RegisteredCodec
from axonflow_core.messages import Completion, CompletionRequest
from axonflow_core.testing import Recording, Tally, check_recording, read_recordings

CODECS = (
    *(anthropic.CODEC, claude_text.CODEC, nova.CODEC, titan.CODEC, *llama.CODECS, *mistral.CODECS),
    *(*cohere.CODECS, j2.CODEC, jamba.CODEC, *imported.CODECS),
)
FILES = {
    "anthropic-messages": 58,
    "amazon-nova": 26,
    "amazon-titan-text": 20,
    "meta-llama2": 7,
    "meta-llama3": 6,
    "mistral-prompt": 4,
    "cohere-command": 7,
    "cohere-command-r": 2,
    "ai21-j2": 3,
    "marketplace-sagemaker-endpoint": 1,
    "mistral-chat": 1,
    "ai21-jamba": 1,
}
"""File -> how many of its exchanges are InvokeModel and InvokeModelWithResponseStream."""


def opener(*codecs: FamilyCodec) -> BedrockRecordingFormat:
    return BedrockRecordingFormat(
        CodecRegistry(RegisteredCodec(codec, "axonflow-bedrock", "0") for codec in codecs)
    )


def invocations(folder: Path, name: str) -> list[Recording]:
    return [
        each
        for each in read_recordings(folder / f"{name}.jsonl")
        if each.operation.startswith("InvokeModel")
    ]


def checked(recordings: list[Recording], *codecs: FamilyCodec) -> Tally:
    tally = Tally()
    for recording in recordings:
        tally.add(check_recording(recording, opener(*codecs)))
    return tally


@pytest.mark.thorough
@pytest.mark.parametrize("name", FILES)
def test_every_recorded_invocation_keeps_every_law(name: str, recordings: Path) -> None:
    tally = checked(invocations(recordings, name), *CODECS)

    assert tally.as_json()["failures"] == []
    assert (tally.cases, tally.unsupported, tally.truncated) == (FILES[name], {}, [])


@pytest.mark.thorough
def test_an_exchange_with_an_old_claude_is_read_in_the_form_that_it_is_in(recordings: Path) -> None:
    exchanges = invocations(recordings, "anthropic-text")

    tally = checked(exchanges, *CODECS)
    chosen = Counter(
        found[0].name for each in exchanges if (found := opener(*CODECS).codec_for(each))
    )

    assert tally.as_json()["failures"] == []
    assert chosen == {"anthropic": 11, "anthropic/text": 5}
    assert len(tally.truncated) == 1  # whoever recorded it left before the end


def test_a_codec_that_passes_everything_through_fails_meaning(recordings: Path) -> None:
    lazy = evolve(
        anthropic.CODEC,
        decode_request=lambda body, facts: CompletionRequest((), extra=body),
        encode_request=lambda request, facts: request.extra,
        decode_response=lambda body, facts: Completion((), None, extra=body),
        encode_response=lambda completion, facts: completion.extra,
    )

    whole = [each for each in invocations(recordings, "anthropic-messages") if each.stream is None]
    tally = checked(whole, lazy)

    assert tally.laws()["meaning"]["pass"] == 0
    assert tally.laws()["response"]["fail"] == 0


def test_a_surface_without_a_codec_is_unsupported(recordings: Path) -> None:
    others = [
        each
        for each in read_recordings(recordings / "meta-llama3.jsonl")
        if "Converse" in each.operation
    ]

    tally = checked(others, *CODECS)

    assert len(tally.unsupported) == len(others) == 4


def test_a_model_that_bedrock_does_not_have_is_unsupported_and_its_refusal_has_a_class(
    recordings: Path,
) -> None:
    tally = checked(invocations(recordings, "unknown-model"), *CODECS)

    assert tally.laws()["unsupported"] == {"fail": 4}
    assert tally.laws()["error"] == {"pass": 4, "fail": 0, "skip": 0}
