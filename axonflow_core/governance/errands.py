"""What a request would send its vendor out for, past this server.

A call goes where the configuration says, with the server's own key. Some members of the vendors'
dialects would undo that. The vendor would

    call a server that the request names, with the request's credential        `mcp_servers`
    or with the identity of the vendor's account                               `data_sources`
    answer in a place that the request chooses                                 `inference_geo`
    read what it keeps under the server's key, whichever client put it there   `file_id`
    fetch what stands at a URL: the host hears of it, no policy reads it       `source.url`

The first four are stopped always, the last where the profile or `policies.vendor_fetches` says so.
What a vendor searches for or runs on servers of its own names no other place, and is left to it. So
is an object of S3, which Bedrock reads with the role that the operator gave to the server.

Nobody's own API has `api_base`; a proxy that a provider's `endpoint` names may (CVE-2024-6587).

Sources: Anthropic's API reference, "MCP connector", "Web fetch tool", "Files", "Agent Skills",
"Data residency"; OpenAI's API reference, "File inputs"; Azure OpenAI, "On Your Data API
reference"; Gemini API, "URL context", "File search", "Files"; November 2026.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from itertools import islice
from typing import Any, TypeAlias
from urllib.parse import unquote

from axonflow_core.codec.features import blocks_of
from axonflow_core.messages import (
    BuiltinTool,
    CompletionRequest,
    Document,
    Image,
    Json,
    MediaKind,
    Opaque,
)
from axonflow_core.policy.rules import Decision, blocked_call


class Errand(StrEnum):
    """What the vendor would be sent out for; the name of the rule that stops it."""

    SERVER = "errand-server"
    PLACE = "errand-place"
    KEPT = "errand-kept"
    FETCH = "errand-fetch"


_Look: TypeAlias = tuple[str, Errand] | None
"""What sends the vendor out, by its name in the dialects; None where nothing does."""
MAX_LOOKS_ON_LOOP = 2_000
"""At parts of a request, before the rest is left to a thread. Each takes less than 2 us."""
_WHY: Mapping[Errand, str] = {
    Errand.SERVER: "would have the vendor call a server that the request names: let the client "
    "call it, and offer its tools as functions",
    Errand.PLACE: "would choose where the vendor answers, which is the server's to say: leave it "
    "out",
    Errand.KEPT: "names what the vendor keeps under the server's key, for all clients alike: give "
    "the content itself",
    Errand.FETCH: "would have the vendor fetch what no policy reads: give the bytes; or the "
    "operator sets `policies.vendor_fetches: allow`",
}
_MEMBERS: Mapping[str, Errand] = {
    "api_base": Errand.SERVER,
    "base_url": Errand.SERVER,
    "mcp_servers": Errand.SERVER,
    "data_sources": Errand.SERVER,
    "dataSources": Errand.SERVER,
    "inference_geo": Errand.PLACE,
    "container": Errand.KEPT,
    "cachedContent": Errand.KEPT,
}
_TOOLS: Mapping[str, Errand] = {
    "mcp": Errand.SERVER,
    "webfetch": Errand.FETCH,
    "urlcontext": Errand.FETCH,
    "filesearch": Errand.KEPT,
    "retrieval": Errand.KEPT,
}
"""How the type of a vendor's tool begins, in small letters without `_`."""
_LEFT_OUT = "openai_responses"
"""The dialect whose hosted tools no target is offered (`fitting.hosted_tools`)."""
_WRITTEN = "_output"
"""How the type of an object ends that tells of a file which a tool of the vendor's has written."""
_END: Any = object()
"""Behind the last of some values."""
_UPLOADED = re.compile(r"generativelanguage\.([a-z]+\.)?googleapis\.com", re.IGNORECASE)
_FIELDS = "additionalModelRequestFields"
"""The member of Converse with a family's own members."""


async def stopped_errand(request: object, version: str, *, allows_fetches: bool) -> Decision | None:
    """The decision that stops a request for what it would send the vendor out for, which bears the
    `version` of a policy; None where there is nothing of the kind. What a long request has behind
    its first parts is looked at in a thread, so that the event loop goes on meanwhile."""
    if not isinstance(request, CompletionRequest):
        return None
    looks = _looks_at(request)
    if not _has_many_blocks(request):
        first = tuple(islice(looks, MAX_LOOKS_ON_LOOP))
        decision = _decided(first, version, allows_fetches=allows_fetches)
        if decision is not None or len(first) < MAX_LOOKS_ON_LOOP:
            return decision
    return await asyncio.to_thread(_decided, looks, version, allows_fetches=allows_fetches)


