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
    from axonflow_core.testing.exchange_laws import counting_laws, embedding_laws, rerank_laws
    from axonflow_core.testing.exchange_strategies import embedding_requests, embeddings, rankings, rerank_requests
    from axonflow_core.testing.golden import GoldenCase, golden_cases
    from axonflow_core.testing.json_equality import Difference, difference
    from axonflow_core.testing.laws import Law, check_codec, check_laws, codec_laws
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
    "check_laws",
    "check_recording",
    "codec_laws",
    "codec_mutants",
    "codec_test",
    "completions",
    "counting_laws",
    "difference",
    "embedding_laws",
    "embedding_requests",
    "embeddings",
    "folded_requests",
    "golden_cases",
    "rankings",
    "read_recordings",
    "requests",
    "rerank_laws",
    "rerank_requests",
    "streams",
]

_NAMES = {
    "claims": "Claims",
    "exchange_laws": "counting_laws embedding_laws rerank_laws",
    "exchange_strategies": "embedding_requests embeddings rankings rerank_requests",
    "golden": "GoldenCase golden_cases",
    "json_equality": "Difference difference",
    "laws": "Law check_codec check_laws codec_laws",
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
