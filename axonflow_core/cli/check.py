"""`axonflow check`: whether the first call through each provider would be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from axonflow_core.frozen import evolve, frozen

if TYPE_CHECKING:
    from axonflow_core.config import Config, Fault
    from axonflow_core.config.loading import ReadConfig
    from axonflow_core.config.values import ProviderConfig
    from axonflow_core.errors import ConfigError
    from axonflow_core.messages import Json
    from axonflow_core.provider import Checkup, Fact, Finding


@click.command(short_help="Check the configuration, and whether the first call would be made.")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--json", "is_json", is_flag=True, help="One JSON object with every fault and warning."
)
@click.option(
    "--no-credentials",
    "has_no_credentials",
    is_flag=True,
    help="Look for no credentials: for a machine that makes no calls, as in CI.",
)
@click.option("--strict", "is_strict", is_flag=True, help="Count warnings as failures.")
def check(*, file: Path | None, is_json: bool, has_no_credentials: bool, is_strict: bool) -> int:
    """Read FILE, or the configuration found by default, and ask its providers what their first call
    would meet. Nothing is sent to a model.

    A fault is what refuses that call before anything is sent. A warning is what the service would
    refuse, as far as is known, or what is probably not intended.

    Exits with 3 for faults of the configuration, with 4 where only credentials are wrong, and with
    1 when a model family could not be loaded, or for warnings with --strict.
    """
    import asyncio

    report = asyncio.run(_report_on(file, with_credentials=not has_no_credentials))
    report = evolve(report, is_strict=is_strict)
    if is_json:
        _write_json(report, file)
    else:
        _write(report)
    return report.exit_code


@frozen(kw_only=True)
class _Report:
    """What was found."""

    config: Config | None = None
    """None where it cannot be read."""
    checkups: Mapping[str, Checkup | None] = {}
    """Provider -> what it says; None where it cannot be asked."""
    faults: Sequence[Fault] = ()
    warnings: Sequence[Fault] = ()
    broken: Sequence[Fault] = ()
    """The model families that could not be loaded."""
    is_strict: bool = False

    @property
    def exit_code(self) -> int:
        """As the command's help says."""
        from axonflow_core.cli.failure import CHECK_FAILED, CONFIGURATION, CREDENTIALS, OK

        if self.faults:
            is_identity = all(fault.code.startswith("credentials") for fault in self.faults)
            return CREDENTIALS if is_identity else CONFIGURATION
        has_failed = self.broken or (self.is_strict and self.warnings)
        return CHECK_FAILED if has_failed else OK


# ── examining ─────────────────────────────────────────────────────────────────────────────────────


async def _report_on(file: Path | None, *, with_credentials: bool) -> _Report:
    import os

    from axonflow_core.config.loading import read_config
    from axonflow_core.errors import ConfigError

    read: ReadConfig | None = None
    try:
        read = read_config(file, os.environ)
        return await _examined(read, with_credentials=with_credentials)
    except ConfigError as error:
        return _unopened(error, read)


def _unopened(error: ConfigError, read: ReadConfig | None) -> _Report:
    """The report where no provider could be asked: because of `error`, or of faults that the file
    has already."""
    from axonflow_core.config import FaultyConfig

    if isinstance(error, FaultyConfig):
        found = error.faults
    else:  # of what is left of a faulty file, this is nothing new
        found = () if read and read.faults else (_placeless(error),)
    if read is None:
        return _Report(faults=found)
    faults = tuple(dict.fromkeys((*read.faults, *found)))
    return _Report(config=read.config, faults=faults, warnings=read.config.warnings)


async def _examined(read: ReadConfig, *, with_credentials: bool) -> _Report:
    """What the providers say of the sound part of the configuration, with the faults of the
    rest."""
    import os

    from axonflow_core.cli.routing import doubts
    from axonflow_core.config.findings import located, shown
    from axonflow_core.provider import SupportsCheck
    from axonflow_core.runtime import Runtime

    checkups: dict[str, Checkup | None] = {}
    faults, warnings = list(read.faults), list(read.config.warnings)
    async with Runtime.open(read.config) as runtime:
        for name, provider in runtime.providers.items():
            checkups[name] = None
            if isinstance(provider, SupportsCheck):
                with _unlogged():  # what it logs of a call it also finds
                    found = await provider.check(with_credentials=with_credentials)
                checkups[name] = found
                left_out, entry = read.left_out.get(name, ()), read.config.enabled[name]
                new = [each for each in found.findings if each.root_key not in left_out]
                faults += located(read.config, entry, (each for each in new if each.is_fault))
                warnings += located(read.config, entry, (e for e in new if not e.is_fault))
        warnings += shown(read.config, doubts(read, runtime.router))
    for entry in read.config.enabled.values():
        warnings += located(read.config, entry, _unread_variables(read.config, entry, os.environ))
    return _Report(
        config=read.config,
        checkups=checkups,
        faults=sorted(faults, key=lambda fault: fault.place),
        warnings=sorted(warnings, key=lambda fault: fault.place),
        broken=tuple(_broken_families(read.config)),
    )


