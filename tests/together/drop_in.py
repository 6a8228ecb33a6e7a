"""A governed server before the emulators of all providers, for clients of a vendor's dialect."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from axonflow_core.cli.emulate import emulator_of
from axonflow_core.http.local_server import Server
from tests.governed_server import GovernedServer, governed_server

TARGETS: Mapping[str, tuple[str, str]] = {
    "claude": ("bedrock", "us.anthropic.claude-sonnet-4-6"),
    "nova": ("bedrock", "us.amazon.nova-lite-v1:0"),
    "titan": ("bedrock", "amazon.titan-text-express-v1"),
    "llama": ("bedrock", "us.meta.llama3-3-70b-instruct-v1:0"),
    "mistral": ("bedrock", "mistral.mistral-large-2402-v1:0"),
    "cohere": ("bedrock", "cohere.command-r-plus-v1:0"),
    "jamba": ("bedrock", "ai21.jamba-1-5-large-v1:0"),
    "deepseek": ("bedrock", "us.deepseek.r1-v1:0"),
    "gpt-oss": ("bedrock", "openai.gpt-oss-120b-1:0"),
    "qwen": ("bedrock", "qwen.qwen3-32b-v1:0"),
    "gpt": ("openai", "gpt-4o"),
    "gpt-5": ("openai", "gpt-5.2"),
    "anthropic": ("anthropic", "claude-sonnet-5-5"),
    "gemini": ("gemini", "gemini-3.8-flash"),
    "ollama": ("ollama", "llama3.1:latest"),
    "azure": ("azure-openai", "gpt-4o"),
}
"""Alias -> provider and model that answer to it."""
PROVIDERS = tuple(dict.fromkeys(provider for provider, _ in TARGETS.values()))
DIALECTS = ("openai", "anthropic", "bedrock")
"""Those that are served where nothing is said."""
FURTHER_DIALECTS = ("gemini", "ollama", "azure-openai")
SECRET = "heliotrope-7716"
"""What a policy blocks in answers."""

_FILE = """\
version: "1.0"
llm_providers: %(providers)s
server:
  dialects: %(dialects)s
  clients:
    acme: {generation: 1, tenant: acme, roles: [call]}
models: %(models)s
policies:
  rules:
    - {name: no-aurora, pattern: '(?i)project\\s+aurora', action: block}
    - {name: no-heliotrope, pattern: 'heliotrope-\\d+', action: block}
audit: {url: "sqlite:///%%(folder)s/audit.db"}
"""


_ENDPOINTS = {
    "openai": "OPENAI_ENDPOINT",
    "anthropic": "ANTHROPIC_ENDPOINT",
    "gemini": "GOOGLE_ENDPOINT",
    "ollama": "OLLAMA_ENDPOINT",
    "azure-openai": "AZURE_OPENAI_ENDPOINT",
}
"""Provider -> the variable of its emulator's environment that the configuration has to repeat."""


def _section(provider: str, environment: Mapping[str, str]) -> Mapping[str, object]:
    if provider not in _ENDPOINTS:
        return {"enabled": True}
    model = next(model for name, model in TARGETS.values() if name == provider)
    config = {"endpoint": environment[_ENDPOINTS[provider]], "model": model}
    return {"enabled": True, "config": config}


@contextmanager
def drop_in(
    folder: Path,
    rules: object = None,
    *,
    providers: tuple[str, ...] = PROVIDERS,
    dialects: tuple[str, ...] = DIALECTS,
) -> Iterator[GovernedServer]:
    """The server, whose providers are emulated with the rules of a script."""
    folder.mkdir(exist_ok=True)
    script = None
    if rules is not None:
        script = folder / "script.json"
        script.write_text(json.dumps({"rules": rules}))
    environment: dict[str, str] = {}
    with ExitStack() as stack:
        for provider in providers:
            emulator = emulator_of(provider, script)
            server = stack.enter_context(Server(emulator.app))
            environment |= emulator.environment(server.base_url)
        config = _FILE % {
            "dialects": json.dumps(dialects),
            "providers": json.dumps({each: _section(each, environment) for each in providers}),
            "models": json.dumps(
                {
                    alias: [{"provider": provider, "model": model}]
                    for alias, (provider, model) in TARGETS.items()
                    if provider in providers
                }
            ),
        }
        yield stack.enter_context(governed_server(folder / "server", config, environment))
