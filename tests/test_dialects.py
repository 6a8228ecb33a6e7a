"""The dialects that clients of OpenAI and Anthropic speak, held to every law of codecs."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from axonflow_core.codec import Codec, FamilyCodec
from axonflow_core.dialects import anthropic_messages, openai_chat
from axonflow_core.testing import codec_laws

DIALECTS = (openai_chat.CODEC, anthropic_messages.CODEC)


@pytest.mark.sampled(4)
@pytest.mark.parametrize("law", [law for codec in DIALECTS for law in codec_laws(codec)])
def test_a_dialect_keeps_every_law(law: Callable[[], None]) -> None:
    law()


@pytest.mark.parametrize("codec", DIALECTS, ids=lambda codec: codec.name)
def test_a_dialect_is_a_codec_without_claims_of_models(codec: Codec) -> None:
    assert not isinstance(codec, FamilyCodec)
    assert not hasattr(codec, "models")


@pytest.mark.parametrize("codec", DIALECTS, ids=lambda codec: codec.name)
def test_keys_of_the_transport_never_reach_a_dialect(codec: Codec) -> None:
    assert not codec.options & {"model", "stream", "stream_options"}
