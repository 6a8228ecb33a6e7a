"""The sections `routing` and `models`, what the environment says in their place, and the faults of
them that only the rest of the configuration makes faults.

The file wins over the environment, key by key. A value of the environment that cannot be meant is a
fault at the name of its variable.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from axonflow_core.config.faults import Fault, FaultyConfig, Place, suggest
from axonflow_core.config.nodes import Listing, Node, Scalar, Section
from axonflow_core.config.structuring import structure
from axonflow_core.config.values import Config
from axonflow_core.frozen import evolve

VARIABLES: Mapping[str, str] = {
    "strategy": "LLM_ROUTING_STRATEGY",
    "default_provider": "DEFAULT_LLM_PROVIDER",
    "strict_provider": "LLM_STRICT_PROVIDER_DEFAULT",
}
"""Key of `routing` -> the variable that decides where the file does not."""
WEIGHTS = "PROVIDER_WEIGHTS"
PROVIDERS = "LLM_PROVIDERS"


def with_environment(routing: Section, environment: Mapping[str, str]) -> Section:
    """The section `routing`, and what the environment says of the keys that it leaves out."""
    told = {
        key: Scalar(environment[variable], Place(variable), is_quoted=True)
        for key, variable in VARIABLES.items()
        if environment.get(variable) and routing.given(key) is None
    }
    places = {key: routing.place_of(key) for key in routing}
    return Section({**routing, **told}, routing.place, places)


def with_weights(config: Config, weighed: Collection[str], weights: Mapping[str, float]) -> Config:
    """`config` with the shares of PROVIDER_WEIGHTS, for entries that are not `weighed` in the file.
    A provider that it does not name has none; one that is not enabled is a warning."""
    if not weights:
        return config
    total = sum(weights.values())
    unused = (
        Fault(
            Place(WEIGHTS),
            f"{WEIGHTS} gives {name} a share, and no call goes there: it is not enabled",
            "enable it, or leave it out",
        )
        for name, weight in weights.items()
        if weight and name not in config.enabled
    )
    providers = {
        name: entry if name in weighed else evolve(entry, weight=weights.get(name, 0.0) / total)
        for name, entry in config.providers.items()
    }
    return evolve(config, providers=providers, warnings=(*config.warnings, *unused))


def weights_of(environment: Mapping[str, str], known: Collection[str]) -> Mapping[str, float]:
    """Provider -> weight, of PROVIDER_WEIGHTS: `openai:50,bedrock:50`. `known` are the providers
    that there could be. `FaultyConfig`."""
    given = environment.get(WEIGHTS, "")
    weights: dict[str, float] = {}
    for item in filter(None, map(str.strip, given.split(","))):
        name, _, weight = (part.strip() for part in item.partition(":"))
        if name not in known:
            raise _wrong(f"has no provider `{name}`", suggest(name, known, noun="providers"))
        if name in weights:
            raise _wrong(f"names {name} twice", "write one weight for each provider")
        node = Scalar(weight, Place(WEIGHTS))
        weights[name] = structure(node, float, key=name)
        if weights[name] < 0:
            raise _wrong(f"gives {name} {weight}", "a weight is 0 or more")
    if weights and not sum(weights.values()):
        raise _wrong("gives every provider 0", "give at least one a weight above 0")
    return weights


def _wrong(what: str, hint: str) -> FaultyConfig:
    return FaultyConfig([Fault(Place(WEIGHTS), f"{WEIGHTS} {what}", hint)])


def considered(environment: Mapping[str, str], installed: Collection[str]) -> Collection[str]:
    """The providers that the environment may enable: those of LLM_PROVIDERS, else all.
    `FaultyConfig` for one that is not installed."""
    named = [*filter(None, map(str.strip, environment.get(PROVIDERS, "").split(",")))]
    faults = [
        Fault(
            Place(PROVIDERS),
            f"{PROVIDERS} names `{name}`, and no such provider is installed",
            suggest(name, installed, noun="installed are"),
        )
        for name in named
        if name not in installed
    ]
    if faults:
        raise FaultyConfig(faults)
    return named or installed


# ── what only the rest of the file makes a fault ──────────────────────────────────────────────────


def misrouted(
    routing: Section, models: Node | None, entries: Mapping[str, bool]
) -> Iterator[Fault]:
    """Providers that `llm_providers` does not have, and names that nothing can answer for.
    `entries` are its keys, each with whether it is enabled."""
    default = routing.given("default_provider")
    if isinstance(default, Scalar) and default.problem is None:
        yield from _unusable(default, entries, "the default provider")
    yield from _beside(routing, models, entries)
    if not isinstance(models, Section):
        return  # structuring reports it
    for name, node in models.items():
        if not name.strip() or not name.isprintable():
            yield Fault(models.place_of(name), f"{name!a} is no name of a model")
        yield from _unanswered(name, node, entries)


def _beside(routing: Section, models: Node | None, entries: Mapping[str, bool]) -> Iterator[Fault]:
    """Hedges and shadows of names that `models` does not have, or at providers that answer
    nothing."""
    names = list(models) if isinstance(models, Section) else []
    for key in ("hedge", "shadow"):
        section = routing.get(key)
        if not isinstance(section, Section):
            continue
        for name, node in section.items():
            if name not in names:
                hint = suggest(name, names, noun="it has") if names else "name the model there"
                yield Fault(section.place_of(name), f"`models` has no `{name}`", hint)
            provider = node.get("provider") if isinstance(node, Section) else None
            if isinstance(provider, Scalar) and provider.problem is None:
                yield from _unusable(provider, entries, f"the provider of the shadow of `{name}`,")


def _unanswered(name: str, node: Node, entries: Mapping[str, bool]) -> Iterator[Fault]:
    if not isinstance(node, Listing):
        return  # structuring reports it
    named = [item.get("provider") for item in node.items if isinstance(item, Section)]
    providers = [each for each in named if isinstance(each, Scalar) and each.problem is None]
    unknown = [each for each in providers if each.text not in entries]
    for each in unknown:
        yield _no_entry(each, entries)
    yield from _repeated(name, node)
    if unknown or len(providers) < len(node.items):
        return
    if not any(entries[each.text] for each in providers):
        yield Fault(
            node.place,
            f"no target of the model `{name}` is at a provider that is enabled",
            "enable one of its providers, or remove the name"
            if providers
            else "write its targets: {provider: …, model: …}",
        )


def _repeated(name: str, node: Listing) -> Iterator[Fault]:
    """Targets that are listed again: after a failure they would only be asked once more."""
    seen: set[tuple[str, str]] = set()
    for item in node.items:
        provider, model = (
            (item.get("provider"), item.get("model")) if isinstance(item, Section) else (None, None)
        )
        if not isinstance(provider, Scalar) or not isinstance(model, Scalar):
            continue  # structuring reports it
        target = provider.text, model.text
        if target in seen:
            yield Fault(
                item.place,
                f"the model `{name}` has the target {' '.join(target)} twice",
                "remove one: `weight` says how often it is asked",
            )
        seen.add(target)


def _unusable(node: Scalar, entries: Mapping[str, bool], what: str) -> Iterator[Fault]:
    if node.text not in entries:
        yield _no_entry(node, entries)
    elif not entries[node.text]:
        yield Fault(node.place, f"{what} `{node.text}` is not enabled", "write `enabled: true`")


def _no_entry(node: Scalar, entries: Mapping[str, bool]) -> Fault:
    hint = suggest(node.text, entries, noun="it has")
    return Fault(node.place, f"`llm_providers` has no `{node.text}`", hint)


def doubtful(models: Node | None, entries: Mapping[str, bool]) -> Iterator[Fault]:
    """Warnings of targets that no call goes to."""
    for name, node in models.items() if isinstance(models, Section) else ():
        for item in node.items if isinstance(node, Listing) else ():
            provider = item.get("provider") if isinstance(item, Section) else None
            if isinstance(provider, Scalar) and entries.get(provider.text) is False:
                yield Fault(
                    provider.place,
                    f"no call of `{name}` goes to {provider.text}, which is not enabled",
                    "write `enabled: true` there, or remove the target",
                )
