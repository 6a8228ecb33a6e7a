"""Detectors of third parties: every case is a real distribution on disk, loaded by a fresh
interpreter."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any, TypeAlias

import pytest
from attrs import evolve
from test_plugins import BROKEN

from axonflow_core import Action, Detector, Severity
from axonflow_core.detector_plugins import fault_of
from axonflow_core.policy.guests import GuestFault
from axonflow_core.policy.views import View
from axonflow_core.testing import detector_test

pytestmark = pytest.mark.sampled(6)  # nearly every test starts a process

GROUP, HOOK = "axonflow.detectors", "axonflow_register_detector"
A_DETECTOR = """
    from axonflow_core import Action, Detector, Severity, hookimpl

    @hookimpl
    def axonflow_register_detector():
        return Detector(
            type="TYPE", category="pii", action=Action.BLOCK, severity=Severity.HIGH,
            description="A badge.", keywords=("badge",), pattern="badge",
        )
"""
FILE = """
    version: "1.0"
    llm_providers: {echo: {enabled: true}}
    policies: {detectors: [zoo], actions: {badge: redact}}
"""
Install: TypeAlias = Callable[..., None]


def detector(type: str = "badge") -> str:
    return A_DETECTOR.replace("TYPE", type)


@pytest.fixture
def axonflow(
    tmp_path: Path, environment_of: Callable[..., Mapping[str, str]]
) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs `axonflow` in a folder with a configuration that enables `zoo`."""
    (tmp_path / "axonflow.yaml").write_text(dedent(FILE))

    def run(*command: str, **more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "axonflow_core.cli", *command],
            cwd=tmp_path,
            env=environment_of(more),
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


Axonflow: TypeAlias = Callable[..., subprocess.CompletedProcess[str]]


def states_in(axonflow: Axonflow, **environment: str) -> dict[str, str]:
    """Distribution -> state, of the plugins of detectors."""
    listed = axonflow("plugins", "--json", **environment)
    rows: list[dict[str, Any]] = json.loads(listed.stdout)
    return {row["distribution"]: row["state"] for row in rows if row["group"] == GROUP}


def test_an_enabled_detector_finds_and_is_listed(install: Install, axonflow: Axonflow) -> None:
    install("axonflow-zoo", GROUP, detector())
    tried = json.loads(axonflow("policy", "test", "my badge", "--json").stdout)
    assert tried["text"] == "my [REDACTED:badge]"
    listed = json.loads(axonflow("policy", "list", "--json").stdout)
    assert [(one["action"], one["built_in"]) for one in listed if one["name"] == "badge"] == [
        ("redact", False)
    ]
    assert states_in(axonflow) == {"axonflow-zoo": "loaded"}


def test_what_is_not_enabled_is_not_imported(
    install: Install, axonflow: Axonflow, tmp_path: Path
) -> None:
    """Its import leaves a file. The control is the same plugin, enabled."""
    install("axonflow-zoo", GROUP, f"open({str(tmp_path / 'seen')!r}, 'w')\n" + dedent(detector()))
    text = (tmp_path / "axonflow.yaml").read_text()
    (tmp_path / "axonflow.yaml").write_text(text.partition("policies")[0])
    for command in ("plugins", "check", "policy list"):
        axonflow(*command.split())
    assert states_in(axonflow) == {"axonflow-zoo": "available"}
    assert not (tmp_path / "seen").exists()
    (tmp_path / "axonflow.yaml").write_text(text)
    axonflow("check")
    assert (tmp_path / "seen").exists()


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_detector_stops_the_start(install: Install, axonflow: Axonflow, how: str) -> None:
    code, message = BROKEN[how]
    install("axonflow-zoo", GROUP, code.replace("<hook>", HOOK))
    checked = axonflow("check")
    assert checked.returncode == 3
    said = " ".join(checked.stderr.split())
    assert message.format(module="axonflow_zoo").replace("<hook>", HOOK) in said
    assert said.count("error[") == 1
    assert "zoo (axonflow-zoo 1.2)" in said and "axonflow.yaml:4:24" in said


def test_no_server_starts_without_a_detector_that_is_named(
    install: Install, axonflow: Axonflow
) -> None:
    install("axonflow-zoo", GROUP, "raise RuntimeError('torn')")
    served = axonflow("serve", "--port", "0")
    assert served.returncode == 3 and "torn" in served.stderr
    assert states_in(axonflow) == {"axonflow-zoo": "failed"}


def test_a_detector_that_hangs_stops_the_start(install: Install, axonflow: Axonflow) -> None:
    install("axonflow-zoo", GROUP, "import time\ntime.sleep(60)")
    checked = axonflow("check", AXONFLOW_PLUGIN_LIMIT_S="0.2")
    assert checked.returncode == 3
    assert "zoo (axonflow-zoo 1.2) hangs" in " ".join(checked.stderr.split())


def test_a_missing_detector_is_answered_with_the_nearest_name(
    install: Install, axonflow: Axonflow
) -> None:
    install("axonflow-zoo", GROUP, detector(), point="zoos")
    checked = axonflow("check")
    assert checked.returncode == 3
    assert "no installed plugin offers the detector zoo" in " ".join(checked.stderr.split())
    assert "did you mean `zoos`?" in " ".join(checked.stderr.split())


