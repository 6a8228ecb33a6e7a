"""Plugins: `importlib.metadata` finds them, pluggy validates their hooks, and this module reports
what failed.

    axonflow.providers             one entry point a provider, named as its key (or `type:`) in YAML
    axonflow.codecs.<provider>     one entry point a model family
    axonflow.detectors             one entry point for detectors of policies (`detector_plugins`)

Finding reads metadata and imports nothing. Each entry point to be loaded gets a pluggy manager of
its own. One manager for all (`load_setuptools_entrypoints`) silently skips a name that occurs in
two groups, silently loads nothing for an unknown name, and stops at the first import that fails.
Here each plugin fails alone, whatever it raises except KeyboardInterrupt, and also where it hangs:
it has AXONFLOW_PLUGIN_LIMIT_S, 30 seconds, to be imported and to register.

A provider that cannot be loaded raises `PluginError`. A codec plugin that cannot be loaded is
marked failed and logged, and the other families are loaded, unless AXONFLOW_STRICT_PLUGINS=1.

    state          meaning
    loaded         imported, and its hook returned what it should
    available      installed, not enabled, not imported
    blocked        named in AXONFLOW_BLOCK_PLUGINS, not imported
    incompatible   written for another version of the hooks
    failed         broken: `reason` says at which step
"""

from __future__ import annotations

import logging
import os
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cache, partial
from threading import TIMEOUT_MAX, Thread, current_thread
from threading import enumerate as enumerate_threads
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar

import pluggy
from attrs import field

from axonflow_core import hookspecs
from axonflow_core.codec.json_members import number_in_header
from axonflow_core.codec.registry import Claim, CodecRegistry, RegisteredCodec, UnloadedCodecs
from axonflow_core.errors import ConfigError, PluginError
from axonflow_core.frozen import frozen
from axonflow_core.hookspecs import HOOK_API, PluginCodec
from axonflow_core.nearest import nearest
from axonflow_core.plugin_spec import ProviderSpec
from axonflow_core.waiting import now

if TYPE_CHECKING:
    from importlib.metadata import Distribution, EntryPoint

_log = logging.getLogger(__name__)
K = TypeVar("K")

PROVIDERS = "axonflow.providers"
"""The group of provider plugins."""
CODECS = "axonflow.codecs."
"""The prefix of the groups of codec plugins; the provider's name follows."""
DETECTORS = "axonflow.detectors"
"""The group of detectors of policies (`detector_plugins`)."""
VARIABLES = "axonflow.variables"
"""The group that says which provider a variable is for, where its name does not begin with the
provider's: `GOOGLE_API_KEY = "gemini"`."""
PROJECT = "axonflow"
"""The project name of the hook markers in `hookspecs`."""
_STRICT = "AXONFLOW_STRICT_PLUGINS"
_MAX_SHOWN = 40
"""Characters of a variable that a message quotes."""


class State(StrEnum):
    """What became of an installed plugin; the table at the head of this module explains each."""

    LOADED = "loaded"
    AVAILABLE = "available"
    """Installed and not enabled, so not imported."""
    BLOCKED = "blocked"
    INCOMPATIBLE = "incompatible"
    """Written for another version of the hooks."""
    FAILED = "failed"


@frozen
class FoundPlugin:
    """An installed entry point of one of our groups, and the distribution that it belongs to."""

    group: str
    name: str
    value: str
    """The module that it points to: `axonflow_bedrock.plugin`."""
    distribution: str
    version: str
    folder: str
    """The directory that the distribution is installed in."""
    _entry_point: EntryPoint = field(repr=False, eq=False)

    def __str__(self) -> str:
        return f"{self.name} ({self.distribution} {self.version})"

    def load(self) -> ModuleType:
        """Import the module. Raises whatever importing it raises."""
        module: ModuleType = self._entry_point.load()
        return module


@frozen
class PluginState:
    """One installed plugin and its state. `reason` is empty for a plugin that is loaded or
    available."""

    plugin: FoundPlugin
    state: State
    reason: str = ""

    @property
    def origin(self) -> str:
        """The file of an imported plugin's module, else the distribution's directory."""
        module = (
            sys.modules.get(self.plugin.value.partition(":")[0])
            if self.state is State.LOADED
            else None
        )
        return getattr(module, "__file__", None) or self.plugin.folder


