"""Finding the configuration and reading it to its end before complaining.

The core's own keys, references to the environment, and the `config:` of every enabled provider, for
which the plugin is loaded: all are checked, and their faults told together. What a provider that is
not enabled says is not looked at beyond its shape, so a variable that only it refers to may be
unset.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from attrs import evolve, field, frozen

from axonflow_core.config.document import read_document
from axonflow_core.config.faults import Fault, FaultyConfig, Place
from axonflow_core.config.nodes import (
    YAML_EXAMPLE,
    Listing,
    Node,
    Scalar,
    Section,
    Unfit,
    section_of,
)
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.structuring import structure
from axonflow_core.config.values import VERSION, Config, ProviderConfig
from axonflow_core.errors import ConfigError, PluginError
from axonflow_core.plugin_spec import ProviderSpec
from axonflow_core.plugins import PROVIDERS, find_plugins, is_blocked, load_provider

T = TypeVar("T")
_log = logging.getLogger(__name__)

_ENVIRONMENT = Place("<environment>")


def search_path(environment: Mapping[str, str], folder: Path | None = None) -> tuple[Path, ...]:
    """Where the file is looked for, in this order. `$AXONFLOW_CONFIG_FILE` settles it."""
    named = environment.get("AXONFLOW_CONFIG_FILE")
    if named:
        return (Path(named),)
    folder = folder or Path()
    return (
        folder / "axonflow.yaml",
        folder / "config" / "axonflow.yaml",
        Path("/etc/axonflow/axonflow.yaml"),
    )


def load(path: Path | None, environment: Mapping[str, str], folder: Path | None) -> Config:
    found = _find_file(path, environment, folder)
    if found is None:
        return _config_of_environment(environment, search_path(environment, folder))
    config = _Loader(environment).load(found)
    for warning in config.warnings:
        _log.warning("%s: %s (%s)", warning.place, warning.message, warning.hint)
    return config


def _find_file(
    path: Path | None, environment: Mapping[str, str], folder: Path | None
) -> Path | None:
    """A file that somebody named need not exist to be found: its absence is then a fault."""
    if path is not None:
        return path
    candidates = search_path(environment, folder)
    is_named = len(candidates) == 1
    return next((candidate for candidate in candidates if is_named or candidate.is_file()), None)


def asked_for(
    path: Path | None, environment: Mapping[str, str], folder: Path | None
) -> tuple[str, ...]:
    found = _find_file(path, environment, folder)
    if found is None:
        return _spoken_to(environment)
    loader = _Loader(environment)
    with suppress(FaultyConfig):
        loader.load(found)
    return tuple(loader.enabled)


# ── reading the file ──────────────────────────────────────────────────────────────────────────────


@frozen
class _File:
    """The keys of the file's first level."""

    version: str = field(metadata={YAML_EXAMPLE: f'"{VERSION}"'})
    llm_providers: Section = field(factory=lambda: section_of({}, _ENVIRONMENT))
    connectors: Section | None = None

    @version.validator
    def _is_ours(self, _: object, version: str) -> None:
        if version != VERSION:
            raise Unfit(
                f'"{VERSION}", the version that this AxonFlow reads', f'version: "{VERSION}"'
            )


