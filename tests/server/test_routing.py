"""What a client may say of routing, and what it is told: Proxy Mode, the record, the routes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from routing.places import Place, router_of

from axonflow_core.errors import AxonFlowError, ProviderTimeout, Throttled
from axonflow_core.server.service import Service

from .in_process import Served, serving

ASK = "/api/request"
MODELS = {"fast": [("a", "a-fast"), ("b", "b-fast")]}


def served_by(folder: Path, *places: Place, **more: Any) -> Any:
    """The application, whose calls go to `places`."""

    def change(service: Service) -> None:
        service.generation.governance.router = router_of(*places, **{"models": MODELS, **more})

    return serving(folder, change=change)


async def asked(served: Served, client: str = "acme", **context: Any) -> Any:
    body = {"query": "hello", "request_type": "chat", "context": context}
    return (await served.post(ASK, body, client=client)).json


async def test_the_client_and_the_record_are_told_who_was_asked(tmp_path: Path) -> None:
    places = Place("a", fails=Throttled("slow", status=429)), Place("b")
    async with served_by(tmp_path, *places) as served:
        told = (await asked(served, model="fast"))["metadata"]
        (entry,) = await served.records()
    assert (told["provider"], told["model"], told["attempts"]) == ("b", "b-fast", 2)
    failed = {"provider": "a", "model": "a-fast", "code": "throttled", "status": 429}
    assert told["failed_attempts"] == [failed]
    assert told["choice"] == {"by": "failover"}
    assert (entry.provider, entry.model) == ("b", "b-fast")
    assert entry.facts["receipt"]["failed_attempts"] == [failed]
    assert entry.facts["receipt"]["choice"] == {"by": "failover"}


async def test_a_call_that_nobody_answers_has_all_attempts_on_record(tmp_path: Path) -> None:
    places = Place("a", fails=Throttled("slow")), Place("b", fails=Throttled("slow, too"))
    async with served_by(tmp_path, *places) as served:
        reply = await asked(served, model="fast")
        (entry,) = await served.records()
    assert (reply["success"], reply["error"]) == (False, "slow")
    told = [{"provider": "b", "model": "b-fast", "code": "throttled"}]
    assert reply["metadata"]["failed_attempts"] == told
    assert entry.facts["error"]["failed_attempts"] == told


async def test_a_call_that_may_be_billed_twice_says_so_on_record(tmp_path: Path) -> None:
    places = Place("a", fails=ProviderTimeout("no answer")), Place("b")
    rules = {"failover_on_silence": True}
    async with served_by(tmp_path, *places, rules=rules) as served:
        await asked(served, model="fast")
        (entry,) = await served.records()
    assert entry.facts["receipt"]["choice"]["is_possibly_billed_twice"] is True


@pytest.mark.parametrize("strict", [True, "1", "true", "YES", "on"])
async def test_a_strict_provider_is_the_only_one_that_is_asked(
    tmp_path: Path, strict: object
) -> None:
    a, b = Place("a", fails=Throttled("slow")), Place("b")
    async with served_by(tmp_path, a, b) as served:
        pinned = await asked(served, model="fast", provider="a", strict_provider=strict)
        free = await asked(served, model="fast", provider="a", strict_provider="no")
    assert (pinned["success"], free["success"]) == (False, True)
    assert b.asked == ["b-fast"]


@pytest.mark.parametrize(
    "context", [{"strict_provider": "perhaps"}, {"strict_provider": 2}, {"allowed_providers": "a"}]
)
async def test_what_cannot_be_meant_is_refused_and_not_ignored(
    tmp_path: Path, context: dict[str, Any]
) -> None:
    body = {"query": "hello", "request_type": "chat", "context": context}
    async with served_by(tmp_path, Place("a")) as served:
        assert (await served.post(ASK, body)).status == 400


async def test_a_request_may_narrow_the_providers_fail_over_included(tmp_path: Path) -> None:
    a, b = Place("a", fails=Throttled("slow")), Place("b")
    async with served_by(tmp_path, a, b) as served:
        narrowed = await asked(served, model="fast", allowed_providers=["a"])
        widened = await asked(served, "narrow", model="fast", allowed_providers=["a", "b"])
        (entry,) = await served.records()
    assert (narrowed["success"], narrowed["metadata"]["error_code"]) == (False, "throttled")
    assert "may not use any provider" in widened["error"]
    assert b.asked == []
    assert entry.facts["error"]["code"] == "throttled"


async def test_a_client_hears_nothing_of_providers_that_it_may_not_use(tmp_path: Path) -> None:
    places = Place("echo"), Place("hidden")
    models = {"fast": [("hidden", "secret-model"), ("echo", "echo")]}
    async with served_by(tmp_path, *places, models=models) as served:
        told = [
            await asked(served, "narrow", model="fast"),
            await asked(served, "narrow", model="fast", allowed_providers=[]),
            await asked(served, "narrow", allowed_providers=["hidden"]),
        ]
        entry = (await served.records("narrow"))[0]
    assert [each["success"] for each in told] == [True, False, False]
    assert "hidden" not in str(told) and "secret-model" not in str(told)
    assert entry.facts["receipt"]["choice"]["skipped"][0]["provider"] == "hidden"


@pytest.mark.parametrize("error", [None, Throttled("slow")], ids=["answered", "failed"])
async def test_a_client_s_own_regions_hold_for_every_target(
    tmp_path: Path, error: AxonFlowError | None
) -> None:
    a = Place("a", fails=error, regions={"a-fast": ("eu-west-1",)})
    b = Place("b", regions={"b-fast": ("us-east-1",)})
    async with served_by(tmp_path, a, b, rules={"regions": ("eu-*",)}) as served:
        await asked(served, model="fast")
        (entry,) = await served.records()
    assert b.asked == []
    if error is None:
        assert entry.facts["receipt"]["choice"]["regions"] == ["eu-*"]


async def test_no_client_hears_which_models_others_asked_for(tmp_path: Path) -> None:
    async with serving(tmp_path) as served:
        await asked(served, model="words-of-acme")
        await asked(served)
        told = (await served.get("/api/v1/llm-providers/status", client="other")).json
        one = (await served.get("/api/v1/llm-providers/echo", client="other")).json
    assert [each["model"] for each in told["providers"]["echo"]["targets"]] == ["echo"]
    assert "words-of-acme" not in f"{told}{one}"


async def test_the_route_of_routing_tells_what_holds_and_takes_no_change(tmp_path: Path) -> None:
    path = "/api/v1/llm-providers/routing"
    async with serving(tmp_path) as served:
        told = (await served.get(path)).json
        refused = await served.ask("PUT", path, {"weights": {"echo": 1}})
    assert told["weights"] == {"echo": 70}
    assert (told["strategy"], told["regions"]) == ("weighted", [])
    assert refused.status == 409
    assert "configuration file" in refused.json["error"]
