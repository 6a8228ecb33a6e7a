"""The providers that a client may use: listed, one, its health."""

from __future__ import annotations

from axonflow_core.config.values import ProviderConfig
from axonflow_core.errors import AxonFlowError
from axonflow_core.messages import Json
from axonflow_core.routing.breaker import State
from axonflow_core.routing.health import TargetState
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer, refusal
from axonflow_core.server.generations import Generation

MAX_PAGE = 100


async def listing(request: ClientRequest) -> Answer:
    """`GET /api/v1/llm-providers`: the page that `?type=`, `?enabled=`, `?page=` and
    `?page_size=` ask for."""
    generation = request.service.generation
    configured = [entry for entry in _usable(generation, request) if _matches(entry, request)]
    page = _at_least_1(request, "page", 1)
    size = min(_at_least_1(request, "page_size", 20), MAX_PAGE)
    with generation.hold():
        shown = [
            await _resource(generation, entry, request)
            for entry in configured[(page - 1) * size : page * size]
        ]
    return json_answer(
        {
            "providers": shown,
            "pagination": {
                "page": page,
                "page_size": size,
                "total_items": len(configured),
                "total_pages": -(-len(configured) // size),
            },
        }
    )


async def one(request: ClientRequest) -> Answer:
    """`GET /api/v1/llm-providers/{name}`."""
    generation = request.service.generation
    entry = _named(generation, request)
    if entry is None:
        return _missing()
    with generation.hold():
        return json_answer(await _resource(generation, entry, request))


async def health(request: ClientRequest) -> Answer:
    """`GET /api/v1/llm-providers/{name}/health`."""
    generation = request.service.generation
    entry = _named(generation, request)
    if entry is None:
        return _missing()
    with generation.hold():
        told = await _health(generation, entry, request)
        return json_answer({"name": entry.name, "health": told})


async def status(request: ClientRequest) -> Answer:
    """`GET /api/v1/llm-providers/status`: the health of each."""
    generation = request.service.generation
    with generation.hold():
        told = {
            entry.name: await _health(generation, entry, request)
            for entry in _usable(generation, request)
        }
    return json_answer({"providers": told})


async def types(request: ClientRequest) -> Answer:
    """`GET /api/v1/llm-provider-types`: those of the providers here, with no tier above others."""
    names = sorted({entry.type for entry in _usable(request.service.generation, request)})
    kinds = [{"type": name, "community": True, "required_tier": ""} for name in names]
    return json_answer({"provider_types": kinds, "count": len(kinds)})


async def routing(request: ClientRequest) -> Answer:
    """`GET /api/v1/llm-providers/routing`: the weights in percent, and what else decides."""
    generation = request.service.generation
    usable = [entry for entry in _usable(generation, request) if entry.is_enabled]
    rules = generation.config.routing
    return json_answer(
        {
            "weights": {entry.name: round(entry.weight * 100) for entry in usable},
            "priorities": {entry.name: entry.priority for entry in usable},
            "strategy": rules.strategy,
            "default_provider": rules.default_provider,
            "strict_provider": rules.strict_provider,
            "regions": list(rules.regions),
            "failover_on_silence": rules.failover_on_silence,
        }
    )


async def write_routing(request: ClientRequest) -> Answer:
    """`PUT` of the same: the file decides, and a reload."""
    message = "routing comes from the server's configuration file: change it, and reload"
    return refusal(409, message, code="conflict")


def _usable(generation: Generation, request: ClientRequest) -> list[ProviderConfig]:
    """What the configuration has of providers that the client may use, enabled or not."""
    configured = generation.config.providers
    return [entry for name, entry in configured.items() if request.caller.may_use_provider(name)]


def _named(generation: Generation, request: ClientRequest) -> ProviderConfig | None:
    name = request.parameters["name"]
    return next((entry for entry in _usable(generation, request) if entry.name == name), None)


def _missing() -> Answer:
    return refusal(404, "there is no such provider", code="not_found")


def _matches(entry: ProviderConfig, request: ClientRequest) -> bool:
    type, enabled = request.query.get("type"), request.query.get("enabled")
    return (not type or entry.type == type) and (
        not enabled or entry.is_enabled is (enabled == "true")
    )


def _at_least_1(request: ClientRequest, name: str, default: int) -> int:
    given = request.query.get(name, "")
    return max(1, int(given)) if given.isdecimal() and len(given) < 9 else default


async def _resource(
    generation: Generation, entry: ProviderConfig, request: ClientRequest
) -> dict[str, Json]:
    """One provider. Weights are whole percents: the SDK reads 0.7 as 0."""
    provider = generation.governance.providers.get(entry.name)
    return {
        "name": entry.name,
        "type": entry.type,
        "enabled": entry.is_enabled,
        "priority": entry.priority,
        "weight": round(entry.weight * 100),
        "model": "" if provider is None else provider.default_model,
        "has_api_key": bool(entry.credentials),
        "health": await _health(generation, entry, request),
    }


async def _health(
    generation: Generation, entry: ProviderConfig, request: ClientRequest
) -> dict[str, Json]:
    """What the provider says of itself, and how its targets do in this worker: where the breakers
    of all are open, it is unhealthy."""
    provider = generation.governance.providers.get(entry.name)
    if provider is None:
        return {"status": "unknown", "message": "not enabled"}
    try:
        health = await provider.health()
    except AxonFlowError as error:
        return {"status": "unhealthy", "message": error.message}
    states = [
        each for each in generation.governance.router.health.states() if each.provider == entry.name
    ]
    is_shut = bool(states) and all(each.state is State.OPEN for each in states)
    told: dict[str, Json] = {
        "status": "healthy" if health.is_ready and not is_shut else "unhealthy",
        "message": health.detail or ("its last calls failed" if is_shut else ""),
    }
    named = _named_models(generation, entry, request)
    shown = [
        _target(each)
        for each in states
        if each.model in named and request.caller.may_use_model(each.model)
    ]
    return {**told, "targets": shown} if shown else told


def _named_models(
    generation: Generation, entry: ProviderConfig, request: ClientRequest
) -> frozenset[str]:
    """The models of a provider that the configuration names. What else was asked for are words of
    other tenants' clients."""
    targets = (each for named in generation.config.models.values() for each in named)
    own = {each.model for each in targets if each.provider == entry.name}
    default = generation.governance.providers[entry.name].default_model
    return frozenset({default, *own, *request.caller.models})


def _target(state: TargetState) -> Json:
    """A model of a provider, as it stands in this worker."""
    return {
        "model": state.model,
        "region": state.region,
        "breaker": str(state.state),
        "is_asked_last": state.is_left_out,
        "calls": state.calls,
        "failures": state.failures,
        "waits_s": round(state.waits_s, 1),
    }
