"""`GET /api/v1/llm-providers`: the providers that a client may use."""

from __future__ import annotations

from axonflow_core.config.values import ProviderConfig
from axonflow_core.errors import AxonFlowError
from axonflow_core.messages import Json
from axonflow_core.provider import Provider
from axonflow_core.server.client_request import Answer, ClientRequest, json_answer

MAX_PAGE = 100


async def providers(request: ClientRequest) -> Answer:
    """The page of providers that `?type=`, `?enabled=`, `?page=` and `?page_size=` ask for."""
    generation = request.service.generation
    configured = {
        name: entry
        for name, entry in generation.config.providers.items()
        if request.caller.may_use_provider(name) and _matches(entry, request)
    }
    page, size = (
        _at_least_1(request, "page", 1),
        min(_at_least_1(request, "page_size", 20), MAX_PAGE),
    )
    entries = list(configured.values())[(page - 1) * size : page * size]
    built = generation.governance.providers
    return json_answer(
        {
            "providers": [await _resource(entry, built.get(entry.name)) for entry in entries],
            "pagination": {
                "page": page,
                "page_size": size,
                "total_items": len(configured),
                "total_pages": -(-len(configured) // size),
            },
        }
    )


def _matches(entry: ProviderConfig, request: ClientRequest) -> bool:
    type, enabled = request.query.get("type"), request.query.get("enabled")
    return (not type or entry.type == type) and (
        not enabled or entry.is_enabled is (enabled == "true")
    )


def _at_least_1(request: ClientRequest, name: str, default: int) -> int:
    given = request.query.get(name, "")
    return max(1, int(given)) if given.isdecimal() and len(given) < 9 else default


async def _resource(entry: ProviderConfig, provider: Provider | None) -> dict[str, Json]:
    """One provider. Weights are whole percents: the SDK reads 0.7 as 0."""
    return {
        "name": entry.name,
        "type": entry.type,
        "enabled": entry.is_enabled,
        "priority": entry.priority,
        "weight": round(entry.weight * 100),
        "model": "" if provider is None else provider.default_model,
        "has_api_key": bool(entry.credentials),
        "health": await _health(provider),
    }


async def _health(provider: Provider | None) -> dict[str, Json]:
    if provider is None:
        return {"status": "unknown", "message": "not enabled"}
    try:
        health = await provider.health()
    except AxonFlowError as error:
        return {"status": "unhealthy", "message": error.message}
    return {"status": "healthy" if health.is_ready else "unhealthy", "message": health.detail}
