"""Detectors of third parties: the plugins of the group `axonflow.detectors`.

A plugin is imported where `policies: {detectors: […]}` names its entry point, and nowhere else. One
that cannot be used stops the start-up, whatever AXONFLOW_STRICT_PLUGINS says. What `plugins` says
of finding, limits of time and states holds here too.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from axonflow_core.errors import PluginError
from axonflow_core.frozen import Unfit, evolve
from axonflow_core.plugins import (
    DETECTORS,
    FoundPlugin,
    PluginState,
    State,
    claimed_twice,
    failed_state,
    find_plugins,
    idle_state,
    is_blocked,
    missing,
    results_of,
    wrong_return,
)
from axonflow_core.policy import detectors as built_in
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.patterns import checked
from axonflow_core.policy.rules import Action, Mode, Severity
from axonflow_core.policy.terms import CATEGORIES

HOOK = "axonflow_register_detector"
_TYPE = re.compile(r"[a-z][a-z0-9_]{0,63}")


def load_detectors(
    names: Iterable[str], environment: Mapping[str, str] | None = None
) -> tuple[Detector, ...]:
    """The detectors of the plugins of these names, in their order, each with its `origin`.

    `PluginError` where none or several distributions offer a name, where a plugin is blocked or
    broken, where one of its detectors does not fit, or where two have one type.
    """
    environment = os.environ if environment is None else environment
    found: dict[str, FoundPlugin] = {}
    detectors: list[Detector] = []
    for name in dict.fromkeys(names):
        plugin = _offer(name, environment)
        for detector in _of(plugin, environment):
            other = found.setdefault(detector.type, plugin)
            if other is not plugin:
                raise claimed_twice(f"the type {detector.type}", [other, plugin])
            origin = f"{plugin.distribution} {plugin.version}"
            detectors.append(evolve(detector, origin=origin))
    return tuple(detectors)


def detector_states(
    names: Collection[str], environment: Mapping[str, str] | None = None
) -> Iterator[PluginState]:
    """The state of every installed plugin of the group. Only those of these names are imported;
    nothing is raised for a broken one."""
    environment = os.environ if environment is None else environment
    for plugin in find_plugins(DETECTORS):
        if plugin.name not in names or is_blocked(plugin, environment):
            yield idle_state(plugin, environment)
            continue
        try:
            load_detectors([plugin.name], environment)
        except PluginError as error:
            yield failed_state(plugin, error)
        else:
            yield PluginState(plugin, State.LOADED)


def _offer(name: str, environment: Mapping[str, str]) -> FoundPlugin:
    """The plugin of that name."""
    installed = find_plugins(DETECTORS)
    offers = [plugin for plugin in installed if plugin.name == name]
    if not offers:
        raise missing("detector", name, [plugin.name for plugin in installed])
    allowed = [plugin for plugin in offers if not is_blocked(plugin, environment)]
    if not allowed:
        raise PluginError(
            f"the detector {name} is blocked", hint=f"remove {name} from AXONFLOW_BLOCK_PLUGINS"
        )
    if len(allowed) > 1:
        raise claimed_twice(f"the detector {name}", allowed)
    return allowed[0]


def _of(plugin: FoundPlugin, environment: Mapping[str, str]) -> Sequence[Detector]:
    """All detectors that the plugin registers, at least one."""
    results = results_of(plugin, HOOK, environment)
    detectors = [
        each
        for result in results
        for each in (result if isinstance(result, list | tuple) else (result,))
    ]
    if not detectors or not all(isinstance(each, Detector) for each in detectors):
        raise wrong_return(plugin, HOOK, detectors, "a Detector or a sequence of them")
    for each in detectors:
        fault = fault_of(each)
        if fault is not None:
            raise PluginError(
                f"the plugin {plugin} is broken: its detector {str(each.type)[:40]!a} {fault}",
                hint=f"upgrade or uninstall {plugin.distribution}",
            )
    return detectors


def fault_of(detector: Detector) -> str | None:
    """Why a third party's detector cannot be used; None where it can."""
    if not isinstance(detector.type, str) or not _TYPE.fullmatch(detector.type):
        return "has a type that is not in small letters, digits and `_`"
    if detector.type in (*built_in.TYPES, *CATEGORIES):
        return "has a type that is built in"
    if detector.category not in CATEGORIES:
        return f"is of none of the categories {', '.join(CATEGORIES)}"
    kinds = {"action": Action, "severity": Severity}
    for key, kind in kinds.items():
        if not isinstance(getattr(detector, key), kind):
            return f"has something as its {key} that is no {kind.__name__}"
    if not detector.modes or not all(isinstance(mode, Mode) for mode in detector.modes):
        return "is for no mode"
    if not isinstance(detector.description, str) or not detector.description.strip():
        return "has no description, which whoever is stopped is told"
    if bool(detector.pattern) == (detector.find is not None):
        return "has to have one of `pattern` and `find`"
    return _unfit_pattern(detector)


def _unfit_pattern(detector: Detector) -> str | None:
    clue = detector.clue if detector.hint or detector.keywords else ""
    for pattern in filter(None, (detector.pattern, clue)):
        try:
            checked(pattern)
        except Unfit as unfit:
            return f"has a pattern that cannot be used: {unfit}"
    return None
