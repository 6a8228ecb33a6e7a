"""Finding the configuration file and reading all of it, so that every fault is reported at once.

Checked are the core's own keys, references to environment variables, and the `config:` of every
enabled provider, for which its plugin is imported. Of a provider that is not enabled only the shape
of its entry is checked, so a variable that only it refers to may be unset.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from attrs import field

from axonflow_core.config.agents import AgentConfig, PlansConfig
from axonflow_core.config.budgets import unusable_budgets, unused_tenants
from axonflow_core.config.clients import unusable_clients
from axonflow_core.config.document import document_text, parse_document
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
from axonflow_core.config.plans import unusable_plans
from axonflow_core.config.policies import inconsistent, named_detectors, unguarded, variables_of
from axonflow_core.config.routing import (
    considered,
    doubtful,
    misrouted,
    weights_of,
    with_environment,
    with_weights,
)
from axonflow_core.config.snippets import with_snippets
from axonflow_core.config.structuring import fields_of, meant, structure, structure_credentials
from axonflow_core.config.values import (
    SHORT_RETENTION_DAYS,
    VERSION,
    AuditConfig,
    BudgetConfig,
    Config,
    PoliciesConfig,
    ProviderConfig,
    ServerConfig,
)
from axonflow_core.errors import ConfigError, PluginError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.messages import EMPTY, Json
from axonflow_core.plugin_spec import ProviderSpec
from axonflow_core.plugins import (
    PROVIDERS,
    find_plugins,
    is_blocked,
    load_provider,
    named_variables,
)
from axonflow_core.routing.rules import NamedTarget, RoutingRules

T = TypeVar("T")
_log = logging.getLogger(__name__)

_ENVIRONMENT = Place("<environment>")


def search_path(environment: Mapping[str, str], folder: Path | None = None) -> tuple[Path, ...]:
    """The files to look for, in this order; only one where $AXONFLOW_CONFIG_FILE names it."""
    named = environment.get("AXONFLOW_CONFIG_FILE")
    if named:
        return (Path(named),)
    folder = folder or Path()
    return (
        folder / "axonflow.yaml",
        folder / "config" / "axonflow.yaml",
        Path("/etc/axonflow/axonflow.yaml"),
    )


def load(
    path: Path | None,
    environment: Mapping[str, str],
    folder: Path | None,
    text: str | None = None,
) -> Config:
    """`load_config` without defaults: the configuration of the file that is found, else of the
    environment. Logs warnings."""
    read = read_config(path, environment, folder, text)
    if read.faults:
        raise FaultyConfig(read.faults, warnings=read.config.warnings)
    for warning in read.config.warnings:
        _log.warning("%s: %s (%s)", warning.place, warning.message, warning.hint)
    return read.config


@frozen
class ReadConfig:
    """A configuration as far as it is sound, for whoever looks for further faults."""

    config: Config
    faults: tuple[Fault, ...] = ()
    left_out: Mapping[str, frozenset[str]] = EMPTY
    """Provider -> the keys of its `config:` that are faulty, which `config` does not have."""
    models: Node | None = None
    """The section `models` as it was written, for the places of its targets."""


def read_config(
    path: Path | None,
    environment: Mapping[str, str],
    folder: Path | None = None,
    text: str | None = None,
) -> ReadConfig:
    """Read the configuration as `load` does, with its faults as values. Raises where the file
    cannot be read, or nothing is configured."""
    found = file_of(path, environment, folder)
    if found is None:
        return ReadConfig(_config_of_environment(environment, search_path(environment, folder)))
    loader = _Loader(environment)
    config = loader.load(found, text)
    return ReadConfig(config, loader.faults, loader.left_out, loader.models)


def file_of(
    path: Path | None, environment: Mapping[str, str], folder: Path | None = None
) -> Path | None:
    """The file to read, None where no candidate exists. A file named by `path` or by the
    environment is returned unchecked: that it is missing is then a fault and not a reason to look
    further.
    """
    if path is not None:
        return path
    candidates = search_path(environment, folder)
    is_named = len(candidates) == 1
    return next((candidate for candidate in candidates if is_named or _exists(candidate)), None)


def _exists(path: Path) -> bool:
    """Whether there is such a file. `FaultyConfig` where that cannot be found out, as in a folder
    that this process may not enter: another file must not be read in its place."""
    try:
        return path.is_file()
    except OSError as error:
        hint = "let this process read the folder, or name another file: AXONFLOW_CONFIG_FILE"
        message = f"cannot look for the file: {error.strerror}"
        raise FaultyConfig([Fault(Place(str(path)), message, hint)]) from None


class Enabled(NamedTuple):
    """The plugins that a configuration enables."""

    providers: tuple[str, ...] = ()
    """In the file's order."""
    detectors: tuple[str, ...] = ()


