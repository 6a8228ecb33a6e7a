"""`docs/policies.md`: its commands print what it says, it names every type, and its figures are
those of the corpora."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner
from pages import Page

from axonflow_core.cli import axonflow
from axonflow_core.config.values import PoliciesConfig
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.engine import Policy
from axonflow_core.policy.rules import Mode
from axonflow_core.policy.scoring import corpus_in, score

PAGE = Page("policies.md")


def test_its_commands_print_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for block in re.findall(r"^```console\n(.*?)^```", PAGE.text, re.M | re.S):
        for typed, printed in re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", block, re.M):
            words = shlex.split(typed)
            assert words[0] == "axonflow"
            result = CliRunner().invoke(axonflow, words[1:], standalone_mode=False)
            assert result.output == printed
            ran += 1
    assert ran == 2


def test_it_names_every_type_but_those_of_gitleaks() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE.text))
    types = {one.type for one in DETECTORS if one.category != "sensitive_data"}
    assert types - named == set()


FIGURES = (
    ("sqli-payloadbox.jsonl", None, "0.944"),
    ("sqli-payloadbox.jsonl", Mode.PARAMETER, "0.952"),
    ("pii-presidio-research.jsonl", None, "168 of 168"),
)


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "mode", "figure"), FIGURES)
def test_its_figures_are_those_of_the_corpora(name: str, mode: Mode | None, figure: str) -> None:
    folder = os.environ.get("AXONFLOW_CORPORA")
    if not folder:
        pytest.skip("figures are measured where AXONFLOW_CORPORA names a folder of corpora")
    found = score(Policy.build(PoliciesConfig()), corpus_in(Path(folder) / name, mode=mode))
    share = found.found if found.found.whole else found.total.recall
    shown = figure if " " not in figure else f"{share.part} of {share.whole}"
    assert shown == figure and f"**{figure}**" in PAGE.text
    assert " " in figure or f"{share.value:.3f}" == figure