def test_a_blocked_detector_is_a_fault_and_not_a_missing_wall(
    install: Install, axonflow: Axonflow
) -> None:
    install("axonflow-zoo", GROUP, "raise RuntimeError('imported')")
    checked = axonflow("check", AXONFLOW_BLOCK_PLUGINS="axonflow-zoo")
    assert checked.returncode == 3
    assert "the detector zoo is blocked" in checked.stderr
    assert "imported" not in checked.stderr
    assert states_in(axonflow, AXONFLOW_BLOCK_PLUGINS="zoo") == {"axonflow-zoo": "blocked"}


def test_another_version_of_the_hooks_is_told_from_a_failure(
    install: Install, axonflow: Axonflow
) -> None:
    install("axonflow-zoo", GROUP, "AXONFLOW_HOOK_API = (99, 0)\n" + dedent(detector()))
    assert "needs hook API 99.0" in " ".join(axonflow("check").stderr.split())
    assert states_in(axonflow) == {"axonflow-zoo": "incompatible"}


@pytest.mark.parametrize("points", [("zoo", "zoo"), ("zoo", "farm")])
def test_what_two_distributions_offer_is_a_fault_that_names_both(
    install: Install, axonflow: Axonflow, tmp_path: Path, points: tuple[str, str]
) -> None:
    """A name of an entry point, or a type."""
    for name, point in zip(("axonflow-zoo", "axonflow-farm"), points, strict=True):
        install(name, GROUP, detector(), point=point)
    text = (tmp_path / "axonflow.yaml").read_text()
    names = ", ".join(dict.fromkeys(points))
    (tmp_path / "axonflow.yaml").write_text(text.replace("[zoo]", f"[{names}]"))
    checked = axonflow("check")
    assert checked.returncode == 3
    said = " ".join(checked.stderr.split())
    assert "axonflow-zoo 1.2" in said and "axonflow-farm 1.2" in said


def test_a_version_of_the_policies_names_the_version_of_the_plugin(
    install: Install, axonflow: Axonflow, tmp_path: Path
) -> None:
    versions = set()
    for version in ("1.2", "1.3"):
        for old in tmp_path.glob("*.dist-info"):
            old.rename(tmp_path / f"{old.name}.old")
        install("axonflow-zoo", GROUP, detector(), version=version)
        versions.add(json.loads(axonflow("policy", "test", "x", "--json").stdout)["version"])
    assert len(versions) == 2


# ── what fits ─────────────────────────────────────────────────────────────────────────────────────

BADGE = Detector(
    type="badge",
    category="pii",
    action=Action.BLOCK,
    severity=Severity.HIGH,
    description="A badge.",
    keywords=("badge",),
    pattern="badge [0-9]+",
)

test_a_sound_detector = detector_test(
    BADGE, found={"Badge 1, badge 22": ["badge 22"]}, passed=["badge", "no badge is here"]
)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "us_ssn"}, "built in"),
        ({"type": "pii"}, "built in"),
        ({"type": "My Badge"}, "small letters"),
        ({"type": "b" * 65}, "small letters"),
        ({"category": "badges"}, "none of the categories"),
        ({"action": "block"}, "no Action"),
        ({"severity": "high"}, "no Severity"),
        ({"modes": ()}, "no mode"),
        ({"modes": ("prompt",)}, "no mode"),
        ({"description": " "}, "no description"),
        ({"pattern": ""}, "one of `pattern` and `find`"),
        ({"find": lambda view: ()}, "one of `pattern` and `find`"),
        ({"pattern": "("}, "cannot be used"),
        ({"pattern": "x*"}, "cannot be used"),
        ({"hint": r"(a)\1"}, "cannot be used"),
    ],
)
def test_a_detector_that_does_not_fit_is_refused_with_the_reason(
    changes: dict[str, Any], words: str
) -> None:
    assert fault_of(BADGE) is None
    assert words in (fault_of(evolve(BADGE, **changes)) or "")


def finds_nothing(view: View) -> list[tuple[int, int]]:
    return []


def takes_long(view: View) -> list[tuple[int, int]]:
    time.sleep(0.3 if len(view.data) > 1_000 else 0.0)
    return []


@pytest.mark.parametrize(
    ("changed", "law"),
    [
        (evolve(BADGE, pattern="", find=finds_nothing), "finds what is named"),
        (evolve(BADGE, pattern="badge"), "finds nothing else"),
        (evolve(BADGE, type="us_ssn"), "can be registered"),
        (evolve(BADGE, keywords=("bagde",)), "finds what is named"),
        (evolve(BADGE, pattern="", find=lambda view: [(0, 10_000)]), "answers any text with spans"),
        (evolve(BADGE, pattern="", find=takes_long), "searches long texts in time"),
    ],
)
def test_the_kit_finds_the_mistakes_of_a_detector(changed: Detector, law: str) -> None:
    test: Any = detector_test(changed, found={"badge 22": ["badge 22"]}, passed=["badge"])
    (mark,) = test.pytestmark
    laws = dict(zip(mark.kwargs["ids"], mark.args[1], strict=True))
    with pytest.raises((AssertionError, GuestFault)):
        laws[law]()