def enabled(path: Path | None, environment: Mapping[str, str], folder: Path | None) -> Enabled:
    """`enabled_plugins` without defaults. Faults are ignored."""
    found = file_of(path, environment, folder)
    if found is None:
        with suppress(FaultyConfig):
            return Enabled(_with_variables(environment))
        return Enabled()
    loader = _Loader(environment)
    with suppress(FaultyConfig):
        loader.load(found)
    return Enabled(tuple(loader.enabled), tuple(loader.detectors))


# ── reading the file ──────────────────────────────────────────────────────────────────────────────


@frozen
class _File:
    """The top-level keys of the file."""

    version: str = field(metadata={YAML_EXAMPLE: f'"{VERSION}"'})
    llm_providers: Section = field(factory=lambda: section_of({}, _ENVIRONMENT))
    server: Section | None = None
    policies: Section | None = None
    audit: Section | None = None
    budgets: Section | None = None
    models: Section | None = None
    routing: Section | None = None
    agents: Section | None = None
    plans: Section | None = None
    connectors: Section | None = None

    @version.validator
    def _is_ours(self, _: object, version: str) -> None:
        if version != VERSION:
            raise Unfit(
                f'"{VERSION}", the only version that this release reads', f'version: "{VERSION}"'
            )


class _Loader:
    """Reads one file and collects its faults."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._faults: list[Fault] = []
        self._installed = find_plugins(PROVIDERS)
        self.enabled: list[str] = []
        """The plugins of the enabled entries that have been read so far."""
        self.detectors: list[str] = []
        """The plugins that `policies.detectors` names."""
        self.faults: tuple[Fault, ...] = ()
        """Every fault of the file that was read."""
        self.left_out: dict[str, frozenset[str]] = {}
        self.models: Node | None = None

    def load(self, path: Path, text: str | None = None) -> Config:
        """The sound part of the whole file, or of `text` in its place. Its `faults` of `config:`
        sections come from the plugins' types. Raises `FaultyConfig` where the file cannot be
        read."""
        text = document_text(path) if text is None else text
        read = parse_document(text, str(path), self._environment)
        document, self._faults = read.root, list(read.faults)
        file = self._try(document, _File, "the file")
        document = meant(document, fields_of(_File))
        entries = self._try(
            document.get("llm_providers", Section({}, document.place)), Section, "llm_providers"
        )
        providers = (
            [self._provider(name, node, entries.place_of(name)) for name, node in entries.items()]
            if entries
            else []
        )
        enabled = {name: is_enabled(node) for name, node in (entries or {}).items()}
        doubts = doubtful(document.given("models"), enabled)
        warnings = with_snippets((*_warnings(document), *doubts), read.text)
        server = self._server(document, entries)
        parts: dict[str, Any] = {
            "server": server,
            "policies": self._policies(document, server),
            "audit": self._part(document, "audit", AuditConfig),
            **self._routing(document, enabled),
        }
        parts["budgets"] = self._budgets(document, server, entries)
        parts |= self._plans(document, entries)
        warnings = (*warnings, *unguarded(parts["policies"].variables))
        sound = {entry.name: entry for entry in providers if entry is not None}
        version = VERSION if file is None else file.version
        weighed = [name for name, node in (entries or {}).items() if is_weighed(node)]
        config = Config(version, sound, path, warnings, **parts)
        config = with_weights(config, weighed, self._weights(sound))
        self.faults = with_snippets(self._faults, read.text)
        return config

    def _routing(self, document: Section, enabled: Mapping[str, bool]) -> Mapping[str, Any]:
        """The sections `routing` and `models`, and what the environment says in their place."""
        written, models = document.given("routing"), document.given("models")
        self.models = models
        section = written if isinstance(written, Section) else Section({}, document.place)
        routing = with_environment(section, self._environment)
        if enabled:
            self._faults += misrouted(routing, models, enabled)
        rules = self._try(routing, RoutingRules, "routing")
        named: Any = dict[str, tuple[NamedTarget, ...]]
        found = self._try(models, named, "models") if isinstance(models, Section) else None
        return {"routing": rules or RoutingRules(), "models": found or {}}

    def _weights(self, entries: Collection[str]) -> Mapping[str, float]:
        try:
            return weights_of(self._environment, {*entries, *_names_of(self._installed)})
        except FaultyConfig as faulty:
            self._faults += faulty.faults
            return {}

    def _part(self, document: Section, key: str, as_type: type[T]) -> T:
        """The section `key` as `as_type`; the defaults where it is absent or faulty. What is no
        section is reported with the file's own keys."""
        node = document.given(key)
        part = self._try(node, as_type, key) if isinstance(node, Section) else None
        return as_type() if part is None else part

    def _policies(self, document: Section, server: ServerConfig) -> PoliciesConfig:
        """The section `policies`, and what the environment says of policies."""
        node = document.given("policies")
        if node is not None:
            self.detectors = [each.text for each in named_detectors(node)]
            self._faults += inconsistent(node, server, self._environment)
        written = self._part(document, "policies", PoliciesConfig)
        try:
            return evolve(written, variables=variables_of(self._environment))
        except FaultyConfig as faulty:
            self._faults += faulty.faults
            return written

    def _server(self, document: Section, providers: Section | None) -> ServerConfig:
        node = document.given("server")
        if isinstance(node, Section) and providers is not None:
            self._faults += unusable_clients(node, providers)
        server = self._part(document, "server", ServerConfig)
        clients = {
            id: evolve(client, id=id, tenant=client.tenant or id)
            for id, client in server.clients.items()
        }
        return evolve(server, clients=clients)

    def _budgets(
        self, document: Section, server: ServerConfig, providers: Section | None
    ) -> Mapping[str, BudgetConfig]:
        self._faults += unused_tenants(document.given("server"), server)
        node = document.given("budgets")
        if not isinstance(node, Section):
            return {}
        self._faults += unusable_budgets(node, server, providers or ())
        return self._try(node, dict[str, BudgetConfig], "budgets") or {}

    def _plans(self, document: Section, providers: Section | None) -> Mapping[str, Any]:
        """The sections `agents` and `plans`."""
        plans, node = self._part(document, "plans", PlansConfig), document.given("agents")
        self._faults += unusable_plans(document, providers or ())
        if not isinstance(node, Section):
            return {"plans": plans}
        return {"plans": plans, "agents": self._try(node, dict[str, AgentConfig], "agents") or {}}

    def _try(self, node: Node, as_type: type[T], key: str) -> T | None:
        """The node as `as_type`; None, with its faults recorded, where it does not fit."""
        try:
            return structure(node, as_type, key=key)
        except FaultyConfig as faulty:
            self._faults += faulty.faults
            return None

    def _provider(self, name: str, node: Node, place: Place) -> ProviderConfig | None:
        """One entry, without what is faulty in it; None where nothing is left of it."""
        entry = self._try(node, ProviderConfig, name)
        settings = self._settings(name, node, place) if isinstance(node, Section) else None
        if entry is None and settings is None:
            return None
        entry = entry or ProviderConfig(is_enabled=True)
        config = entry.config if settings is None else settings
        config = config if config.place.line else Section({}, place)
        return evolve(entry, name=name, type=entry.type or name, config=config)

    def _settings(self, name: str, section: Section, place: Place) -> Section | None:
        """The sound part of an enabled entry's `config:`; None where its plugin is not known. This
        and `credentials:` are checked against the provider's types even where the entry itself has
        faults: `enable: true` is one, and means an enabled entry.
        """
        section = meant(section, fields_of(ProviderConfig))
        enabled, credentials, type_node = map(section.given, ("enabled", "credentials", "type"))
        if enabled is None or self._try(enabled, bool, "enabled") is False:
            return None
        plugin = name if type_node is None else self._try(type_node, str, "type")
        spec = None
        if plugin:
            self.enabled.append(plugin)
            spec = self._spec(plugin, type_node.place if type_node else place)
        if credentials is not None:
            self._check_credentials(credentials, spec)
        if spec is None:
            return None
        config = section.given("config") or Section({}, place)
        is_sound = self._try(config, spec.config_type, "config") is not None
        if not isinstance(config, Section):
            return Section({}, place)
        return config if is_sound else self._sound_part(name, config, spec)

    def _sound_part(self, name: str, config: Section, spec: ProviderSpec) -> Section:
        """The keys of a faulty `config:` that have no fault themselves."""
        config = meant(config, fields_of(spec.config_type))

        def faults_of(nodes: Mapping[str, Node]) -> set[str]:
            try:
                structure(Section(nodes, config.place), spec.config_type, key="config")
            except FaultyConfig as faulty:
                return {fault.message for fault in faulty.faults}
            return set()

        of_none = faults_of({})  # keys that are missing, as they are beside each single one
        sound = {key: node for key, node in config.items() if faults_of({key: node}) <= of_none}
        self.left_out[name] = frozenset(config.keys() - sound.keys())
        return Section(sound, config.place)

    def _check_credentials(self, node: Node, spec: ProviderSpec | None) -> None:
        """Check `credentials:` against the names that the provider takes."""
        try:
            if spec is None:
                structure_credentials(node, None)
            else:
                structure_credentials(node, spec.credentials, spec.credentials_elsewhere)
        except FaultyConfig as faulty:
            self._faults += faulty.faults

    def _spec(self, plugin: str, place: Place) -> ProviderSpec | None:
        """The plugin's spec; None, with a fault at `place`, where it cannot be loaded."""
        try:
            return load_provider(plugin, self._environment, self._installed)
        except PluginError as error:
            self._faults.append(Fault(place, error.message, error.hint, code=error.code))
            return None