@frozen
class LoadedCodecs:
    """The usable codecs of one provider, and the state of each plugin in its group."""

    registry: CodecRegistry
    plugins: tuple[PluginState, ...]


class _Incompatible(PluginError):
    """The plugin was written for another version of the hooks."""


# ── finding ───────────────────────────────────────────────────────────────────────────────────────


def find_plugins(group: str | None = None) -> tuple[FoundPlugin, ...]:
    """The installed plugins of `group`, or of all our groups, in order of name. Imports none."""
    from importlib.metadata import entry_points  # takes 15 ms to import, needed only here

    groups = entry_points().groups if group is None else {group}
    ours = (point for name in groups if _is_ours(name) for point in entry_points(group=name))
    origin_of = cache(_origin_of)  # a distribution's metadata is parsed at each look at it
    found = (
        FoundPlugin(point.group, point.name, point.value, *origin_of(point.dist), point)
        for point in ours
    )
    return tuple(sorted(found, key=lambda plugin: (plugin.group, plugin.name, plugin.distribution)))


def named_variables() -> Mapping[str, str]:
    """Variable of the environment -> the provider that it is for, as the entry points of installed
    packages have it. Imports none."""
    from importlib.metadata import entry_points

    return {point.name: point.value for point in entry_points(group=VARIABLES)}


def _is_ours(group: str) -> bool:
    return group in (PROVIDERS, DETECTORS) or group.startswith(CODECS)


def _origin_of(distribution: Distribution | None) -> tuple[str, str, str]:
    """Name, version and folder of a distribution. An entry point without one (on a bare path) has
    unknown ones."""
    if distribution is None:
        return "unknown", "unknown", ""
    metadata = distribution.metadata
    return metadata["Name"], metadata["Version"], str(distribution.locate_file(""))


def blocked_names(environment: Mapping[str, str]) -> frozenset[str]:
    """The normalised names in AXONFLOW_BLOCK_PLUGINS: entry points or distributions, separated by
    commas.
    """
    names = environment.get("AXONFLOW_BLOCK_PLUGINS", "").split(",")
    return frozenset(_normalised(name) for name in names if name.strip())


def is_blocked(plugin: FoundPlugin, environment: Mapping[str, str]) -> bool:
    """Whether AXONFLOW_BLOCK_PLUGINS names the plugin or its distribution; case, `-` and `_` do not
    matter."""
    return not blocked_names(environment).isdisjoint(
        {_normalised(plugin.name), _normalised(plugin.distribution)}
    )


def _normalised(name: str) -> str:
    return name.strip().lower().replace("_", "-")


# ── loading one ───────────────────────────────────────────────────────────────────────────────────


def results_of(plugin: FoundPlugin, hook: str, environment: Mapping[str, str]) -> list[Any]:
    """Import the plugin and return the results of its implementations of `hook`, at least one.

    `PluginError` names the step that failed: import, version of the hooks, signature, call; or that
    did not end in time.
    """
    limit_s = _limit_s(environment)
    loading = _under_way(plugin, hook) or _Loading(plugin, hook)
    if loading.ident is None and _is_being_imported(plugin):
        loading.run()
    else:
        if loading.ident is None:
            loading.start()
        loading.join(max(loading.began + limit_s - now(), 0.0))
    if loading.fault is not None:
        raise loading.fault
    if loading.results is None:
        raise PluginError(
            f"the plugin {plugin} hangs: {loading.doing} has not ended within {limit_s:g} s",
            hint=f"upgrade or uninstall {plugin.distribution}, or block it: "
            f"AXONFLOW_BLOCK_PLUGINS={plugin.name}; if it is only slow, set {_LIMIT} to more "
            "seconds",
        )
    if not loading.results:
        raise PluginError(
            f"the plugin {plugin} registers nothing: {plugin.value} does not implement {hook}",
            hint=f"define {hook}() there, decorated with @axonflow_core.hookimpl",
        )
    return loading.results


_LIMIT = "AXONFLOW_PLUGIN_LIMIT_S"
_USUAL_LIMIT_S = 30.0