def _unread_variables(
    config: Config, entry: ProviderConfig, environment: Mapping[str, str]
) -> Iterator[Finding]:
    """The variables of a provider that are set while a file decides, which does not refer to
    them: a call would go to the default endpoint, not to that of the emulator."""
    from axonflow_core.plugins import load_provider
    from axonflow_core.provider import Finding

    if config.path is None or entry.name != entry.type:
        return
    for key, variable in load_provider(entry.type).variables.items():
        if environment.get(variable) and entry.config.get(key) is None:
            value = f"${{{variable}}}"
            yield Finding(
                message=f"{variable} is set and not read: the file decides, and has no `{key}`",
                hint=f"{key}: {{total_s: {value}}}" if key == "timeouts" else f"{key}: {value}",
                is_fault=False,
            )


@contextmanager
def _unlogged() -> Iterator[None]:
    """Log no warnings in the block."""
    import logging

    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(logging.NOTSET)


def _broken_families(config: Config) -> Iterator[Fault]:
    """A fault for each codec plugin of an enabled provider that could not be loaded. The loader
    logs why."""
    from axonflow_core.errors import PluginError
    from axonflow_core.plugins import State, load_codecs

    for entry in config.enabled.values():
        for state in load_codecs(entry.type).plugins:
            if state.state in (State.FAILED, State.INCOMPATIBLE):
                name, reason = state.plugin.name, state.reason
                yield _placeless(
                    PluginError(f"the model family {name} of {entry.name} was not loaded: {reason}")
                )


def _placeless(error: ConfigError) -> Fault:
    """An error that has no place in a file."""
    from axonflow_core.config import Fault, Place

    return Fault(Place(""), error.message, error.hint, code=error.code)


# ── for people ────────────────────────────────────────────────────────────────────────────────────


def _write(report: _Report) -> None:
    """Faults and warnings to stderr; what holds to stdout, where there are no faults."""
    from axonflow_core.cli.configured_policy import posture
    from axonflow_core.cli.display import write_line
    from axonflow_core.cli.failure import write_faults
    from axonflow_core.cli.routing import has_routing, routing_lines

    write_faults(report.warnings, kind="warning")
    write_faults(report.faults)
    if report.faults or report.config is None:
        return
    for name, checkup in report.checkups.items():
        _write_provider(report.config, name, checkup)
    if has_routing(report.config):
        for line in routing_lines(report.config):
            write_line(line)
    if shown := posture(report.config.policies):
        write_line("policies")
        for label, value in shown.items():
            write_line(f"  {label:<12} {value}")
    count, warned = len(report.config.enabled), len(report.warnings)
    write_line(
        f"{report.config.path or 'the environment'}: {_counted(count, 'provider')} enabled"
        + (f", {_counted(warned, 'warning')}" if warned else "")
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _write_provider(config: Config, name: str, checkup: Checkup | None) -> None:
    from axonflow_core.cli.display import write_line
    from axonflow_core.config.findings import origin_of
    from axonflow_core.plugins import load_provider

    entry = config.enabled[name]
    write_line(f"{name}: {entry.display_name or load_provider(entry.type).display_name}")
    for label, fact in _facts_of(checkup).items():
        origin = origin_of(entry, fact)
        write_line(f"  {label:<12} {fact.value}" + (f" ({origin})" if origin else ""))


def _facts_of(checkup: Checkup | None) -> Mapping[str, Fact]:
    return {} if checkup is None else checkup.facts


# ── as JSON ───────────────────────────────────────────────────────────────────────────────────────


def _write_json(report: _Report, file: Path | None) -> None:
    from axonflow_core.cli.configured_policy import posture
    from axonflow_core.cli.display import write_json
    from axonflow_core.cli.failure import described_fault
    from axonflow_core.cli.routing import described_routing

    path = file
    described: dict[str, Json] = {}
    if report.config is not None:
        path, described = report.config.path, described_routing(report.config)
        described["policies"] = dict(posture(report.config.policies))
    if path is None and report.faults and report.faults[0].path:
        path = Path(report.faults[0].path)
    write_json(
        {
            "ok": not report.exit_code,
            "path": None if path is None else str(path),
            "faults": [described_fault(fault) for fault in (*report.faults, *report.broken)],
            "warnings": [described_fault(fault) for fault in report.warnings],
            "providers": {
                name: {label: fact.value for label, fact in _facts_of(checkup).items()}
                for name, checkup in report.checkups.items()
            },
            **described,
        }
    )
