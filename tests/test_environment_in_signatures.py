"""No signature, help text or page shows a value of the environment that it was made in: IDEs,
Sphinx and `help()` print what a default holds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SECRET = "planted-0123456789-secret"

RENDER = """
import inspect, pydoc
import axonflow_core
from axonflow_core import testing
from tests import reference

def rendered(value):
    yield pydoc.render_doc(value, renderer=pydoc.plaintext)
    members = [member for _, member in inspect.getmembers(value)] if inspect.isclass(value) else []
    for function in filter(callable, [value, *members]):
        try:
            yield str(inspect.signature(function))
        except ValueError:  # built-in functions without a signature
            pass

for package in (axonflow_core, testing):
    for name in package.__all__:
        print(*rendered(getattr(package, name)), sep="\\n")
print(reference.page())
"""

PLANT = """
import os
from collections.abc import Mapping
from axonflow_core import Runtime

def open(environment: Mapping[str, str] = os.environ) -> Runtime: ...
"""


def shown(code: str) -> str:
    """What a fresh process prints whose environment has the secret before anything is imported."""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "AWS_SECRET_ACCESS_KEY": SECRET, "PLANTED": SECRET},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_no_public_name_shows_the_environment() -> None:
    text = shown(RENDER)

    assert "environment: 'Mapping[str, str] | None' = None" in text
    assert SECRET not in text


@pytest.mark.parametrize("name", ["Runtime.open", "BlockingRuntime.open", "load_config"])
def test_what_reads_the_environment_shows_none_of_it(name: str) -> None:
    text = shown(f"import inspect, axonflow_core as a; print(inspect.signature(a.{name}))")

    assert "environment: " in text
    assert SECRET not in text


def test_a_planted_default_is_seen_in_a_signature_and_in_a_help_text() -> None:
    rendered = "import inspect, pydoc; print(inspect.signature(open), pydoc.render_doc(open))"

    assert shown(PLANT + rendered).count(SECRET) == 4


@pytest.mark.thorough
def test_a_planted_default_of_a_public_name_is_seen() -> None:
    planted = PLANT + "import axonflow_core\naxonflow_core.load_config = open\n"

    assert SECRET in shown(planted + RENDER)
