"""The known word that a misspelt one stands for."""

from __future__ import annotations

import pytest

from axonflow_core.nearest import nearest

REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-east-2", "us-west-1", "us-west-2")


@pytest.mark.parametrize(
    ("word", "known", "meant"),
    [
        ("us-esat-1", REGIONS, "us-east-1"),  # two letters swapped
        ("ue-west-1", REGIONS, "eu-west-1"),  # and not another letter, of `us`
        ("us-wst-2", REGIONS, "us-west-2"),  # one left out
        ("eu-centrall-1", REGIONS, "eu-central-1"),  # one too many
        ("US-EAST-2", REGIONS, "us-east-2"),
        ("antropic", ("anthropic", "titan"), "anthropic"),
        ("", REGIONS, None),
        ("mars", REGIONS, None),
        ("mars", (), None),
    ],
)
def test_the_nearest_word_is_the_one_with_the_fewest_edits(
    word: str, known: tuple[str, ...], meant: str | None
) -> None:
    assert nearest(word, known) == meant
