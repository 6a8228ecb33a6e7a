"""What a request would send its vendor out for, past this server.

A call goes where the configuration says, with the server's own key. Some members of the vendors'
dialects would undo that. The vendor would

    call a server that the request names, with a credential of the request's   `mcp_servers`
    answer in a place that the request chooses                                 `inference_geo`
    read what it keeps under the server's key, whichever client put it there   `file_id`
    fetch what stands at a URL: the host hears of it, no policy reads it       `source.url`

The first three are stopped always, the last where the profile or `policies.vendor_fetches` says so.
What a vendor searches for or runs on servers of its own names no other place, and is left to it. So
is an object of S3, which Bedrock reads with the role that the operator gave to the server.

Nobody's own API has `api_base`; a proxy that a provider's `endpoint` names may (CVE-2024-6587).

Sources: Anthropic's API reference, "MCP connector", "Web fetch tool", "Files", "Data residency";
OpenAI's API reference, "File inputs"; Gemini API, "URL context", "File search", "Files"; November
2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import StrEnum

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
from axonflow_core.policy.rules import Action, Decision, Finding, Phase, Severity, Verdict


class Errand(StrEnum):
    """What the vendor would be sent out for; the name of the rule that stops it."""

    SERVER = "errand-server"
    PLACE = "errand-place"
    KEPT = "errand-kept"
    FETCH = "errand-fetch"


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
_UPLOADED = "https://generativelanguage.googleapis.com/"
_FIELDS = "additionalModelRequestFields"
"""The member of Converse with a family's own members."""


def stopped_errand(request: object, version: str, *, allows_fetches: bool) -> Decision | None:
    """The decision that stops a request for what it would send the vendor out for, which bears the
    `version` of a policy; None where there is nothing of the kind."""
    if not isinstance(request, CompletionRequest):
        return None
    for name, errand in _errands_of(request):
        if errand is not Errand.FETCH or not allows_fetches:
            return _stopped(name, errand, version)
    return None


def _stopped(name: str, errand: Errand, version: str) -> Decision:
    reason = f"`{name}` {_WHY[errand]}."
    finding = Finding(
        rule=str(errand),
        category="errand",
        action=Action.BLOCK,
        phase=Phase.REQUEST,
        part="call",
        start=0,
        end=0,
        severity=Severity.HIGH,
        reason=reason,
    )
    return Decision(
        verdict=Verdict.BLOCKED,
        phase=Phase.REQUEST,
        findings=(finding,),
        reason=reason,
        version=version,
    )


def _errands_of(request: CompletionRequest) -> Iterator[tuple[str, Errand]]:
    """What sends the vendor out, by its name in the dialects."""
    for members in (request.options, request.extra):
        if members:
            yield from _in_members(members)
    for tool in request.tools:
        if isinstance(tool, BuiltinTool) and tool.dialect != _LEFT_OUT:
            yield from _in_tool(tool)
    for block in blocks_of(request):
        if isinstance(block, Image | Document):
            if block.source is not None:
                yield from _in_media(block.source.kind, block.source.data)
        elif isinstance(block, Opaque):
            yield from _in_opaque(block.data)


def _in_members(members: Mapping[str, Json]) -> Iterator[tuple[str, Errand]]:
    for name in _MEMBERS.keys() & members.keys():
        if members[name] and (name != "container" or _names_one(members[name])):
            yield name, _MEMBERS[name]
    fields = members.get(_FIELDS)
    if isinstance(fields, Mapping):
        yield from _in_members(fields)


def _names_one(container: Json) -> bool:
    """Whether it is the id of one that there is; skills alone are put into a new one."""
    return not isinstance(container, Mapping) or bool(container.get("id"))


def _in_tool(tool: BuiltinTool) -> Iterator[tuple[str, Errand]]:
    kind = tool.type.lower().replace("_", "")
    yield from ((tool.type, errand) for name, errand in _TOOLS.items() if kind.startswith(name))


def _in_media(kind: MediaKind, data: str) -> Iterator[tuple[str, Errand]]:
    if kind is MediaKind.FILE:
        yield "file_id", Errand.KEPT
    elif kind is MediaKind.URL and not data.startswith("data:"):
        yield "source.url", _of_uri(data)


def _of_uri(uri: str) -> Errand:
    """A file that was uploaded to Google has a URI of its API, and a name without scheme."""
    is_uploaded = "://" not in uri or uri.startswith(_UPLOADED)
    return Errand.KEPT if is_uploaded else Errand.FETCH


def _in_opaque(data: Json) -> Iterator[tuple[str, Errand]]:
    """Of a block that no vendor but its own has, and of the objects in it."""
    if not isinstance(data, Mapping):
        return
    for each in (data, *(inner for inner in data.values() if isinstance(inner, Mapping))):
        if each.get("file_id"):
            yield "file_id", Errand.KEPT
        if uri := each.get("fileUri"):
            yield "fileUri", _of_uri(str(uri))
        if each.get("type") == "url":
            yield "source.url", Errand.FETCH
