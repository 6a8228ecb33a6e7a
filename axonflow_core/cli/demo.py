"""`axonflow demo`: from configuration to governed calls on this machine, without an account.

For every installed provider with an emulator: serve the emulator on a local port, configure a
runtime for it by environment variables, as for the real service, stream an answer of some model
families, make one call that is refused, to show how an error reads, and three behind a policy, with
their records (`governed`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from axonflow_core.config import Config
    from axonflow_core.plugin_spec import Emulator, ProviderSpec
    from axonflow_core.runtime import Runtime

_PROMPT = "In one sentence: what is a governed runtime for language models?"


@click.command(short_help="See it work, without an account or a network.")
@click.argument("provider", required=False)
@click.option(
    "--keep",
    is_flag=True,
    help="Keep the emulator of PROVIDER, or of the first, running afterwards, for clients of your "
    "own.",
)
@click.option(
    "--serve",
    "is_served",
    is_flag=True,
    help="Serve the governed API of PROVIDER, or of the first, afterwards, and print what a client "
    "of it does.",
)
def demo(*, provider: str | None, keep: bool, is_served: bool) -> int:
    """Serve the emulator of PROVIDER, or of each installed provider, stream answers of some of its
    model families through it, and govern three calls: one is allowed, one blocked, one redacted,
    and all are on record.

    Exits with 0 when each call ended as it should.
    """
    from axonflow_core.cli.failure import CHECK_FAILED, OK
    from axonflow_core.errors import PluginError

    specs = _emulated_providers(provider)
    if not specs:
        raise PluginError(
            "no installed provider has an emulator"
            if provider is None
            else f"the provider {provider} has no emulator",
            hint="install one that has, such as axonflow-bedrock",
        )
    if keep or is_served:  # what stays is one
        specs = specs[:1]
    went_well = [_show_provider(spec, keep=keep, is_served=is_served) for spec in specs]
    return OK if all(went_well) else CHECK_FAILED


def _emulated_providers(provider: str | None) -> list[ProviderSpec]:
    """The provider of that name, or the installed ones that are not blocked; those with an
    emulator."""
    from axonflow_core.cli.providers import installed_specs

    return [spec for spec in installed_specs(provider) if spec.emulator is not None]


def _show_provider(spec: ProviderSpec, *, keep: bool, is_served: bool) -> bool:
    """Serve the provider's emulator, show its models and a refusal, and return whether all went
    well."""
    import asyncio

    from axonflow_core.cli.emulate import emulator_of, until_interrupted, write_exports
    from axonflow_core.cli.governed import serve_governed
    from axonflow_core.http.local_server import Server

    emulator = emulator_of(spec.name)
    with Server(emulator.app) as server:
        environment = emulator.environment(server.base_url)
        _enter(environment)
        _say(f"{spec.display_name}, emulated at {server.base_url}\n")
        config = _config(spec, environment)
        went_well = asyncio.run(_converse(emulator, config))
        went_well = _govern(config) and went_well
        if is_served:
            serve_governed(spec.name, spec.config_from_environment(environment) or {})
        elif keep:
            with until_interrupted() as is_over:
                write_exports(environment)
                _say("Ctrl-C stops the emulator")
                server.wait(is_over)
    return went_well


def _enter(environment: Mapping[str, str]) -> None:
    """Put `environment` into `os.environ`, and remove every variable with one of its prefixes
    (`AWS_`, `BEDROCK_`), so that no setting for the real service remains.
    """
    families = {name.partition("_")[0] + "_" for name in environment}
    for name in [name for name in os.environ if name.partition("_")[0] + "_" in families]:
        del os.environ[name]
    os.environ.update(environment)


def _config(spec: ProviderSpec, environment: Mapping[str, str]) -> Config:
    """The configuration that the emulator's environment gives, with this provider only."""
    from axonflow_core.config import Config, ProviderConfig

    settings = spec.config_from_environment(environment) or {}
    return Config(
        providers={spec.name: ProviderConfig(spec.name, is_enabled=True, config=settings)}
    )


def _govern(config: Config) -> bool:
    """Show governed calls; without the extra `server`, say how to see them."""
    import asyncio

    from axonflow_core.cli.extras import server_extra
    from axonflow_core.cli.failure import show
    from axonflow_core.cli.governed import show_governed
    from axonflow_core.errors import ConfigError

    try:
        with server_extra():
            return asyncio.run(show_governed(config))
    except ConfigError as error:
        show(error)
        return True


async def _converse(emulator: Emulator, config: Config) -> bool:
    from axonflow_core.runtime import Runtime

    async with Runtime.open(config) as runtime:
        answered = [await _show_answer(runtime, model) for model in emulator.models]
        return await _show_refusal(runtime, emulator.refused_model) and all(answered)


async def _show_answer(runtime: Runtime, model: str) -> bool:
    """Stream one model's answer to stdout; return whether there was one."""
    from axonflow_core.cli.answer import stream_answer
    from axonflow_core.cli.failure import show
    from axonflow_core.errors import AxonFlowError
    from axonflow_core.messages import CompletionRequest, user

    _say(model, bold=True)
    started = monotonic()
    try:
        answer = await stream_answer(
            runtime, CompletionRequest(messages=(user(_PROMPT),)), model=model
        )
    except AxonFlowError as error:
        show(error)
        return False
    usage, elapsed_ms = answer.usage, (monotonic() - started) * 1000
    _say(
        f"{usage.input_tokens} tokens in, {usage.output_tokens} out, {elapsed_ms:.0f} ms\n",
        dim=True,
    )
    return bool(answer.text)


async def _show_refusal(runtime: Runtime, model: str) -> bool:
    """Make a call that the emulator refuses; return whether the error has a fix."""
    from axonflow_core.cli.failure import show
    from axonflow_core.errors import ProviderError

    _say(f"{model}, a call that is refused:", bold=True)
    try:
        await runtime.complete(_PROMPT, model=model)
    except ProviderError as error:
        show(error)
        return error.hint is not None
    _say("it was not refused")
    return False


def _say(text: str, *, bold: bool = False, dim: bool = False) -> None:
    """Write `text` to stderr: stdout holds the answers only."""
    from axonflow_core.cli.display import tell

    tell(text, style="bold" if bold else "dim" if dim else None)