def _limit_s(environment: Mapping[str, str]) -> float:
    """How long one plugin may take to be imported and to register, in seconds."""
    written = environment.get(_LIMIT)
    if not written:
        return _USUAL_LIMIT_S
    limit_s = number_in_header(written)
    if not limit_s or limit_s > TIMEOUT_MAX:
        raise ConfigError(
            f"{_LIMIT} is {written[:_MAX_SHOWN]!r}", hint="write a number of seconds above 0: 60"
        )
    return limit_s


def _is_being_imported(plugin: FoundPlugin) -> bool:
    """Whether this thread is importing a package that the plugin is in, such as the caller's own:
    in another thread the plugin's import would wait for that one, which waits for it."""
    if any(isinstance(thread, _Loading) for thread in enumerate_threads()):
        return False  # one that hangs may be importing it
    packages = plugin.value.partition(":")[0].split(".")
    names = (".".join(packages[:length]) for length in range(1, len(packages)))
    specs = (getattr(sys.modules.get(name), "__spec__", None) for name in names)
    return any(getattr(spec, "_initializing", False) for spec in specs)


def _under_way(plugin: FoundPlugin, hook: str) -> _Loading | None:
    """The loading of it that another call began and that has not ended: it has hung since then."""
    idle = (None, current_thread().ident)
    for thread in enumerate_threads():
        if not isinstance(thread, _Loading) or thread.ident in idle:
            continue
        if (thread.plugin, thread.hook) == (plugin, hook):
            return thread
    return None


class _Loading(Thread):
    """The import of one plugin and the call of its hook: a thread, for a module that hangs cannot
    be stopped and is left behind. It holds the import lock of that module alone."""

    def __init__(self, plugin: FoundPlugin, hook: str) -> None:
        super().__init__(name=f"axonflow plugin {plugin.name}", daemon=True)
        self.plugin = plugin
        self.hook = hook
        self.began = now()
        self.doing = f"importing {plugin.value}"
        self.results: list[Any] | None = None
        self.fault: BaseException | None = None

    def run(self) -> None:
        """Leave `results` or `fault`."""
        try:
            self.results = self._loaded()
        except (PluginError, KeyboardInterrupt) as fault:
            self.fault = fault
        except BaseException as error:
            self.fault = _failure(self.plugin, f"{self.doing} raised", error)
            self.fault.__cause__ = error

    def _loaded(self) -> list[Any]:
        module = self.plugin.load()
        _check_api(self.plugin, module)
        manager = pluggy.PluginManager(PROJECT)
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(module)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise _invalid_hook(self.plugin, error) from error
        self.doing = f"{self.hook}()"
        results: list[Any] = getattr(manager.hook, self.hook)()
        return results


def _failure(plugin: FoundPlugin, what: str, error: BaseException) -> PluginError:
    return PluginError(
        f"the plugin {plugin} is broken: {what} {type(error).__name__}: {error}",
        hint=f"upgrade or uninstall {plugin.distribution}, or block it: "
        f"AXONFLOW_BLOCK_PLUGINS={plugin.name}",
    )


def _check_api(plugin: FoundPlugin, module: ModuleType) -> None:
    """Raise unless this version of the hooks is the one that the plugin declares, or a newer minor
    version of the same major one. A plugin that declares none is compatible.
    """
    wanted = getattr(module, "AXONFLOW_HOOK_API", HOOK_API)
    if not _is_version(wanted):
        raise PluginError(
            f"the plugin {plugin} sets AXONFLOW_HOOK_API = {wanted!r}", hint="write it as (1, 0)"
        )
    if wanted[0] != HOOK_API[0] or wanted > HOOK_API:
        side = plugin.distribution if wanted < HOOK_API else "axonflow-core"
        raise _Incompatible(
            f"the plugin {plugin} needs hook API {wanted[0]}.{wanted[1]}; this is "
            f"{HOOK_API[0]}.{HOOK_API[1]}",
            hint=f"pip install --upgrade {side}",
        )


def _is_version(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and len(value) == 2
        and all(isinstance(part, int) for part in value)
    )


