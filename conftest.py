"""What every test of the project shares: how thorough Hypothesis is, and where recorded traffic is.

The profile is `quick` (the same few examples in every run) or, where CI is set, `thorough` (many, others in each run).
HYPOTHESIS_PROFILE chooses between them.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("quick", max_examples=15, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=200, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("thorough" if os.environ.get("CI") else "quick"))


@pytest.fixture(scope="session")
def recordings() -> Path:
    """The folder of recorded traffic. It is third-party data, so it is not part of the project."""
    folder = os.environ.get("AXONFLOW_RECORDINGS")
    if not folder:
        pytest.skip("recorded traffic is checked where AXONFLOW_RECORDINGS names a folder of it")
    return Path(folder)