class _Loader:
    """Reads one file and keeps its faults until the end."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[Fault] = []
        self.enabled: list[str] = []
        """The plugins that enabled entries ask for, so far as it was read."""

    def load(self, path: Path) -> Config:
        read = read_document(path, self._environment)
        document, self._faults = read.root, list(read.faults)
        file = self._try(document, _File, "the file")
        entries = self._try(
            document.get("llm_providers", Section({}, document.place)), Section, "llm_providers"
        )
        providers = (
            [self._provider(name, node, entries.place_of(name)) for name, node in entries.items()]
            if entries
            else []
        )
        warnings = with_snippets(_warnings(document), read.text)
        if self._faults or file is None:
            raise FaultyConfig(with_snippets(self._faults, read.text), warnings=warnings)
        sound = {entry.name: entry for entry in providers if entry is not None}
        return Config(file.version, sound, path, warnings)

    def _try(self, node: Node, as_type: type[T], key: str) -> T | None:
        try:
            return structure(node, as_type, key=key)
        except FaultyConfig as faulty:
            self._faults += faulty.faults
            return None

    def _provider(self, name: str, node: Node, place: Place) -> ProviderConfig | None:
        entry = self._try(node, ProviderConfig, name)
        if isinstance(node, Section):
            self._check_settings(name, node, place)
        if entry is None:
            return None
        config = entry.config if len(entry.config) else Section({}, place)
        return evolve(entry, name=name, type=entry.type or name, config=config)

    def _check_settings(self, name: str, section: Section, place: Place) -> None:
        """Check what an enabled entry says to its provider, even where the entry itself has
        faults."""
        enabled, credentials, type_node = map(section.said, ("enabled", "credentials", "type"))
        if enabled is None or not self._try(enabled, bool, "enabled"):
            return
        if credentials is not None:
            self._try(credentials, dict[str, str], "credentials")
        plugin = name if type_node is None else self._try(type_node, str, "type")
        if plugin:
            self.enabled.append(plugin)
            spec = self._spec(plugin, type_node.place if type_node else place)
            if spec is not None:
                self._try(section.said("config") or Section({}, place), spec.config_type, "config")

    def _spec(self, plugin: str, place: Place) -> ProviderSpec | None:
        try:
            return load_provider(plugin, self._environment)
        except PluginError as error:
            self._faults.append(Fault(place, error.message, error.hint, code=error.code))
            return None


def _warnings(document: Section) -> Iterator[Fault]:
    if "connectors" in document:
        message = "`connectors` is not read: this AxonFlow has no connectors yet"
        yield Fault(
            document.place_of("connectors"),
            message,
            "remove the section, or keep it for another AxonFlow",
        )
    yield from _inline_secrets(document)


def _inline_secrets(node: Node, key: str = "") -> Iterator[Fault]:
    """A warning for each secret that stands in the file itself: files are copied, committed and
    shown."""
    match node:
        case Section():
            for name, value in node.items():
                yield from _inline_secrets(value, name)
        case Listing():
            for item in node.items:
                yield from _inline_secrets(item, key)
        case Scalar(is_secret=True, is_substituted=False, problem=None) if (
            not node.is_null and node.text
        ):
            variable = re.sub(r"\W", "_", key).upper()
            hint = f"put it into an environment variable and write `{key}: ${{{variable}}}`"
            yield Fault(
                node.place, f"`{key}` holds a secret that stands in the file", hint, hides=True
            )


# ── the environment alone ─────────────────────────────────────────────────────────────────────────


def _config_of_environment(environment: Mapping[str, str], looked_for: tuple[Path, ...]) -> Config:
    specs = {name: load_provider(name, environment) for name in _spoken_to(environment)}
    providers = {
        name: ProviderConfig(name, is_enabled=True, config=section_of(settings, _ENVIRONMENT))
        for name, spec in specs.items()
        if (settings := spec.config_from_environment(environment)) is not None
    }
    if not providers:
        raise _nothing_configured(looked_for, _installed(environment))
    return Config(providers=providers)


def _installed(environment: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(
        sorted(
            {
                plugin.name
                for plugin in find_plugins(PROVIDERS)
                if not is_blocked(plugin, environment)
            }
        )
    )


def _spoken_to(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The providers with whose name a variable begins. Only their plugins are imported, to be asked
    what they want."""
    said = [variable for variable, value in environment.items() if value]
    return tuple(
        name
        for name in _installed(environment)
        if any(word.startswith(_prefix(name)) for word in said)
    )


def _prefix(name: str) -> str:
    return name.upper().replace("-", "_") + "_"


def _nothing_configured(looked_for: tuple[Path, ...], installed: tuple[str, ...]) -> ConfigError:
    variables = " or ".join(f"{_prefix(name)}…" for name in installed) or "its variables"
    return ConfigError(
        f"no provider is configured: there is no {', no '.join(map(str, looked_for))}, "
        "and no environment variable asks for an installed provider",
        hint=f"write axonflow.yaml, or set a provider's variables ({variables}); `axonflow demo` "
        "needs neither",
    )
