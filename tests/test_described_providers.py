"""What any provider can say of itself before a call: its models, its first settings, what its call
would meet. The commands name no provider."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from axonflow_core.cli import main

ZOO = """
from attrs import frozen
from axonflow_core.echo import EchoProvider
from axonflow_core.hookspecs import hookimpl
from axonflow_core.plugin_spec import Life, ModelCatalogue, ModelDescription, ProviderSpec, Setting
from axonflow_core.provider import Checkup, Fact, Finding

@frozen
class Config:
    model: str = "lion"
    max_tokens: int | None = None
    cages: tuple[str, ...] = ()

class Zoo(EchoProvider):
    async def check(self, *, with_credentials=True):
        model = self.default_model
        wrong = [
            Finding(key="model", message=f"{model} is asleep", hint="model: lion", is_fault=False),
            Finding(key="cages.1", message="no such cage", code="request"),
            Finding(message="the gate is closed"),
        ]
        facts = {"model": Fact(value=model, key="model"), "gate": Fact(value="north")}
        return Checkup(facts=facts, findings=() if model == "lion" else tuple(wrong))

def models(codecs):
    described = dict(vendor="savanna", family=None, kind="chat", surfaces=("roar",))
    described_lion = dict(context_tokens=8000, input_price=1, output_price=2, **described)
    lion = ModelDescription(id="lion", **described_lion)
    dodo = ModelDescription(id="dodo", life=Life.ENDED, successor="lion", **described)
    return ModelCatalogue(models=(lion, dodo))

async def first_settings(environment):
    return [
        Setting(key="model", value="lion", comment="awake"),
        Setting(key="cages", value="[a, b]", comment="where", is_active=False),
    ]

@hookimpl
def axonflow_register_provider():
    return ProviderSpec(
        name="zoo", display_name="Zoo", config_type=Config, needs_event_loop=False,
        create=lambda config, services: Zoo(config, services.name),
        models=models, first_settings=first_settings,
    )
"""


@pytest.fixture(autouse=True)
def _zoo(install: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install("axonflow-zoo", "axonflow.providers", ZOO)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


def test_its_models_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--provider", "zoo"]) == 0
    shown = capsys.readouterr().out
    assert "savanna: roar\n" in shown
    assert f"  {'lion':<41}     8k        1/2  active\n" in shown
    assert "1 model, 1 that ended left out (--all)\n" in shown


def test_its_first_configuration_works(capsys: pytest.CaptureFixture[str]) -> None:
    codes = [main(["init", "--provider", "zoo"]), main(["check"]), main(["ask", "roar"])]
    assert (codes, capsys.readouterr().out) == (
        [0, 0, 0],
        "axonflow.yaml\n"
        "zoo: Zoo\n"
        "  model        lion (axonflow.yaml:9)\n"
        "  gate         north\n"
        "axonflow.yaml: 1 provider enabled\n"
        "roar\n",
    )


def test_its_findings_are_located(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers:\n  zoo:\n    enabled: true\n    config:\n'
        "      model: dodo\n      cages:\n        - a\n        - b\n"
    )
    assert main(["check"]) == 3
    assert capsys.readouterr().err == (
        "warning[config]: dodo is asleep\n"
        "  --> axonflow.yaml:6:14\n"
        "  6 |       model: dodo\n"
        "    |              ^^^^\n"
        "  fix: model: lion\n"
        "\n"
        "error[config]: the gate is closed\n"
        "  --> axonflow.yaml:5:5\n"
        "  5 |     config:\n"
        "    |     ^^^^^^\n"
        "\n"
        "error[request]: no such cage\n"
        "  --> axonflow.yaml:9:11\n"
        "  9 |         - b\n"
        "    |           ^\n"
        "\n"
    )


@pytest.mark.usefixtures("toy_provider")
def test_a_provider_that_cannot_be_made_has_each_fault_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "axonflow.yaml").write_text(
        'version: "1.0"\nllm_providers:\n  toy:\n    enabled: true\n    config:\n'
        "      colour: blue\n"
    )
    assert main(["check"]) == 3
    said = capsys.readouterr().err
    assert said.count("error[config]") == 2
    assert "`region` is missing" in said and "`colour` wants one of red, green" in said


def test_a_provider_that_cannot_be_loaded_hides_no_other(
    install: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    install("torn", "axonflow.providers", "raise RuntimeError('torn')", point="torn")
    assert main(["models", "lion"]) == 0
    said = capsys.readouterr()
    assert "lion" in said.out and "torn" in said.err