def _invalid_hook(plugin: FoundPlugin, error: pluggy.PluginValidationError) -> PluginError:
    known = [name for name in vars(hookspecs) if name.startswith("axonflow_")]
    return PluginError(
        f"the plugin {plugin} implements an unknown hook: {' '.join(str(error).split())}",
        hint=f"the hooks are {', '.join(known)}; compare names and arguments with "
        "axonflow_core.hookspecs",
    )


# ── providers ─────────────────────────────────────────────────────────────────────────────────────


def load_provider(
    name: str,
    environment: Mapping[str, str] | None = None,
    installed: Sequence[FoundPlugin] | None = None,
) -> ProviderSpec:
    """The `ProviderSpec` of the provider of that name; imports its plugin. `environment` is
    `os.environ` by default, and `installed` what `find_plugins(PROVIDERS)` finds.

    `PluginError` where none or several distributions offer the name, or it is blocked or broken.
    """
    environment = os.environ if environment is None else environment
    installed = find_plugins(PROVIDERS) if installed is None else installed
    offers = [plugin for plugin in installed if plugin.name == name]
    if not offers:
        raise missing("provider", name, [plugin.name for plugin in installed])
    if all(is_blocked(plugin, environment) for plugin in offers):
        raise PluginError(
            f"the provider {name} is blocked", hint=f"remove {name} from AXONFLOW_BLOCK_PLUGINS"
        )
    allowed = [plugin for plugin in offers if not is_blocked(plugin, environment)]
    if len(allowed) > 1:
        raise claimed_twice(f"the provider {name}", allowed)
    return _spec_of(allowed[0], environment)


def _spec_of(plugin: FoundPlugin, environment: Mapping[str, str]) -> ProviderSpec:
    """The one `ProviderSpec` that the plugin returns."""
    results = results_of(plugin, "axonflow_register_provider", environment)
    if len(results) == 1 and isinstance(results[0], ProviderSpec):
        return results[0]
    raise wrong_return(plugin, "axonflow_register_provider", results, "one ProviderSpec")


def missing(kind: str, name: str, installed: Iterable[str]) -> PluginError:
    """The error for a plugin of that kind that no distribution offers."""
    name = name if len(name) <= _MAX_SHOWN else f"{name[:_MAX_SHOWN]}…"
    near = nearest(name, installed)
    return PluginError(
        f"no installed plugin offers the {kind} {name}; installed: "
        f"{', '.join(sorted(installed)) or 'none'}",
        hint=(f"did you mean `{near}`? Otherwise " if near else "")
        + "install the package that offers it",
    )


def claimed_twice(what: str, offers: Sequence[FoundPlugin]) -> PluginError:
    """The error for what several distributions offer."""
    names = " and ".join(f"{plugin.distribution} {plugin.version}" for plugin in offers)
    return PluginError(
        f"two distributions offer {what}: {names}",
        hint="uninstall one of them, or block it: "
        f"AXONFLOW_BLOCK_PLUGINS={offers[-1].distribution}",
    )


def wrong_return(plugin: FoundPlugin, hook: str, results: object, wanted: str) -> PluginError:
    """The error for a hook that returned something else than it should."""
    kinds = (
        ", ".join(type(result).__name__ for result in results)
        if isinstance(results, list)
        else results
    )
    return PluginError(
        f"the plugin {plugin} is broken: {hook}() returned {kinds}, not {wanted}",
        hint=f"upgrade or uninstall {plugin.distribution}",
    )


# ── codecs ────────────────────────────────────────────────────────────────────────────────────────


def load_codecs(provider: str, environment: Mapping[str, str] | None = None) -> LoadedCodecs:
    """Load the codecs of one provider; `plugins` has the state of every plugin of its group.

    A plugin that fails is logged and left out; `PluginError` under AXONFLOW_STRICT_PLUGINS=1.
    """
    environment = os.environ if environment is None else environment
    gathering = _Gathering(environment)
    offers = find_plugins(CODECS + provider)
    blocked = [plugin for plugin in offers if is_blocked(plugin, environment)]
    allowed = [plugin for plugin in offers if plugin not in blocked]
    for name, rivals in _grouped((plugin.name, plugin) for plugin in allowed).items():
        gathering.add(f"the codec plugin {name}", rivals)
    gathering.settle_claims()
    states = [
        PluginState(plugin, State.BLOCKED, "named in AXONFLOW_BLOCK_PLUGINS") for plugin in blocked
    ]
    states += (
        gathering.failed.get(plugin) or PluginState(plugin, State.LOADED) for plugin in allowed
    )
    return LoadedCodecs(
        CodecRegistry(gathering.entries(allowed)),
        tuple(sorted(states, key=lambda state: state.plugin.name)),
    )


