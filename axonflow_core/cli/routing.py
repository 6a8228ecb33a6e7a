"""Routing, as the commands show it: the rules, the named models, and what is doubtful of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from axonflow_core.config import Config, Fault, Place
    from axonflow_core.config.loading import ReadConfig
    from axonflow_core.messages import Json
    from axonflow_core.routing.router import Router
    from axonflow_core.routing.rules import NamedModels, NamedTarget


def has_routing(config: Config) -> bool:
    """Whether there is anything to choose, or a rule about it."""
    from axonflow_core.routing.rules import RoutingRules

    return len(config.enabled) > 1 or bool(config.models) or config.routing != RoutingRules()


def routing_lines(config: Config) -> Iterator[str]:
    """The rules, then each named model with its targets."""
    rules = config.routing
    yield f"routing: {rules.strategy}"
    for name, entry in sorted(config.enabled.items(), key=lambda item: -item[1].priority):
        yield f"  {name:<12} priority {entry.priority}, weight {entry.weight * 100:.3g} %"
    if rules.default_provider is not None:
        yield f"  default      {rules.default_provider}"
    if rules.strict_provider:
        yield "  strict       a provider that a call names is the only one"
    if rules.regions:
        yield f"  regions      {', '.join(rules.regions)} alone"
    if rules.failover_on_silence:
        yield "  on silence   another target is tried: both may be billed"
    yield from model_lines(config.models)


def model_lines(models: NamedModels) -> Iterator[str]:
    """Each named model with its targets, in the order of the file."""
    for name, targets in models.items():
        yield f"{name}: {', '.join(map(_target, targets))}"


def _target(target: NamedTarget) -> str:
    own = {"priority": target.priority, "weight": target.weight}
    given = [f"{key} {value:g}" for key, value in own.items() if value is not None]
    return f"{target.provider} {target.model}" + (f" ({', '.join(given)})" if given else "")


def described_routing(config: Config) -> dict[str, Json]:
    """The same as JSON."""
    import attrs

    rules = attrs.asdict(config.routing)
    rules["providers"] = {
        name: {"priority": entry.priority, "weight": entry.weight}
        for name, entry in config.enabled.items()
    }
    return {"routing": rules, "models": described_models(config.models)}


def described_models(models: NamedModels) -> Mapping[str, Json]:
    """Name -> its targets, as JSON."""
    import attrs

    return {name: [attrs.asdict(target) for target in named] for name, named in models.items()}


def doubts(read: ReadConfig, router: Router) -> Iterator[Fault]:
    """Warnings of what the file allows and nobody means: names that are ids, targets with an id of
    another provider or none, targets outside of the regions."""
    from axonflow_core.config import Fault, Place

    config = read.config
    file = Place(str(config.path) if config.path else "")
    for name, targets in config.models.items():
        for provider in router.providers:
            if router.catalogue.serves(provider, name):
                message = f"the model name `{name}` is an id of {provider}, which it hides"
                yield Fault(_place(read, name) or file, message, "give the name another word")
        for at, target in enumerate(targets):
            for message, hint in _misnamed(target, router):
                yield Fault(_place(read, name, at) or file, message, hint)
    for message in _outside(config, router):
        yield Fault(file, message, _WAY_IN)


def _place(read: ReadConfig, name: str, at: int | None = None) -> Place | None:
    """Where a named model is written, or the model of its target."""
    from axonflow_core.config.nodes import Listing, Section

    if not isinstance(read.models, Section):
        return None
    if at is None:
        return read.models.place_of(name)
    targets = read.models.get(name)
    target = targets.items[at] if isinstance(targets, Listing) else None
    model = target.get("model") if isinstance(target, Section) else None
    return None if model is None else model.place


def _misnamed(target: NamedTarget, router: Router) -> Iterator[tuple[str, str | None]]:
    """What is doubtful of the id of a target, and how it is mended; nothing of one that its
    provider has by default, of which its own check tells."""
    from axonflow_core.provider import SupportsModelCheck

    provider = router.providers.get(target.provider)
    if provider is None or target.model == provider.default_model:
        return
    serves = router.catalogue.serves
    theirs = [name for name in router.providers if serves(name, target.model)]
    is_foreign = bool(theirs) and target.provider not in theirs
    of_others = f"it is one of {', '.join(theirs)}: write the id that {target.provider} has for it"
    if isinstance(provider, SupportsModelCheck):
        for finding in provider.model_findings(target.model):
            is_about_id = is_foreign and finding.key == "model"
            yield finding.message, of_others if is_about_id else finding.hint
    elif serves(target.provider, target.model) is False:
        message = f"{target.model} is no model of {target.provider}"
        yield message, of_others if is_foreign else None


_WAY_IN = (
    "no call goes there: name a model within `routing: {regions: …}`, widen that, or write the "
    "`data_region:` of a vendor that says nothing itself into its config"
)


def _outside(config: Config, router: Router) -> Iterator[str]:
    from axonflow_core.errors import RequestError
    from axonflow_core.routing.targets import Wish

    if not config.routing.regions:
        return
    wishes = [Wish(), *(Wish(model=name) for name in config.models)]
    seen = set()
    for wish in wishes:
        try:
            skipped = router.choose(wish).candidates.skipped
        except RequestError as error:
            yield error.message if wish.model is None else f"{wish.model}: {error.message}"
            continue
        for each in skipped:
            if each not in seen:
                seen.add(each)
                yield f"{each.provider} {each.model}: {each.reason}"
