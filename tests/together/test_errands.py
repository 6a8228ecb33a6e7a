"""What a request would send its vendor out for: servers that it names, places, files of others,
URLs. In every dialect that has a word for it, by whichever member."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from axonflow_bedrock.converse import CODEC as CONVERSE
from axonflow_bedrock.families.anthropic import CODEC as CLAUDE
from axonflow_core.codec import ModelFacts
from axonflow_core.dialects.anthropic_messages import CODEC as MESSAGES
from axonflow_core.dialects.openai_chat import CODEC as CHAT
from axonflow_core.dialects.openai_responses import CODEC as RESPONSES
from axonflow_core.governance.errands import (
    MAX_LOOKS_ON_LOOP,
    Errand,
    stopped_errand,
)
from axonflow_gemini.codec import CODEC as GEMINI
from tests.governed_server import GovernedServer
from tests.together.test_dialects import CLAUDE as MODEL
from tests.together.test_dialects import records, server  # noqa: F401 - a fixture

URL = "https://files.example/a.pdf"
INDEX = [{"type": "azure_search", "parameters": {"endpoint": URL, "index_name": "i"}}]
MCP = [{"type": "url", "url": "https://mcp.example/sse", "name": "m", "authorization_token": "t"}]
CODECS: Mapping[str, Any] = {
    "messages": MESSAGES,
    "invoke": CLAUDE,
    "chat": CHAT,
    "responses": RESPONSES,
    "converse": CONVERSE,
    "gemini": GEMINI,
}


def saying(dialect: str, *parts: object, **members: object) -> dict[str, Any]:
    """A body with these parts of the user's message."""
    match dialect:
        case "messages" | "invoke" | "chat":
            message = {"role": "user", "content": [{"type": "text", "text": "hi"}, *parts]}
            return {"max_tokens": 9, "messages": [message], **members}
        case "responses":
            content = [{"type": "input_text", "text": "hi"}, *parts]
            return {"input": [{"role": "user", "content": content}], **members}
        case "converse":
            return {"messages": [{"role": "user", "content": [{"text": "hi"}, *parts]}], **members}
    return {"contents": [{"role": "user", "parts": [{"text": "hi"}, *parts]}], **members}


def claudes(kind: str, **source: str) -> dict[str, Any]:
    return {"type": kind, "source": source}


