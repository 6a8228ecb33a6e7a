"""What `axonflow ask` says when Bedrock refuses: the real command, real HTTP, an emulator that says
what AWS says.

The commands run one after another in one process of their own, for a process costs a second and the
table is long.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
from attrs import frozen
from on_time import GUARD_S

from axonflow_bedrock.emulator import REFUSED_MODEL, emulator, environment
from axonflow_bedrock.errors.table import MODELLED_STATUSES, TABLE, Row
from axonflow_core.cli.failure import CREDENTIALS, OK, PROVIDER, USAGE
from axonflow_core.errors import CredentialsError
from axonflow_core.http.asgi import AsgiApp
from axonflow_core.http.local_server import Server
from axonflow_core.plugins import load_codecs

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
CODECS = load_codecs("bedrock").registry
DRIVER = """
import io, json, sys
from contextlib import redirect_stderr, redirect_stdout
from axonflow_core.cli import main

def said(arguments):
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = main(arguments)
    return [code, stdout.getvalue(), stderr.getvalue()]

json.dump([said(arguments) for arguments in json.load(sys.stdin)], sys.stdout)
"""


@frozen
class Said:
    code: int
    stdout: str
    stderr: str


class Counted:
    """An app that counts the calls that reach it."""

    def __init__(self, app: AsgiApp) -> None:
        self._app = app
        self.calls = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        await self._app(scope, receive, send)


@contextmanager
def serving(*rules: Mapping[str, Any]) -> Iterator[tuple[Counted, dict[str, str]]]:
    """An emulator under `rules`, and the environment that leads to it; a call is made once."""
    app = Counted(emulator(CODECS, script=rules).app)
    with Server(app) as server:
        yield (
            app,
            {**environment(server.base_url), "AWS_MAX_ATTEMPTS": "1", "BEDROCK_MODEL": CLAUDE},
        )


def run(folder: Path, surroundings: Mapping[str, str], *commands: Sequence[str]) -> list[Said]:
    """What `axonflow` says to each of `commands`, with nothing of the tester's own around it."""
    own = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    ran = subprocess.run(
        [sys.executable, "-c", DRIVER],
        input=json.dumps(commands),
        env={**own, "AWS_EC2_METADATA_DISABLED": "true", **surroundings},
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert ran.returncode == 0, ran.stderr
    sys.stdout.write(ran.stdout)  # where planted secrets are looked for
    return [Said(*said) for said in json.loads(ran.stdout)]


def ask(folder: Path, surroundings: Mapping[str, str], *arguments: str) -> Said:
    (said,) = run(folder, surroundings, ["ask", "Hello", *arguments])
    return said


# ── every row of the table ────────────────────────────────────────────────────────────────────────


def error_of(row: Row) -> dict[str, Any]:
    """The exception of AWS that a row is for. A status that stands for itself comes under a name
    nobody knows."""
    code = row.codes[0] if row.codes else "ValidationException" if row.pattern else "SomethingElse"
    anything = 400 if row.pattern or row.codes else 201
    status = next(iter(row.statuses), MODELLED_STATUSES.get(code, anything))
    return {"code": code, "message": row.example, "status": status}


def name_of(row: Row) -> str:
    return row.example[:40] or "/".join(row.codes) or "anything else"


def is_told(template: str, text: str) -> bool:
    """Whether `text` holds every word of `template` that is not filled in, in its order."""
    words = (re.escape(literal) for literal, *_ in Formatter().parse(template))
    return re.search(".*".join(words), text) is not None


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Sequence[Said]:
    """What the command says of every row; the answer is streamed for one, whole for the next."""
    commands = [
        ["ask", f"row {n}", "--no-stream" if n % 2 else "--stream"] for n in range(len(TABLE))
    ]
    with serving(
        *({"when": f"^row {n}$", "error": error_of(row)} for n, row in enumerate(TABLE))
    ) as (app, to_it):
        said = run(tmp_path_factory.mktemp("table"), to_it, *commands)
        assert app.calls == len(TABLE)
    return said


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("number", "row"),
    list(enumerate(TABLE)),
    ids=[f"{n} {name_of(row)}" for n, row in enumerate(TABLE)],
)
def test_every_refusal_is_diagnosed_with_code_cause_fix_and_exit_code(
    answers: Sequence[Said], number: int, row: Row
) -> None:
    said = answers[number]
    what, fix, *_ = said.stderr.splitlines()
    assert (said.code, said.stdout) == (
        CREDENTIALS if issubclass(row.error, CredentialsError) else PROVIDER,
        "",
    )
    assert what.startswith(f"error[{row.error.code}]: ") and is_told(row.cause, what)
    assert fix.startswith("  fix: ") and is_told(row.fix, fix)
    assert f"  model: {CLAUDE}\n" in said.stderr