def _has_many_blocks(request: CompletionRequest) -> bool:
    messages = request.messages
    if len(messages) > MAX_LOOKS_ON_LOOP:
        return True
    return sum([len(message.content) for message in messages]) > MAX_LOOKS_ON_LOOP


def _decided(looks: Iterable[_Look], version: str, *, allows_fetches: bool) -> Decision | None:
    for look in looks:
        if look is not None and (look[1] is not Errand.FETCH or not allows_fetches):
            return _stopped(*look, version)
    return None


def _stopped(name: str, errand: Errand, version: str) -> Decision:
    return blocked_call(str(errand), "errand", f"`{name}` {_WHY[errand]}.", version)


def _looks_at(request: CompletionRequest) -> Iterator[_Look]:
    """One look at each part of a request, or more."""
    for members in (request.options, request.extra):
        if members:
            yield from _in_members(members)
    for tool in request.tools:
        if isinstance(tool, BuiltinTool) and tool.dialect != _LEFT_OUT:
            yield from _in_tool(tool.type)
    for block in blocks_of(request):
        yield None
        if isinstance(block, Opaque):
            yield from _in_foreign(block.data)
            continue
        if isinstance(block, Image | Document) and block.source is not None:
            yield from _in_media(block.source.kind, block.source.data)
        if block.extra:
            yield from _in_foreign(block.extra)


def _in_members(members: Mapping[str, Json]) -> Iterator[tuple[str, Errand]]:
    for name in _MEMBERS.keys() & members.keys():
        if members[name] and (name != "container" or _names_one(members[name])):
            yield name, _MEMBERS[name]
    fields = members.get(_FIELDS)
    if isinstance(fields, Mapping):
        yield from _in_members(fields)
        for tool in _objects(fields.get("tools")):
            yield from _in_tool(str(tool.get("type")))


def _names_one(container: Json) -> bool:
    """Whether it is the id of one that there is, or has a skill that somebody uploaded. Skills of
    the vendor's alone are put into a new one."""
    if not isinstance(container, Mapping) or container.get("id"):
        return True
    return any(skill.get("type") != "anthropic" for skill in _objects(container.get("skills")))


def _objects(value: Json) -> Iterator[Mapping[str, Json]]:
    """The objects in what should be a list of them; the vendor refuses all else."""
    if isinstance(value, list | tuple):
        yield from (each for each in value if isinstance(each, Mapping))


def _in_tool(type: str) -> Iterator[tuple[str, Errand]]:
    kind = type.lower().replace("_", "")
    yield from ((type, errand) for name, errand in _TOOLS.items() if kind.startswith(name))


def _in_media(kind: MediaKind, data: str) -> Iterator[tuple[str, Errand]]:
    if kind is MediaKind.FILE:
        yield "file_id", Errand.KEPT
    elif kind is MediaKind.URL and not data.startswith("data:"):
        yield "source.url", _of_uri(data)


def _of_uri(uri: str) -> Errand:
    """A file that was uploaded to Google has a name without scheme, or a URI of its API in one of
    many spellings."""
    is_uploaded = "://" not in uri or _UPLOADED.search(unquote(uri))
    return Errand.KEPT if is_uploaded else Errand.FETCH


def _in_foreign(data: Json) -> Iterator[_Look]:
    """Of what no vendor but its own has a value for, and of all objects in it."""
    walks = [iter((data,))]
    while walks:
        yield None
        value = next(walks[-1], _END)
        if value is _END:
            walks.pop()
        elif isinstance(value, Mapping):
            yield from _in_object(value)
            walks.append(iter(value.values()))
        elif isinstance(value, list | tuple):
            walks.append(iter(value))


def _in_object(value: Mapping[str, Json]) -> Iterator[_Look]:
    kind = value.get("type")
    if value.get("file_id") and not str(kind).endswith(_WRITTEN):
        yield "file_id", Errand.KEPT
    if uri := value.get("fileUri"):
        yield "fileUri", _of_uri(str(uri))
    if kind == "url":
        yield "source.url", Errand.FETCH
    for name in value:
        yield None
        if name.endswith("_url"):
            given = value[name]
            url = given.get("url") if isinstance(given, Mapping) else given
            if isinstance(url, str) and not url.startswith("data:"):
                yield name, Errand.FETCH