STOPPED: Mapping[str, tuple[str, Mapping[str, Any], Errand]] = {
    "an MCP server": ("messages", saying("messages", mcp_servers=MCP), Errand.SERVER),
    "an MCP server of Bedrock's": ("invoke", saying("invoke", mcp_servers=MCP), Errand.SERVER),
    "an MCP server in free fields": (
        "converse",
        saying("converse", additionalModelRequestFields={"mcp_servers": MCP}),
        Errand.SERVER,
    ),
    "an address for a proxy": (
        "chat",
        saying("chat", api_base="https://evil.example"),
        Errand.SERVER,
    ),
    "a tool that fetches, in free fields": (
        "converse",
        saying(
            "converse",
            additionalModelRequestFields={
                "tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]
            },
        ),
        Errand.FETCH,
    ),
    "an index that Azure searches": ("chat", saying("chat", data_sources=INDEX), Errand.SERVER),
    "an index, by its older name": ("chat", saying("chat", dataSources=INDEX), Errand.SERVER),
    "its tools": (
        "messages",
        saying("messages", tools=[{"type": "mcp_toolset", "mcp_server_name": "m"}]),
        Errand.SERVER,
    ),
    "an MCP server of Gemini's": (
        "gemini",
        saying("gemini", tools=[{"mcpServers": [{"name": "m"}]}]),
        Errand.SERVER,
    ),
    "a place": ("messages", saying("messages", inference_geo="us"), Errand.PLACE),
    "a picture at a URL": (
        "messages",
        saying("messages", claudes("image", type="url", url=URL)),
        Errand.FETCH,
    ),
    "a document at a URL, in a result": (
        "invoke",
        saying(
            "invoke",
            {
                "type": "tool_result",
                "tool_use_id": "t",
                "content": [claudes("document", type="url", url=URL)],
            },
        ),
        Errand.FETCH,
    ),
    "a picture at a URL, of OpenAI's": (
        "chat",
        saying("chat", {"type": "image_url", "image_url": {"url": URL}}),
        Errand.FETCH,
    ),
    "a picture at a URL, in a document that no codec reads": (
        "messages",
        saying(
            "messages",
            {
                "type": "search_result",
                "source": "s",
                "content": [claudes("image", type="url", url=URL)],
            },
        ),
        Errand.FETCH,
    ),
    "a film at a URL, as servers like OpenAI's take it": (
        "chat",
        saying("chat", {"type": "video_url", "video_url": {"url": URL}}),
        Errand.FETCH,
    ),
    "a file at a URL, beside a text": (
        "gemini",
        saying(
            "gemini",
            {"text": "hi", "fileData": {"mimeType": "application/pdf", "fileUri": URL}},
        ),
        Errand.FETCH,
    ),
    "a picture at a URL, in a response": (
        "responses",
        saying("responses", {"type": "input_image", "image_url": URL}),
        Errand.FETCH,
    ),
    "a file at a URL, of Gemini's": (
        "gemini",
        saying("gemini", {"fileData": {"mimeType": "application/pdf", "fileUri": URL}}),
        Errand.FETCH,
    ),
    "a film at a URL": (
        "gemini",
        saying("gemini", {"fileData": {"mimeType": "video/mp4", "fileUri": URL}}),
        Errand.FETCH,
    ),
    "a tool that fetches": (
        "messages",
        saying("messages", tools=[{"type": "web_fetch_20250910", "name": "web_fetch"}]),
        Errand.FETCH,
    ),
    "a tool that fetches, of Gemini's": (
        "gemini",
        saying("gemini", tools=[{"urlContext": {}}]),
        Errand.FETCH,
    ),
    "a file": (
        "messages",
        saying("messages", claudes("document", type="file", file_id="file_1")),
        Errand.KEPT,
    ),
    "a file in a container": (
        "messages",
        saying("messages", {"type": "container_upload", "file_id": "file_1"}),
        Errand.KEPT,
    ),
    "a skill that somebody uploaded": (
        "messages",
        saying("messages", container={"skills": [{"type": "custom", "skill_id": "skill_1"}]}),
        Errand.KEPT,
    ),
    "a container": ("messages", saying("messages", container="container_1"), Errand.KEPT),
    "a file of OpenAI's": (
        "chat",
        saying("chat", {"type": "file", "file": {"file_id": "file-1"}}),
        Errand.KEPT,
    ),
    "a file of Gemini's": (
        "gemini",
        saying(
            "gemini",
            {
                "fileData": {
                    "mimeType": "application/pdf",
                    "fileUri": "https://generativelanguage.googleapis.com/v1beta/files/1",
                }
            },
        ),
        Errand.KEPT,
    ),
    "what Gemini keeps": (
        "gemini",
        saying("gemini", cachedContent="cachedContents/1"),
        Errand.KEPT,
    ),
    "a store that Gemini searches": (
        "gemini",
        saying("gemini", tools=[{"fileSearch": {"fileSearchStoreNames": ["s"]}}]),
        Errand.KEPT,
    ),
}
DATA = "data:image/png;base64,iVBORw0KGgo="
LEFT: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "a picture of bytes": (
        "chat",
        saying("chat", {"type": "image_url", "image_url": {"url": DATA}}),
    ),
    "a search": (
        "messages",
        saying("messages", tools=[{"type": "web_search_20250305", "name": "web_search"}]),
    ),
    "skills": (
        "messages",
        saying("messages", container={"skills": [{"type": "anthropic", "skill_id": "pdf"}]}),
    ),
    "an object of S3": (
        "converse",
        saying(
            "converse",
            {
                "image": {
                    "format": "png",
                    "source": {"s3Location": {"uri": "s3://bucket/a.png"}},
                }
            },
        ),
    ),
    "a film of bytes": (
        "chat",
        saying("chat", {"type": "video_url", "video_url": {"url": DATA}}),
    ),
    "a file that a tool has written": (
        "messages",
        saying(
            "messages",
            {
                "type": "code_execution_tool_result",
                "tool_use_id": "t",
                "content": {
                    "type": "code_execution_result",
                    "content": [{"type": "code_execution_output", "file_id": "file_1"}],
                },
            },
        ),
    ),
    "a tool that no target is offered": (
        "responses",
        saying("responses", tools=[{"type": "mcp", "server_label": "m", "server_url": URL}]),
    ),
    "an argument of that name": (
        "messages",
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "assistant",
                    "content": [
                        {
                            "type": "tool_use",
                            "id": "t",
                            "name": "f",
                            "input": {"file_id": "1", "mcp_servers": ["m"], "url": URL},
                        }
                    ],
                }
            ],
        },
    ),
}


