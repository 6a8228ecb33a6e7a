"""`axonflow init && axonflow check && axonflow ask` works, on a machine with the emulator alone."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from axonflow_bedrock.config import DEFAULT_MODEL
from axonflow_bedrock.models.lifecycle import successor_id
from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.models.table import Status, load_models
from axonflow_bedrock.serving import RunningEmulator
from axonflow_core.cli import main
from axonflow_core.config import load_config

README = (Path(__file__).parents[4] / "README.md").read_text("utf-8")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """An empty folder, and an environment of AWS's with these variables alone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())

    def with_variables(**variables: str) -> None:
        for name in [name for name in os.environ if name.startswith(("AWS_", "BEDROCK_"))]:
            monkeypatch.delenv(name)
        for name, value in {"HOME": str(tmp_path), **variables}.items():
            monkeypatch.setenv(name, value)

    with_variables()
    return with_variables


def written(path: Path = Path("axonflow.yaml")) -> tuple[str, str]:
    config = load_config(path, {}).enabled["bedrock"].config
    return config["region"].text, config["model"].text  # type: ignore[union-attr]


@pytest.mark.parametrize("model", [None, "amazon.nova-pro-v1:0", DEFAULT_MODEL])
@pytest.mark.sampled(3)
def test_three_commands_lead_to_an_answer(
    machine: Callable[..., None],
    bedrock_emulator: RunningEmulator,
    model: str | None,
    capsys: pytest.CaptureFixture[str],
) -> None:
    environment = dict(bedrock_emulator.environment)
    del environment["BEDROCK_MODEL"]
    machine(**environment, **({} if model is None else {"BEDROCK_MODEL": model}))

    codes = [main(["init"]), main(["check"]), main(["ask", "Are you there?"])]

    said = capsys.readouterr()
    assert (codes, said.err) == ([0, 0, 0], "next: axonflow check, then axonflow ask\n")
    assert said.out.endswith("You said: Are you there?\n")


@pytest.mark.thorough
def test_the_readme_s_three_commands_run_as_they_stand(
    bedrock_emulator: RunningEmulator, tmp_path: Path
) -> None:
    (block,) = re.findall(r"<!-- first -->\n```sh\n(.*?)```", README, re.DOTALL)
    command = block.replace("axonflow ", f"{sys.executable} -m axonflow_core.cli ")
    environment = {**os.environ, **bedrock_emulator.environment, "HOME": str(tmp_path)}
    ran = subprocess.run(
        ["sh", "-c", command],
        cwd=tmp_path,
        env=environment,
        input="",
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.endswith("You said: Why is the sky blue?\n")


def test_the_readme_names_the_id_to_write_for_the_default_that_has_ended() -> None:
    models, today = load_models(), date.today()
    default = models.entry(DEFAULT_MODEL)
    assert default is not None and default.status_on(today) is Status.END_OF_LIFE
    assert f"reached its end of life on Bedrock on\n{default.end_of_life}" in README
    assert f"`model: {successor_id(models, default, 'us-east-1', today)}`" in README


@pytest.mark.thorough
def test_the_region_that_is_found_is_written_with_a_living_model(
    machine: Callable[..., None],
) -> None:
    machine(AWS_REGION="eu-central-1")
    assert main(["init"]) == 0
    region, model = written()
    entry = load_models().entry(parse_model_id(model).base_id)
    assert entry is not None and entry.status_on(date.today()) is Status.ACTIVE
    assert (region, model.partition(".")[0]) == ("eu-central-1", "eu")
    assert "region: eu-central-1  # from AWS_REGION\n" in Path("axonflow.yaml").read_text()


def test_where_no_region_is_found_the_file_asks_for_one(
    machine: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init"]) == 0
    assert main(["check", "--no-credentials"]) == 3
    assert "the environment variable BEDROCK_REGION is not set" in capsys.readouterr().err
    machine(BEDROCK_REGION="us-west-2")
    assert main(["check", "--no-credentials"]) == 0


@pytest.mark.thorough
def test_every_line_that_is_a_comment_is_a_setting_that_works(
    machine: Callable[..., None],
) -> None:
    machine(AWS_REGION="eu-west-1")
    main(["init"])
    path = Path("axonflow.yaml")
    path.write_text(path.read_text().replace("      # ", "      "))
    assert main(["check", "--no-credentials"]) == 0


def test_a_file_that_is_there_is_not_overwritten(
    machine: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    machine(AWS_REGION="us-east-1")
    Path("axonflow.yaml").write_text("precious")
    assert main(["init"]) == 2
    assert "axonflow.yaml exists and is not overwritten; --force does" in capsys.readouterr().err
    assert Path("axonflow.yaml").read_text() == "precious"
    assert main(["init", "--force"]) == 0
    assert written()[0] == "us-east-1"


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["nowhere/axonflow.yaml"], 2, "cannot be written: No such file or directory"),
        (["--provider", "echo"], 3, "the provider echo has no settings to begin with"),
        (["--provider", "bedrok"], 3, "did you mean `bedrock`?"),
    ],
)
def test_what_cannot_be_written_is_told(
    machine: Callable[..., None],
    arguments: list[str],
    code: int,
    told: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["init", *arguments]) == code
    assert told in capsys.readouterr().err
