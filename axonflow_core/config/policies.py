"""The section `policies`: its faults that no part of it has alone, with their places, and what the
environment says of policies.

The file wins over the environment, key by key; `policy.profiles` has the order. What cannot be
meant stops the start, as it does in a file: a misspelt action must not be a milder one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from axonflow_core.config.clients import COMMUNITY
from axonflow_core.config.faults import Fault, FaultyConfig, Place, suggest
from axonflow_core.config.nodes import Listing, Node, Scalar, Section
from axonflow_core.config.structuring import fields_of, meant
from axonflow_core.config.values import PoliciesConfig, PolicySection, ServerConfig
from axonflow_core.errors import PluginError
from axonflow_core.policy.rules import Action
from axonflow_core.policy.terms import CATEGORIES, PolicyVariables, Profile, Surface, Told

PROFILE = "AXONFLOW_PROFILE"
ENFORCE = "AXONFLOW_ENFORCE"
ACTIONS: Mapping[str, tuple[str, ...]] = {
    "pii": ("PII_ACTION",),
    "sqli": ("SQLI_ACTION",),
    "dangerous_queries": ("DANGEROUS_QUERY_ACTION",),
    "dangerous_commands": ("DANGEROUS_COMMAND_ACTION", "DANGEROUS_QUERY_ACTION"),
    "sensitive_data": ("SENSITIVE_DATA_ACTION",),
    "high_risk": ("HIGH_RISK_ACTION",),
}
"""Category -> the variable of its action, and one that counts where that is not set. Before each
may stand `GATEWAY_` or `MCP_`."""
OLD: Mapping[str, str] = {
    "PII_BLOCK_CRITICAL": "PII_ACTION=block, or PII_ACTION=warn for false",
    "SQLI_BLOCK_MODE": "SQLI_ACTION=block, or SQLI_ACTION=warn",
    "SQLI_SCANNER_MODE": "GATEWAY_STATIC_POLICIES_SKIP_CATEGORIES=sqli for off; nothing for others",
}
"""Variable of an older release -> what says the same today."""
_OF_DETECTORS = ("actions", "on_errors")
"""The keys whose keys are categories and types of detectors."""
_TRUTHS: Mapping[str, bool] = {"true": True, "1": True, "false": False, "0": False}
_PII_ONLY = "what is found is masked for pii alone; `policies: {actions: …}` of a file may say so"


# ── the file ──────────────────────────────────────────────────────────────────────────────────────


def inconsistent(
    node: Node, server: ServerConfig, environment: Mapping[str, str]
) -> Iterator[Fault]:
    """Detectors that cannot be loaded, names that two rules have, actions of nothing, and sections
    of clients that there are none of. What is not of the right kind is passed over: structuring
    reports it."""
    from axonflow_core.policy.consistency import Outline, inconsistencies
    from axonflow_core.policy.detectors import TYPES

    if not isinstance(node, Section):
        return
    section = meant(node, fields_of(PoliciesConfig))
    types, faults = _types(section, environment)
    yield from faults
    sections: dict[tuple[str | int, ...], Section] = {(): section}
    for key in ("clients", "models"):
        for name, each in _members(section, key).items():
            if isinstance(each, Section):
                sections[key, name] = meant(each, fields_of(PolicySection))
    outlined = [
        Outline(where, _names(each), {key: _members(each, key) for key in _OF_DETECTORS})
        for where, each in sections.items()
    ]
    for found in inconsistencies(outlined, {*TYPES, *types}):
        if faults and found.where[-2] in _OF_DETECTORS:
            continue  # it may be a type of the detectors that could not be loaded
        at = next(where for where in (found.where[:2], ()) if where in sections)
        place = _place(sections[at], found.where[len(at) :])
        yield Fault(place, found.message, found.hint)
    models = _members(section, "models")
    for key in models:
        if not key.strip("* ") or "*" in key[:-1]:
            hint = "write an id or the name of a named model; a `*` at its end is any ending"
            yield Fault(models.place_of(key), f"`{key}` names no model", hint)
    named, clients = _members(section, "clients"), {*server.clients, *([COMMUNITY] * server.open)}
    for id in named if clients else ():  # without any, the section may be at fault itself
        if id not in clients:
            hint = suggest(id, clients, noun="it has")
            yield Fault(named.place_of(id), f"`server.clients` has no `{id}`", hint)


def named_detectors(node: Node | None) -> list[Scalar]:
    """The names of plugins that the section enables, with their places."""
    section = meant(node, fields_of(PoliciesConfig)) if isinstance(node, Section) else {}
    detectors = section.get("detectors")
    items = detectors.items if isinstance(detectors, Listing) else ()
    return [each for each in items if isinstance(each, Scalar) and each.problem is None]


def _types(
    section: Section, environment: Mapping[str, str]
) -> tuple[frozenset[str], Sequence[Fault]]:
    """The types of the detectors of plugins, and a fault where they cannot be loaded."""
    from axonflow_core.detector_plugins import load_detectors

    names: list[str] = []
    types: frozenset[str] = frozenset()
    for each in named_detectors(section):
        names.append(each.text)
        try:
            types = frozenset(one.type for one in load_detectors(names, environment))
        except PluginError as error:
            return types, [Fault(each.place, error.message, error.hint, code=error.code)]
    return types, []


def _members(section: Section, key: str) -> Section:
    node = section.get(key)
    return node if isinstance(node, Section) else Section({}, section.place)


def _names(section: Section) -> list[str | None]:
    rules = section.get("rules")
    return [_name(rule) for rule in rules.items] if isinstance(rules, Listing) else []


def _name(rule: Node) -> str | None:
    name = rule.get("name") if isinstance(rule, Section) else None
    return name.text if isinstance(name, Scalar) and not name.is_null else None


def _place(node: Node, where: tuple[str | int, ...]) -> Place:
    """The place of the last key of a way of keys and positions."""
    for step in where[:-1]:
        if isinstance(node, Section) and isinstance(step, str):
            node = node[step]
        elif isinstance(node, Listing) and isinstance(step, int):
            node = node.items[step]
    return node.place_of(str(where[-1])) if isinstance(node, Section) else node.place


# ── the environment ───────────────────────────────────────────────────────────────────────────────


def names() -> Iterator[str]:
    """Every variable that is about policies."""
    yield from (PROFILE, ENFORCE, *OLD)
    for prefix in _prefixes().values():
        for variables in ACTIONS.values():
            yield prefix + variables[0]
    for surface in Surface:
        yield from (_enabling(surface), _skipping(surface))


def variables_of(environment: Mapping[str, str]) -> PolicyVariables:
    """What the environment says of policies. `FaultyConfig` with all that cannot be meant."""
    reading = _Reading(
        {name: environment[name].strip() for name in names() if environment.get(name)}
    )
    read = reading.variables()
    if reading.faults:
        raise FaultyConfig(reading.faults)
    return read


def unguarded(variables: PolicyVariables) -> Iterator[Fault]:
    """Warnings of detectors that the environment turns off."""
    for surface in Surface:
        if surface in variables.off:
            place = Place(_enabling(surface))
            message = f"{place} is false: no detector looks at a text there"
            yield Fault(
                place, message, "remove it, or set PII_ACTION=log, to have findings on record"
            )


def _prefixes() -> Mapping[Surface | None, str]:
    return {None: "", **{surface: f"{surface.upper()}_" for surface in Surface}}


def _enabling(surface: Surface) -> str:
    return f"{surface.upper()}_STATIC_POLICIES_ENABLED"


def _skipping(surface: Surface) -> str:
    return f"{surface.upper()}_STATIC_POLICIES_SKIP_CATEGORIES"


class _Reading:
    """Reads variables, and collects their faults."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        self.faults = [
            Fault(Place(old), f"{old} is of an older release, and not read", f"set {new}")
            for old, new in OLD.items()
            if old in given
        ]

    def variables(self) -> PolicyVariables:
        enforced = self._listed(ENFORCE, (*CATEGORIES, "all", "none"))
        alone = self._alone(enforced)
        skipped = {surface: self._skipped(_skipping(surface)) for surface in Surface}
        return PolicyVariables(
            actions=dict(self._actions()),
            enforced=frozenset() if alone else enforced,
            enforced_profile=alone,
            profile=self._profile(),
            skipped={surface: named for surface, named in skipped.items() if named},
            off=frozenset(surface for surface in Surface if not self._is_on(_enabling(surface))),
        )

    def _wrong(self, variable: str, hint: str, what: str = "") -> None:
        what = what or f"{self._given[variable][:40]!a}"
        self.faults.append(Fault(Place(variable), f"{variable} cannot be {what}", hint))

    def _actions(self) -> Iterator[tuple[tuple[Surface | None, str], Told]]:
        for surface, prefix in _prefixes().items():
            for category, variables in ACTIONS.items():
                variable = next((prefix + v for v in variables if prefix + v in self._given), None)
                action = None if variable is None else self._action(variable, category)
                if variable is not None and action is not None:
                    yield (surface, category), Told(action, variable)

    def _action(self, variable: str, category: str) -> Action | None:
        known = [action for action in Action if action is not Action.REQUIRE_APPROVAL]
        given = self._given[variable].lower()
        if given not in known:
            self._wrong(variable, suggest(given, known, noun="there are"))
        elif given == Action.REDACT and category != "pii":
            self._wrong(variable, _PII_ONLY, "redact")
        else:
            return Action(given)
        return None

    def _profile(self) -> Profile | None:
        given = self._given.get(PROFILE, "").lower()
        if not given or given in tuple(Profile):
            return Profile(given) if given else None
        self._wrong(PROFILE, suggest(given, tuple(Profile), noun="there are"))
        return None

    def _listed(self, variable: str, known: Collection[str]) -> frozenset[str]:
        """The words of a list, each one of `known`."""
        words = [word.strip().lower() for word in self._given.get(variable, "").split(",")]
        words = [word for word in words if word]
        for word in words:
            if word not in known:
                hint = suggest(word, known, noun="there are")
                self.faults.append(Fault(Place(variable), f"{variable} names {word[:40]!a}", hint))
        return frozenset(words)

    def _alone(self, enforced: frozenset[str]) -> Profile | None:
        """The profile that AXONFLOW_ENFORCE stands for: `all` is strict, `none` is dev."""
        meant = {"all": Profile.STRICT, "none": Profile.DEV}
        found = [meant[word] for word in enforced if word in meant]
        if found and len(enforced) > 1:
            self._wrong(ENFORCE, "write `all` or `none` alone, or categories")
        return found[0] if found else None

    def _skipped(self, variable: str) -> frozenset[str]:
        if variable not in self._given:
            return frozenset()
        from axonflow_core.policy.detectors import TYPES

        return self._listed(variable, (*CATEGORIES, *TYPES))

    def _is_on(self, variable: str) -> bool:
        given = self._given.get(variable, "true").lower()
        if given not in _TRUTHS:
            self._wrong(variable, "write true or false")
        return _TRUTHS.get(given, True)