def is_enabled(entry: Node) -> bool:
    """Whether an entry of `llm_providers` says that it is enabled, as far as it can be read."""
    if not isinstance(entry, Section):
        return False
    with suppress(FaultyConfig):
        enabled = meant(entry, fields_of(ProviderConfig)).given("enabled")
        return enabled is not None and structure(enabled, bool, key="enabled")
    return True


def is_weighed(entry: Node) -> bool:
    """Whether an entry of `llm_providers` has a weight of its own."""
    return isinstance(entry, Section) and entry.given("weight") is not None


def _names_of(plugins: Iterable[Any]) -> set[str]:
    return {plugin.name for plugin in plugins}


def _warnings(document: Section) -> Iterator[Fault]:
    if "connectors" in document:
        message = "`connectors` is ignored: this release has no connectors"
        yield Fault(
            document.place_of("connectors"),
            message,
            "remove the section, or keep it for other AxonFlow products",
        )
    yield from _short_retention(document)
    yield from _inline_secrets(document)


def _short_retention(document: Section) -> Iterator[Fault]:
    audit = document.given("audit")
    days = audit.given("retention_days") if isinstance(audit, Section) else None
    if not isinstance(days, Scalar) or not days.text.isdecimal():
        return
    if 0 < int(days.text) < SHORT_RETENTION_DAYS:
        message = f"`retention_days: {days.text}` is less than {SHORT_RETENTION_DAYS} days"
        hint = "the AI Act has logs of high-risk systems kept for six months: Articles 19(1), 26(6)"
        yield Fault(days.place, message, hint)


