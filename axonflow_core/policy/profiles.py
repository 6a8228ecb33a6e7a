"""What follows from a finding of a detector, and who says so.

What is most specific decides: a type before its category, a word before a profile, and

    the section of the call's client, and those of the model     the strictest of those that speak
    policies.actions
    GATEWAY_PII_ACTION, MCP_PII_ACTION
    PII_ACTION
    AXONFLOW_ENFORCE
    policies.profile, else AXONFLOW_PROFILE
    the detector's own action

Where a call may go to several models, the strictest of their actions holds for all of them. So no
section loosens what another one of the same call asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from axonflow_core.frozen import evolve, frozen
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.rules import RANKS, Action, OnError, Rule, Severity, VendorFetches
from axonflow_core.policy.terms import CATEGORIES, Profile, Surface, Told

if TYPE_CHECKING:
    from axonflow_core.config.values import PoliciesConfig, PolicySection

_LOG, _WARN, _BLOCK = Action.LOG, Action.WARN, Action.BLOCK
MATRIX: Mapping[Profile, Mapping[str, Action]] = {
    profile: dict(zip(CATEGORIES, actions, strict=True))
    for profile, actions in {
        Profile.DEV: (_LOG, _LOG, _WARN, _WARN, _LOG, _LOG),
        Profile.DEFAULT: (_WARN, _WARN, _BLOCK, _BLOCK, _WARN, _WARN),
        Profile.STRICT: (_BLOCK, _BLOCK, _BLOCK, _BLOCK, _BLOCK, _WARN),
        Profile.COMPLIANCE: (_BLOCK,) * len(CATEGORIES),
    }.items()
}
"""Profile -> category -> action. Source: the product's guide "Governance Profiles", 2026-11."""
_WITHOUT_FETCHES = frozenset((Profile.STRICT, Profile.COMPLIANCE))
"""Where a vendor fetches nothing for a request, unless `policies.vendor_fetches` allows it."""


@frozen(kw_only=True)
class Scope:
    """What a policy holds for."""

    client: str | None = None
    """The client with a section of its own; None: any other."""
    models: frozenset[tuple[str, ...]] = frozenset(((),))
    """For each model that a call may go to, the keys of `policies.models` that name it."""
    surface: Surface = Surface.GATEWAY


EVERYBODY = Scope()
"""Clients and models without a section of their own."""


def of_profile(profile: Profile, detector: Detector) -> Action:
    """What a profile makes of a finding. Where it stops a call, that is for what is certain and
    grave: else `strict` would stop every text with an e-mail address or a date."""
    action = MATRIX[profile].get(detector.category, detector.action)
    if action is not Action.BLOCK:
        return action
    if detector.severity is Severity.MEDIUM:
        return Action.REDACT if detector.category == "pii" else Action.WARN
    return Action.LOG if detector.severity is Severity.LOW else action


def told(detector: Detector, config: PoliciesConfig, scope: Scope = EVERYBODY) -> Told:
    """What follows from a finding of `detector` in that scope."""
    sections = {f"models.{key}": config.models[key] for keys in scope.models for key in keys}
    if scope.client is not None:
        sections[f"clients.{scope.client}"] = config.clients[scope.client]
    spoken = {where: _said(detector, each, where) for where, each in sections.items()}
    said: list[Told] = []
    for keys in scope.models:
        asked = (f"clients.{scope.client}", *(f"models.{key}" for key in keys))
        own = [each for where in asked if (each := spoken.get(where)) is not None]
        said += own or [_in_general(detector, config, scope.surface)]
    return max(said, key=lambda each: -1 if each.action is None else RANKS[each.action])


def acting(
    detectors: Iterable[Detector], config: PoliciesConfig, scope: Scope = EVERYBODY
) -> Iterator[Detector]:
    """The detectors that look for something in that scope, each with its action there."""
    for detector in detectors:
        action = told(detector, config, scope).action
        if action is not None:
            yield evolve(detector, action=action)


def rules_in(config: PoliciesConfig, scope: Scope = EVERYBODY) -> Iterator[Rule]:
    """The rules of that scope: those of all, of its client, of its models."""
    yield from config.rules
    if scope.client is not None:
        yield from config.clients[scope.client].rules
    named = {key for keys in scope.models for key in keys}
    for key, section in config.models.items():
        if key in named:
            yield from section.rules


def tolerated(
    config: PoliciesConfig, rules: Iterable[Rule], detectors: Iterable[Detector]
) -> frozenset[str]:
    """The rules and the types of detectors that may fail without stopping a call."""
    rulings = {rule.name: rule.on_error or config.on_error for rule in rules}
    for detector in detectors:
        general = config.on_errors.get(detector.category, config.on_error)
        rulings[detector.type] = config.on_errors.get(detector.type, general)
    return frozenset(name for name, ruling in rulings.items() if ruling is OnError.ALLOW)


def _said(detector: Detector, section: PolicySection, where: str) -> Told | None:
    """What a section says of the detector; None where it does not."""
    for key in (detector.type, detector.category):
        if key in section.actions:
            return Told(section.actions[key], f"policies.{where}.actions.{key}")
    if section.profile is not None:
        action = of_profile(section.profile, detector)
        return Told(action, f"policies.{where}.profile {section.profile}")
    return None


def _in_general(detector: Detector, config: PoliciesConfig, surface: Surface) -> Told:
    category, variables = detector.category, config.variables
    for key in (detector.type, category):
        if key in config.actions:
            return Told(config.actions[key], f"policies.actions.{key}")
    if surface in variables.off:
        return Told(None, f"{surface.upper()}_STATIC_POLICIES_ENABLED")
    if not variables.skipped.get(surface, frozenset()).isdisjoint((detector.type, category)):
        return Told(None, f"{surface.upper()}_STATIC_POLICIES_SKIP_CATEGORIES")
    for whose in (surface, None):
        if (whose, category) in variables.actions:
            return variables.actions[whose, category]
    if category in variables.enforced:
        return Told(Action.BLOCK, "AXONFLOW_ENFORCE")
    profile, source = _profile_of(config)
    if profile is not None:
        return Told(of_profile(profile, detector), f"{source} {profile}")
    return Told(detector.action, "the detector")


def _profile_of(config: PoliciesConfig) -> tuple[Profile | None, str]:
    """The profile that holds in general, and who chose it."""
    variables = config.variables
    if variables.enforced_profile is not None:
        return variables.enforced_profile, "AXONFLOW_ENFORCE"
    if config.profile is not None:
        return config.profile, "policies.profile"
    return variables.profile, "AXONFLOW_PROFILE"


def allows_fetches(config: PoliciesConfig) -> bool:
    """Whether a request may have its vendor fetch what stands at a URL, which no policy reads."""
    if config.vendor_fetches is None:
        return _profile_of(config)[0] not in _WITHOUT_FETCHES
    return config.vendor_fetches is VendorFetches.ALLOW
