"""`POST /api/request`: what the SDK reads, and what must never be null."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from axonflow_core.errors import AxonFlowError, ProviderTimeout
from axonflow_core.messages import Completion, CompletionRequest, Receipt, StopReason
from axonflow_core.policy.rules import Verdict
from axonflow_core.provider import CompletionStream, Health, Provider
from axonflow_core.routing.router import Router
from axonflow_core.server.service import Service
from axonflow_core.texts import texts_in

from .in_process import Served, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

ASK = "/api/request"
PIXEL = b64encode(b"\x89PNG\r\n\x1a\n" + bytes(20)).decode()


def request(query: str, **changes: Any) -> dict[str, Any]:
    """What the SDK sends."""
    return {
        "query": query,
        "user_token": "ann",
        "client_id": None,
        "request_type": "chat",
        "context": {},
        "media": None,
        "skip_llm": None,
        **changes,
    }


class Scripted:
    """A provider that answers with a text, or raises an error."""

    def __init__(self, answer: str | AxonFlowError) -> None:
        self._answer = answer
        self.requests: list[CompletionRequest] = []

    default_model = "scripted"

    async def complete(
        self,
        request: CompletionRequest,
        *,
        model: str | None = None,
        timeout_s: float | None = None,
    ) -> Completion:
        self.requests.append(request)
        if isinstance(self._answer, AxonFlowError):
            raise self._answer
        receipt = Receipt(provider="echo", family="f", surface="s", model="m", called="m")
        return Completion(self._answer, StopReason.END_TURN, receipt=receipt)

    async def stream(self, *args: Any, **more: Any) -> CompletionStream:
        raise NotImplementedError

    async def health(self) -> Health:
        return Health(is_ready=True)

    async def aclose(self) -> None:
        """Nothing to close."""


def serving_answers(folder: Path, provider: Scripted) -> Any:
    """The application, whose provider `echo` is `provider`."""

    def change(service: Service) -> None:
        providers: Mapping[str, Provider] = {"echo": provider}
        service.generation.governance.router = Router(providers)

    return serving(folder, change=change)


def is_readable(body: Mapping[str, Any]) -> bool:
    """Whether the SDK's model takes it: rules of `ClientResponse` of 9.5.0."""
    info = body["policy_info"]
    return (
        isinstance(body["success"], bool)
        and isinstance(body["blocked"], bool)
        and isinstance(body["metadata"], dict)
        and None not in body["metadata"].values()
        and all(isinstance(body.get(name, ""), str) for name in ("error", "block_reason", "result"))
        and all(isinstance(info[name], str) for name in ("processing_time", "tenant_id"))
        and all(isinstance(info[name], list) for name in ("policies_evaluated", "static_checks"))
    )


@pytest.mark.parametrize(
    ("query", "status", "verdict"),
    [
        ("hello", 200, Verdict.ALLOWED),
        ("badge-17", 200, Verdict.REDACTED),
        ("a wire transfer", 403, Verdict.NEEDS_APPROVAL),
        ("Project Aurora", 403, Verdict.BLOCKED),
    ],
)
async def test_every_answer_is_one_that_the_sdk_reads(
    served: Served, query: str, status: int, verdict: Verdict
) -> None:
    reply = await served.post(ASK, request(query))
    (entry,) = await served.records()
    assert (reply.status, entry.verdict) == (status, verdict)
    assert is_readable(reply.json)
    assert reply.json["metadata"]["audit_id"] == entry.id
    assert reply.json["blocked"] is (status == 403)


@pytest.mark.parametrize(
    ("query", "as_chat", "as_sql"),
    [
        ("SELECT name FROM t WHERE a = 'x' OR b = 'y'", 200, 200),
        ("SELECT name FROM t WHERE a = 2 OR TRUE", 200, 403),
        ("SELECT version()", 403, 200),
        ("DROP TABLE users", 403, 403),
    ],
)
async def test_a_query_of_type_sql_is_read_as_statements(
    served: Served, query: str, as_chat: int, as_sql: int
) -> None:
    for request_type, status in (("chat", as_chat), ("sql", as_sql)):
        reply = await served.post(ASK, request(query, request_type=request_type))
        assert reply.status == status, request_type


async def test_an_approval_that_is_missing_has_its_word(served: Served) -> None:
    reply = await served.post(ASK, request("a wire transfer"))
    assert reply.json["block_reason"] == "require_approval"


async def test_a_call_that_fails_is_no_success(tmp_path: Path) -> None:
    error = ProviderTimeout("it took too long", hint="ask for less")
    async with serving_answers(tmp_path, Scripted(error)) as served:
        reply = await served.post(ASK, request("hello"))
        (entry,) = await served.records()
    assert (reply.status, reply.json["success"]) == (200, False)
    assert (reply.json["error"], reply.json["metadata"]["error_code"]) == (
        "it took too long",
        "timeout",
    )
    assert is_readable(reply.json) and entry.facts["error"]["code"] == "timeout"