def codecs_on_demand(
    provider: str,
    claims: Mapping[str, Sequence[Claim]],
    environment: Mapping[str, str] | None = None,
) -> CodecRegistry:
    """As `load_codecs`, but a plugin whose module is in `claims` is imported when a model first
    asks for it, unless another claims the same or AXONFLOW_STRICT_PLUGINS=1.
    """
    environment = os.environ if environment is None else environment
    if environment.get(_STRICT) == "1":
        return load_codecs(provider, environment).registry
    offers = find_plugins(CODECS + provider)
    allowed = [plugin for plugin in offers if not is_blocked(plugin, environment)]
    gathering = _Gathering(environment)
    waiting = {}
    for name, rivals in _grouped((plugin.name, plugin) for plugin in allowed).items():
        if len(rivals) == 1 and rivals[0].value in claims:
            waiting[rivals[0]] = claims[rivals[0].value]
        else:
            gathering.add(f"the codec plugin {name}", rivals)
    for plugin in gathering.claiming_as(waiting):
        del waiting[plugin]
        gathering.add(f"the codec plugin {plugin.name}", [plugin])
    gathering.settle_claims()
    return CodecRegistry(
        entry
        for plugin in allowed
        for entry in (
            [_unloaded(plugin, waiting[plugin], environment)]
            if plugin in waiting
            else gathering.entries([plugin])
        )
    )


def loaded_codecs(
    plugin: FoundPlugin, environment: Mapping[str, str] | None = None
) -> Sequence[RegisteredCodec]:
    """The codecs of one plugin; none, and a warning, where it fails."""
    environment = os.environ if environment is None else environment
    gathering = _Gathering(_lenient(environment))
    gathering.add(f"the codec plugin {plugin.name}", [plugin])
    return tuple(gathering.entries([plugin]))


def _unloaded(
    plugin: FoundPlugin, claims: Sequence[Claim], environment: Mapping[str, str]
) -> UnloadedCodecs:
    load = cache(partial(loaded_codecs, plugin, environment))
    return UnloadedCodecs(claims, load, plugin.distribution, plugin.version)


class _Gathering:
    """Collects codecs and failures. What two plugins claim is given to neither, so that the order
    of import decides nothing.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.failed: dict[FoundPlugin, PluginState] = {}
        self._environment = environment
        self._is_strict = environment.get(_STRICT) == "1"
        self._codecs: dict[FoundPlugin, Sequence[PluginCodec]] = {}

    def add(self, what: str, rivals: Sequence[FoundPlugin]) -> None:
        """Load the plugin of an entry point's name; `rivals` are all plugins with that name, and
        several of them fail."""
        try:
            if len(rivals) > 1:
                raise claimed_twice(what, rivals)
            self._codecs[rivals[0]] = _codecs_of(rivals[0], self._environment)
        except PluginError as error:
            self._fail(rivals, error)

    def settle_claims(self) -> None:
        """Fail all plugins that register the same kind, name (family and variant) and surface."""
        claims = _grouped(
            ((codec.kind, codec.name, codec.surface), plugin) for plugin, codec in self._pairs()
        )
        for (_, name, surface), rivals in claims.items():
            if len(rivals) > 1:
                self._fail(rivals, claimed_twice(f"a codec for {name} on {surface}", rivals))

    def claiming_as(self, waiting: Mapping[FoundPlugin, Sequence[Claim]]) -> list[FoundPlugin]:
        """Those of the waiting plugins that claim what a plugin that was loaded claims too."""
        taken = {(codec.kind, codec.name, codec.surface) for _, codec in self._pairs()}
        return [
            plugin
            for plugin, claims in waiting.items()
            if any(claim.key in taken for claim in claims)
        ]

    def entries(self, plugins: Iterable[FoundPlugin]) -> Iterator[RegisteredCodec]:
        """The codecs of those of the plugins that were loaded and did not fail."""
        for plugin in plugins:
            for codec in () if plugin in self.failed else self._codecs.get(plugin, ()):
                yield RegisteredCodec(codec, plugin.distribution, plugin.version)

    def _pairs(self) -> Iterator[tuple[FoundPlugin, PluginCodec]]:
        return ((plugin, codec) for plugin, codecs in self._codecs.items() for codec in codecs)

    def _fail(self, plugins: Sequence[FoundPlugin], error: PluginError) -> None:
        """Log the failure and mark the plugins, or raise it under AXONFLOW_STRICT_PLUGINS=1."""
        if self._is_strict:
            raise error
        _log.warning("%s (%s)", error.message, error.hint)
        for plugin in plugins:
            self.failed[plugin] = failed_state(plugin, error)


def _codecs_of(plugin: FoundPlugin, environment: Mapping[str, str]) -> Sequence[PluginCodec]:
    """All codecs that the plugin's implementations return."""
    hook = "axonflow_register_codec"
    codecs = [codec for result in results_of(plugin, hook, environment) for codec in _flat(result)]
    if all(isinstance(codec, PluginCodec) for codec in codecs):
        return codecs
    raise wrong_return(plugin, hook, codecs, "a codec or a sequence of codecs")


