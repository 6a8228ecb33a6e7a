"""OpenAI's codecs keep the laws of every codec, and read what OpenAI's documents show."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from axonflow_core.testing import golden_cases
from axonflow_core.testing.laws import codec_laws
from axonflow_core.testing.unary_laws import embedding_laws
from axonflow_openai.codec import ADA, CHAT, EMBEDDINGS, REASONING

LAWS = [
    *codec_laws(REASONING),
    *codec_laws(CHAT),
    *embedding_laws(EMBEDDINGS),
    *embedding_laws(ADA),
]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.sampled(8)
def test_law(law: Callable[[], None]) -> None:
    law()


@pytest.mark.parametrize("case", golden_cases(REASONING, Path(__file__)))
def test_golden(case: Callable[[], None]) -> None:
    case()
