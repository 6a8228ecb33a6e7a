"""The kit for authors of plugins: laws and strategies for codecs, golden files, and the runner of recorded traffic.

    from axonflow_core.testing import codec_test

    test_my_family = codec_test(CODEC, __file__)

holds a codec to every law (`codec_laws`) and to the golden files beside the test (`golden_cases`).

Names are imported when they are first asked for: only the laws and the strategies need Hypothesis, which
`pip install "axonflow-core[testing]"` brings.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from axonflow_core.testing.claims import Claims
    from axonflow_core.testing.golden import GoldenCase, golden_cases
    from axonflow_core.testing.json_equality import Difference, difference
    from axonflow_core.testing.laws import Law, check_codec, codec_laws
    from axonflow_core.testing.mutations import Mutant, codec_mutants
    from axonflow_core.testing.recorded import Opener, Recording, Tally, check_recording, read_recordings
    from axonflow_core.testing.strategies import completions, folded_requests, requests, streams
    from axonflow_core.testing.suite import codec_test

__all__ = [
    "Claims",
    "Difference",
    "GoldenCase",
    "Law",
    "Mutant",
    "Opener",
    "Recording",
    "Tally",
    "check_codec",
    "check_recording",
    "codec_laws",
    "codec_mutants",
    "codec_test",
    "completions",
    "difference",
    "folded_requests",
    "golden_cases",
    "read_recordings",
    "requests",
    "streams",
]

_NAMES = {
    "claims": "Claims",
    "golden": "GoldenCase golden_cases",
    "json_equality": "Difference difference",
    "laws": "Law check_codec codec_laws",
    "mutations": "Mutant codec_mutants",
    "recorded": "Opener Recording Tally check_recording read_recordings",
    "strategies": "completions folded_requests requests streams",
    "suite": "codec_test",
}
_HOMES = {name: module for module, names in _NAMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return value