async def test_what_a_model_writes_is_never_read_as_ours(tmp_path: Path) -> None:
    text = '{"success": false, "error": "no", "plan_id": "p", "metadata": null}'
    async with serving_answers(tmp_path, Scripted(text)) as served:
        reply = await served.post(ASK, request("hello"))
    assert reply.json["success"] and reply.json["data"] == {"data": text}


async def test_an_answer_is_looked_at_before_it_is_given(tmp_path: Path) -> None:
    for answer, expected in (("see badge-1", 200), ("project aurora", 403)):
        folder = tmp_path / answer
        folder.mkdir()
        async with serving_answers(folder, Scripted(answer)) as served:
            reply = await served.post(ASK, request("hello"))
        assert reply.status == expected
        assert "badge-1" not in reply.body.decode()
        assert "aurora" not in str(reply.json.get("data"))


async def test_what_is_redacted_does_not_reach_the_provider(tmp_path: Path) -> None:
    provider = Scripted("fine")
    context = {"system_prompt": "you wear badge-2"}
    async with serving_answers(tmp_path, provider) as served:
        await served.post(ASK, request("I wear badge-1", context=context))
    assert "badge-1" not in str(provider.requests[0].messages)
    assert "badge-2" not in str(provider.requests[0].system)


async def test_without_a_model_the_request_is_only_checked(tmp_path: Path) -> None:
    provider = Scripted("fine")
    async with serving_answers(tmp_path, provider) as served:
        reply = await served.post(ASK, request("hello", skip_llm=True))
        blocked = await served.post(ASK, request("Project Aurora", skip_llm=True))
        assert len(await served.records()) == 2
    assert reply.json["success"] and is_readable(reply.json)
    assert blocked.status == 403 and provider.requests == []


async def test_pictures_go_along_and_urls_are_not_fetched(tmp_path: Path) -> None:
    provider = Scripted("fine")
    picture = {"source": "base64", "base64_data": PIXEL, "url": None, "mime_type": "image/png"}
    url = {"source": "url", "url": "http://169.254.169.254/", "mime_type": "image/png"}
    async with serving_answers(tmp_path, provider) as served:
        sent = await served.post(ASK, request("hello", media=[picture]))
        refused = await served.post(ASK, request("hello", media=[{**url, "base64_data": None}]))
        eleven = await served.post(ASK, request("hello", media=[picture] * 11))
    assert (sent.status, refused.status, eleven.status) == (200, 400, 400)
    (picture_of, _), *_ = [message.content for message in provider.requests[0].messages]
    assert len(provider.requests) == 1 and picture_of.source.data == PIXEL


@pytest.mark.parametrize(
    ("context", "problem"),
    [
        ({"provider": "bedrock"}, "may not use the provider"),
        ({"model": "other"}, "may not use the model"),
        ({"provider": "spare"}, "may not use the provider"),
    ],
)
async def test_nothing_beyond_the_client_is_called(
    served: Served, context: dict[str, str], problem: str
) -> None:
    reply = await served.post(ASK, request("hello", context=context), client="narrow")
    assert not reply.json["success"] and problem in reply.json["error"]
    (entry,) = await served.records("narrow")
    assert (entry.verdict, entry.provider) == (Verdict.ERROR, None)


async def test_no_field_chooses_an_endpoint_a_region_or_credentials(tmp_path: Path) -> None:
    provider = Scripted("fine")
    names = "endpoint endpoint_url base_url region aws_region credentials api_key headers proxy"
    context = dict.fromkeys(names.split(), "http://169.254.169.254/")
    async with serving_answers(tmp_path, provider) as served:
        reply = await served.post(ASK, request("hello", context=context, **context))
    assert reply.json["success"] and [text for _, text in texts_in(provider.requests[0])] == [
        "hello"
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"query": None}, "query field is required"),
        ({"query": ""}, "query field is required"),
        ({"query": "x" * 100_001}, "100,001 characters"),
        ({"query": ["x"]}, "query takes a text, not a list"),
        ({"context": []}, "context takes an object"),
        ({"context": {"max_tokens": 0}}, "context.max_tokens"),
        ({"context": {"temperature": "hot"}}, "context.temperature takes a number"),
        ({"skip_llm": "yes"}, "skip_llm takes true or false"),
        ({"media": [1]}, "media.0 takes an object"),
    ],
)
async def test_a_fault_is_told_by_its_field_without_what_was_sent(
    served: Served, change: dict[str, Any], problem: str
) -> None:
    reply = await served.post(ASK, {**request("hello"), **change})
    assert reply.status == 400 and problem in reply.json["error"]
    assert reply.json["error"] == reply.json["message"]
    assert await served.records() == []


async def test_a_server_without_plans_says_how_to_have_them(served: Served) -> None:
    for kind in ("multi-agent-plan", "generate-plan", "execute-plan"):
        reply = await served.post(ASK, request("", request_type=kind))
        assert (reply.status, reply.json["code"]) == (404, "no_plans")
        assert "enabled: true" in reply.json["error"]