def _inline_secrets(node: Node, key: str = "") -> Iterator[Fault]:
    """A warning for each secret written in the file itself: files are copied, committed and
    displayed.
    """
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
            yield Fault(node.place, f"`{key}` is a secret written in the file", hint, hides=True)


# ── the environment alone ─────────────────────────────────────────────────────────────────────────


def _config_of_environment(environment: Mapping[str, str], looked_for: tuple[Path, ...]) -> Config:
    """A configuration of every provider whose variables are set. `ConfigError` where there is
    none."""
    specs = {name: load_provider(name, environment) for name in _with_variables(environment)}
    providers = {
        name: ProviderConfig(name, is_enabled=True, config=_section_of(spec, settings, environment))
        for name, spec in specs.items()
        if (settings := spec.config_from_environment(environment)) is not None
    }
    if not providers:
        unset = [
            variable
            for spec in specs.values()
            for variable in spec.enabling_variables
            if not environment.get(variable)
        ]
        raise _nothing_configured(looked_for, _installed(environment), unset)
    enabled = dict.fromkeys(providers, True)
    section = with_environment(Section({}, _ENVIRONMENT), environment)
    if faults := [*misrouted(section, None, enabled)]:
        raise FaultyConfig(faults)
    policies = PoliciesConfig(variables=variables_of(environment))
    routing = structure(section, RoutingRules, key="routing")
    warnings = tuple(unguarded(policies.variables))
    config = Config(providers=providers, policies=policies, routing=routing, warnings=warnings)
    installed = {*providers, *_installed(environment)}
    return with_weights(config, (), weights_of(environment, installed))