def read(dialect: str, body: Mapping[str, Any]) -> Any:
    return CODECS[dialect].decode_request(body, ModelFacts())


@pytest.mark.parametrize("name", STOPPED)
async def test_an_errand_is_stopped_by_name(name: str) -> None:
    dialect, body, errand = STOPPED[name]
    for is_allowed in (False, True):
        decision = await stopped_errand(read(dialect, body), "v1", allows_fetches=is_allowed)
        if is_allowed and errand is Errand.FETCH:
            assert decision is None
        else:
            assert decision is not None and decision.is_stopped
            assert decision.rules == (errand,)


@pytest.mark.parametrize(
    "uri",
    [
        "files/1",
        "https://generativelanguage.googleapis.com/v1beta/files/1",
        "HTTPS://GenerativeLanguage.googleapis.com:443/v1beta/files/1",
        "http://a@generativelanguage.mtls.googleapis.com/v1beta/files/1",
        " https://generative%6Canguage.googleapis.com/v1beta/files/1",
    ],
)
async def test_a_file_of_googles_is_known_however_its_address_is_spelled(uri: str) -> None:
    part = {"fileData": {"mimeType": "application/pdf", "fileUri": uri}}
    decision = await stopped_errand(
        read("gemini", saying("gemini", part)), "v1", allows_fetches=True
    )
    assert decision is not None and decision.rules == (Errand.KEPT,)


@pytest.mark.parametrize("name", LEFT)
async def test_what_sends_nobody_out_goes_on(name: str) -> None:
    assert await stopped_errand(read(*LEFT[name]), "v1", allows_fetches=False) is None


@pytest.mark.parametrize("before", [0, 10, MAX_LOOKS_ON_LOOP - 1, MAX_LOOKS_ON_LOOP, 9_000])
@pytest.mark.parametrize("is_nested", [False, True])
async def test_an_errand_is_found_behind_any_number_of_parts(before: int, is_nested: bool) -> None:
    film: Any = {"type": "video_url", "video_url": {"url": URL}}
    text: Any = {"type": "text", "text": "hi"}

    for last in (film, text):
        parts = [*[[] if is_nested else text] * before, last]
        if is_nested:
            parts = [{"type": "own", "parts": parts}]
        request = read("chat", saying("chat", *parts))
        decision = await stopped_errand(request, "v1", allows_fetches=False)
        assert (decision is not None) is (last is film)


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_client_is_told_and_the_record_says_it(
    server: GovernedServer,  # noqa: F811
    is_streamed: bool,
) -> None:
    body = {**saying("messages", mcp_servers=MCP), "model": MODEL, "stream": is_streamed}
    reply = server.ask("POST", "/v1/messages", orjson.dumps(body), client="acme")

    assert reply.status == 400
    assert "`mcp_servers` would have the vendor call a server" in reply.json["error"]["message"]
    entry = records(server)[-1]
    assert (entry["verdict"], entry["rules"]) == ("blocked", ["errand-server"])