def test_there_are_eighty_refusals_and_their_fixes_differ() -> None:
    assert len(TABLE) >= 80
    assert len({row.fix for row in TABLE}) > len(TABLE) / 2
    assert not is_told(TABLE[1].fix, "  fix: wait and try again")


# ── the product page's troubleshooting table, in its words ────────────────────────────────────────

DENIED = "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-sonnet-4-5-20250929-v1:0"
DENIAL = {
    "code": "AccessDeniedException",
    "message": (
        "User: arn:aws:sts::123456789012:assumed-role/app/i-0 is not authorized to perform: "
        f"bedrock:InvokeModel on resource: {DENIED} because no identity-based policy allows the "
        "bedrock:InvokeModel action"
    ),
}
NOT_ENABLED = {
    "code": "ValidationException",
    "message": "The provided model identifier is invalid.",
}

PAGE: list[tuple[str, list[dict[str, Any]], list[str], int, str, str]] = [
    (
        (
            "AccessDeniedException -> IAM role missing Bedrock permissions -> Add "
            "bedrock:InvokeModel to the task role"
        ),
        [{"error": DENIAL}],
        [],
        PROVIDER,
        "access_denied",
        f'"Action": "bedrock:InvokeModel", "Resource": "{DENIED}"',
    ),
    (
        "ValidationException on model ID -> Model not enabled in your account",
        [{"error": NOT_ENABLED}],
        [],
        PROVIDER,
        "model_not_found",
        "enable the model in the Bedrock console for us-east-1",
    ),
    (
        (
            "ValidationException on newer Anthropic models -> Use inference profile ID with "
            "regional prefix"
        ),
        [],
        ["-m", REFUSED_MODEL],
        PROVIDER,
        "profile_required",
        f"fix: model: us.{REFUSED_MODEL}",
    ),
    (
        "Empty response -> Model family not detected",
        [],
        ["-m", "acme.rocket-v1:0", "--config", "invoke.yaml"],
        USAGE,
        "family_not_detected",
        "name its family in the provider's configuration; installed are: ",
    ),
]


@pytest.mark.parametrize(
    ("rules", "options", "code", "error", "fix"),
    [row[1:] for row in PAGE],
    ids=[row[0] for row in PAGE],
)
def test_a_row_of_the_product_page(
    tmp_path: Path, rules: list[dict[str, Any]], options: list[str], code: int, error: str, fix: str
) -> None:
    # Left to choose, AxonFlow asks a model whose family it does not know through Converse.
    (tmp_path / "invoke.yaml").write_text(
        "version: '1.0'\nllm_providers: {bedrock: {enabled: true, config: {region: us-east-1, "
        "surface: invoke}}}\n"
    )
    with serving(*rules) as (_, to_it):
        said = ask(tmp_path, to_it, *options)
    assert (said.code, said.stdout) == (code, "")
    lines = [line for line in said.stderr.splitlines() if not line.startswith("warning: ")]
    assert lines[0].startswith(f"error[{error}]: ")
    assert fix in said.stderr


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("here", "delay_s", "is_told"),
    [("eu-west-1", 2.1, True), ("us-east-1", 2.1, False), ("eu-west-1", 0.0, False)],
    ids=[
        "High latency (>2s) -> Cross-region calls",
        "slow in its own region",
        "fast in another region",
    ],
)
def test_the_row_of_the_product_page_on_latency(
    tmp_path: Path, here: str, delay_s: float, *, is_told: bool
) -> None:
    with serving({"delay_s": delay_s}) as (_, to_it):
        said = ask(tmp_path, {**to_it, "AWS_REGION": here, "AWS_DEFAULT_REGION": here})
    assert (said.code, "Hello" in said.stdout) == (OK, True)
    words = (
        f"this machine is in {here} and the provider bedrock calls Bedrock in us-east-1; "
        "set BEDROCK_REGION to"
    )
    assert (words in said.stderr) is is_told
    assert (said.stderr == "") is not is_told


