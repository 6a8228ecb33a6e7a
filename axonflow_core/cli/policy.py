"""`axonflow policy`: what the policies make of a text, how well they do on labelled texts, and what
they are."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.cli.configured_policy import (
    client_option,
    for_model_option,
    policies_of,
    policy_of,
)
from axonflow_core.cli.groups import Group
from axonflow_core.cli.options import config_option, json_option, mode_option
from axonflow_core.cli.policy_scores import score

if TYPE_CHECKING:
    from collections.abc import Iterator

    from axonflow_core.messages import Json
    from axonflow_core.policy.engine import Policy
    from axonflow_core.policy.masks import Write
    from axonflow_core.policy.rules import Decision, Phase

_NAME_OF_FILE = re.compile(
    r"(?:[\w.~-]*/)*[\w.~-]+\.(?:txt|md|log|jsonl?|ya?ml|csv|xml|html?|eml|sql|py|sh)"
)


@click.group(cls=Group, short_help="Try, measure and list the policies.")
def policy() -> None:
    """The policies of the configuration; without one, the detectors that are built in."""


policy.add_command(score)


# ── test ──────────────────────────────────────────────────────────────────────────────────────────


@policy.command("test", short_help="Show what is found in a text, and what follows.")
@click.argument("text", metavar="TEXT|FILE")
@mode_option
@client_option
@for_model_option
@json_option
@config_option
def test(
    *,
    text: str,
    mode: str | None,
    client: str,
    model: str | None,
    is_json: bool,
    path: Path | None,
) -> int:
    """Show what the policies find in TEXT or in the text of FILE, what is decided, and what would
    go on in its place; `-` reads stdin. Nothing is sent, and nothing is recorded.

    Exits with 1 where the text is stopped.
    """
    from axonflow_core.cli.failure import CHECK_FAILED, OK
    from axonflow_core.policy.rules import Mode, Phase

    policy = policy_of(path, client, model)
    kind = Mode(mode or Mode.PROMPT)
    phase = Phase.ANSWER if kind is Mode.ANSWER else Phase.REQUEST
    shown = _read(text)
    write = _write_of(policy, phase, shown)
    decision = policy.evaluate(phase, {"text": shown}, {"text": kind}, write)
    if is_json:
        from axonflow_core.cli.display import write_json

        write_json(_as_json(decision, shown))
    else:
        _write_decision(decision, shown)
    return CHECK_FAILED if decision.is_stopped else OK


def _write_of(policy: Policy, phase: Phase, text: str) -> Write:
    """What stands in the place of what is redacted, as a call has it."""
    from axonflow_core.governance.vault import Vault
    from axonflow_core.policy.masks import Redaction, mask_of
    from axonflow_core.policy.rules import Phase

    if policy.redaction is not Redaction.REVERSIBLE or phase is Phase.ANSWER:
        return mask_of
    vault = Vault()
    vault.avoid([text])
    return vault.write


def _read(text: str) -> str:
    """The text itself, or that of a file or of stdin."""
    from axonflow_core.cli.display import warn
    from axonflow_core.cli.reading import read_stdin, utf8

    if text == "-":
        return read_stdin()
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):  # too long for a path, or no path at all
        is_file = False
    if not is_file:
        if _NAME_OF_FILE.fullmatch(text):
            warn(f"there is no file {text}; its name is taken for the text")
        return utf8(text)
    try:
        return Path(text).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.UsageError(
            f"{text} is not UTF-8; convert it first, for example with iconv"
        ) from None
    except OSError as error:
        raise click.UsageError(f"cannot read {text}: {error.strerror}") from None


def _as_json(decision: Decision, text: str) -> Json:
    return {
        "verdict": decision.verdict,
        "reason": decision.reason,
        "findings": [
            {
                "rule": one.rule,
                "category": one.category,
                "action": one.action,
                "severity": one.severity,
                "start": one.start,
                "end": one.end,
                "reason": one.reason,
            }
            for one in decision.findings
        ],
        "unlisted": decision.unlisted,
        "text": decision.texts.get("text", text),
        "version": decision.version,
    }


def _write_decision(decision: Decision, text: str) -> None:
    from axonflow_core.cli.display import write_line, write_styled

    for line in _underlined(decision, text):
        write_line(line)
    style = "bold red" if decision.is_stopped else "bold"
    write_styled(f"{decision.verdict}" + (f": {decision.reason}" if decision.reason else ""), style)
    for rule in decision.rules:
        found = [one for one in decision.findings if one.rule == rule]
        first = found[0]
        count = "" if len(found) == 1 else f", {len(found)} times"
        write_line(f"  {rule} ({first.category}, {first.severity}{count}) -> {first.action}")
    if decision.unlisted:
        write_line(f"  and {decision.unlisted} more")
    if not decision.is_stopped and "text" in decision.texts:
        write_line(f"goes on as: {decision.texts['text']}")


def _underlined(decision: Decision, text: str) -> Iterator[str]:
    """The lines in which something is found, each with marks below it, and the names."""
    start = 0
    for line in text.splitlines(keepends=True):
        end = start + len(line)
        shown = line.rstrip("\r\n").expandtabs(1)
        marks, names = [" "] * len(shown), []
        for one in sorted(decision.findings, key=lambda each: each.start):
            if one.start < end and one.end > start:
                first, last = max(one.start, start) - start, min(one.end, end) - start
                marks[first:last] = "^" * len(marks[first:last])
                names.append(one.rule)
        if names:
            yield shown
            yield f"{''.join(marks).rstrip()} {', '.join(dict.fromkeys(names))}"
        start = end


# ── list ──────────────────────────────────────────────────────────────────────────────────────────


@policy.command("list", short_help="List detectors and rules with their actions.")
@client_option
@for_model_option
@click.option("--tools", "is_for_tools", is_flag=True, help="As for checks of tools (MCP).")
@json_option
@config_option
def list_(
    *, client: str, model: str | None, is_for_tools: bool, is_json: bool, path: Path | None
) -> None:
    """List every detector and every rule of the configuration with what follows from a finding, and
    who says so: a key of the file, a variable of the environment, or the detector itself.
    """
    from axonflow_core.cli.display import write_json, write_line, write_table
    from axonflow_core.policy.terms import Surface

    policies, models = policies_of(path, client), [] if model is None else [model]
    surface = Surface.MCP if is_for_tools else Surface.GATEWAY
    policy = policies.of(client, models, surface=surface)
    listed = policy.listed()
    sources = {
        name: each.source for name, each in policies.told(client, models, surface=surface).items()
    }
    if is_json:
        write_json(
            [
                {
                    "name": one.name,
                    "category": one.category,
                    "severity": one.severity,
                    "action": one.action,
                    "source": sources.get(one.name, "policies.rules"),
                    "on": list(one.on),
                    "built_in": one.is_built_in,
                    "description": one.description,
                }
                for one in listed
            ]
        )
        return
    rows = [
        (one.name, one.category, one.severity, one.action, sources.get(one.name, "policies.rules"))
        for one in listed
    ]
    write_table(("NAME", "CATEGORY", "SEVERITY", "ACTION", "SAID BY"), rows)
    write_line(f"version {policy.version}")
