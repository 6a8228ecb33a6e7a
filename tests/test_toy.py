"""The toy codecs keep every law, and the kit sees every mistake made in them: what the core's tests
stand on, with no family installed."""

from __future__ import annotations

from typing import Any

import pytest
from toy import CHAT, COUNTER, PROMPT, VECTORS

from axonflow_core.testing import (
    Law,
    Mutant,
    codec_laws,
    codec_mutants,
    counting_laws,
    embedding_laws,
)

LAWS: list[Law[Any]] = [
    *codec_laws(PROMPT),
    *codec_laws(CHAT),
    *embedding_laws(VECTORS),
    *counting_laws(COUNTER),
]


@pytest.mark.sampled(4)
@pytest.mark.parametrize("law", LAWS)
def test_a_toy_codec_keeps_every_law(law: Law[Any]) -> None:
    law()


@pytest.mark.sampled(8)
@pytest.mark.parametrize("mutant", [*codec_mutants(PROMPT), *codec_mutants(CHAT)])
def test_a_mutant_breaks_the_law_that_is_to_see_it(mutant: Mutant) -> None:
    mutant()