def _flat(result: Any) -> Sequence[Any]:
    return result if isinstance(result, list | tuple) else (result,)


def _grouped(pairs: Iterable[tuple[K, FoundPlugin]]) -> Mapping[K, list[FoundPlugin]]:
    """Key -> the plugins that occur with it, in order."""
    groups: dict[K, list[FoundPlugin]] = defaultdict(list)
    for key, plugin in pairs:
        groups[key].append(plugin)
    return groups


def failed_state(plugin: FoundPlugin, error: PluginError) -> PluginState:
    """The state of a plugin that could not be loaded."""
    state = State.INCOMPATIBLE if isinstance(error, _Incompatible) else State.FAILED
    return PluginState(plugin, state, f"{error.message} ({error.hint})")


# ── all of them ───────────────────────────────────────────────────────────────────────────────────


def plugin_states(
    enabled: Iterable[str], environment: Mapping[str, str] | None = None
) -> tuple[PluginState, ...]:
    """The state of every installed provider and codec. Only the `enabled` providers and their
    codecs are imported; nothing is raised for a broken one."""
    environment = os.environ if environment is None else environment
    wanted = frozenset(enabled)
    lenient = _lenient(environment)
    providers = [_provider_state(plugin, wanted, lenient) for plugin in find_plugins(PROVIDERS)]
    loaded = {CODECS + state.plugin.name for state in providers if state.state is State.LOADED}
    codecs = [
        state
        for group in sorted(loaded)
        for state in load_codecs(group.removeprefix(CODECS), lenient).plugins
    ]
    others = [
        plugin
        for plugin in find_plugins()
        if plugin.group.startswith(CODECS) and plugin.group not in loaded
    ]
    return (*providers, *codecs, *(idle_state(plugin, lenient) for plugin in others))


def _lenient(environment: Mapping[str, str]) -> Mapping[str, str]:
    """`environment` without AXONFLOW_STRICT_PLUGINS."""
    return {name: value for name, value in environment.items() if name != _STRICT}


def _provider_state(
    plugin: FoundPlugin, wanted: frozenset[str], environment: Mapping[str, str]
) -> PluginState:
    """The state of a provider's plugin, which is imported if it is wanted and not blocked."""
    if plugin.name not in wanted or is_blocked(plugin, environment):
        return idle_state(plugin, environment)
    try:
        load_provider(plugin.name, environment)
    except PluginError as error:
        return failed_state(plugin, error)
    return PluginState(plugin, State.LOADED)


def idle_state(plugin: FoundPlugin, environment: Mapping[str, str]) -> PluginState:
    """The state of a plugin that nobody loads."""
    if is_blocked(plugin, environment):
        return PluginState(plugin, State.BLOCKED, "named in AXONFLOW_BLOCK_PLUGINS")
    return PluginState(plugin, State.AVAILABLE)