def test_a_denial_ends_with_a_statement_that_can_be_pasted_as_it_is(tmp_path: Path) -> None:
    with serving({"error": DENIAL}) as (_, to_it):
        said = ask(tmp_path, to_it)
    assert f"no permission for bedrock:InvokeModel on {DENIED}" in said.stderr
    statement = re.search(r"\{.*\}", said.stderr)
    assert statement is not None
    assert json.loads(statement[0]) == {
        "Effect": "Allow",
        "Action": "bedrock:InvokeModel",
        "Resource": DENIED,
    }


# ── how often a call is made ──────────────────────────────────────────────────────────────────────

THROTTLED = {
    "code": "ThrottlingException",
    "message": "Too many requests, please wait before trying again.",
}
PER_DAY = {
    "code": "ThrottlingException",
    "message": "Too many tokens per day, please wait before trying again.",
}
FILE = f"""\
version: "1.0"
llm_providers:
  bedrock:
    enabled: true
    config: {{region: us-east-1, model: {CLAUDE}, timeouts: {{first_byte_s: %g}}}}
"""


@pytest.mark.sampled(4)
@pytest.mark.parametrize(
    ("rule", "options", "error", "calls"),
    [
        ({"error": THROTTLED}, ["--stream"], "throttled", 2),
        ({"error": THROTTLED}, ["--no-stream"], "throttled", 2),
        ({"error": PER_DAY}, ["--stream"], "throttled", 1),
        ({"error": PER_DAY}, ["--no-stream"], "throttled", 1),
        ({"delay_s": 5.0}, ["--no-stream"], "timeout", 1),
        ({"error": {"code": "Elsewhere", "status": 302}}, [], "unavailable", 1),
        ({"error": {**THROTTLED, "after_chunks": 0}}, ["--stream"], "throttled", 2),
        ({"error": {**THROTTLED, "after_chunks": 4}}, ["--stream"], "throttled", 1),
    ],
    ids=[
        "the control: a throttle is tried again, streamed",
        "the control: a throttle is tried again, whole",
        "a quota per day is not, streamed",
        "a quota per day is not, whole",
        "a read timeout of a whole answer is not: it was billed",
        "a redirect is not",
        "the control: a stream that never began is tried again",
        "a stream is not once it has said something",
    ],
)
def test_a_call_is_made_again_only_where_that_may_help_and_costs_nothing(
    tmp_path: Path, rule: dict[str, Any], options: list[str], error: str, calls: int
) -> None:
    (tmp_path / "axonflow.yaml").write_text(FILE % (0.3 if error == "timeout" else GUARD_S))
    with serving(rule) as (app, to_it):
        said = ask(tmp_path, {**to_it, "AWS_MAX_ATTEMPTS": "2"}, *options)
    assert (said.code, app.calls) == (PROVIDER, calls)
    assert f"error[{error}]: " in said.stderr
    assert (said.stdout.strip() != "") is ("after_chunks" in str(rule) and calls == 1)