def _section_of(
    spec: ProviderSpec, settings: Mapping[str, Json], environment: Mapping[str, str]
) -> Section:
    """A provider's settings of the environment, each at the place of its variable: `BEDROCK_REGION`
    for `region`."""
    nodes = {}
    for key, value in settings.items():
        variable = spec.variables.get(key, f"{_prefix(spec.name)}{key.upper()}")
        place = Place(variable) if environment.get(variable) else _ENVIRONMENT
        nodes[key] = section_of({key: value}, place)[key]
    return Section(nodes, _ENVIRONMENT)


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


def _with_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The installed providers that have at least one non-empty variable: with their prefix
    (`ECHO_…` for echo), or named by their package. Only the plugins of these are imported.
    """
    variables = [variable for variable, value in environment.items() if value]
    named = {provider for variable, provider in named_variables().items() if variable in variables}
    return tuple(
        name
        for name in considered(environment, _installed(environment))
        if name in named or any(variable.startswith(_prefix(name)) for variable in variables)
    )


def _prefix(name: str) -> str:
    """The prefix of a provider's variables: `AZURE_OPENAI_` for `azure-openai`."""
    return name.upper().replace("-", "_") + "_"


def _nothing_configured(
    looked_for: tuple[Path, ...], installed: tuple[str, ...], unset: Sequence[str]
) -> ConfigError:
    """The error where nothing is found. `unset` are the variables that are missing for a provider
    that has others."""
    if unset:
        names = " or ".join(unset)
        return ConfigError(
            f"no provider is configured: found no {', no '.join(map(str, looked_for))}, and "
            f"{names} is not set, without which its other variables enable no provider",
            hint=f"set {names}, or let `axonflow init` write axonflow.yaml",
        )
    variables = " or ".join(f"{_prefix(name)}…" for name in installed) or "its variables"
    return ConfigError(
        f"no provider is configured: found no {', no '.join(map(str, looked_for))}, "
        "and no environment variable of an installed provider is set",
        hint=f"let `axonflow init` write axonflow.yaml, or set a provider's variables "
        f"({variables}); `axonflow demo` needs neither",
    )
