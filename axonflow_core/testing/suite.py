"""A codec's whole test as one name, for an author who has nothing to add.

test_my_family = codec_test(CODEC, __file__)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from axonflow_core.codec import Codec, ModelFacts

from .claims import NO_FACTS
from .golden import golden_cases
from .laws import codec_laws


def codec_test(
    codec: Codec,
    golden: str | Path,
    facts: ModelFacts = NO_FACTS,
    *,
    tells: Iterable[str] | None = None,
) -> Callable[[Callable[[], None]], None]:
    """A pytest test that holds `codec` to every law and to its golden files.

    `golden` is their folder, or the test's own `__file__` where they stand in `golden/` next to it.
    `facts` and `tells` as for `codec_laws`.
    """

    @pytest.mark.parametrize(
        "check", [*codec_laws(codec, facts, tells=tells), *golden_cases(codec, golden)]
    )
    def test(check: Callable[[], None]) -> None:
        check()

    return test
