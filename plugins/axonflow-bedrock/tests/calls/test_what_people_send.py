"""What people really send, as a table: a request that its author found right, the model that it is
for, and what goes on the wire or the words of its refusal.

Each row stands for public complaints; the rules that decide it name their sources
(`models/rules.py`, `models/reasoning_rules.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from attrs import frozen

from axonflow_bedrock.models.model_id import parse_model_id
from axonflow_bedrock.models.rules import CONVERSE, INVOKE, facts_of
from axonflow_bedrock.models.table import load_models
from axonflow_core.codec import ModelFacts
from axonflow_core.errors import EncodeError, RequestError
from axonflow_core.fitting import fit
from axonflow_core.json_text import dumps, loads
from axonflow_core.messages import (
    BuiltinTool,
    CachePoint,
    Completion,
    CompletionRequest,
    Data,
    Document,
    Image,
    Inference,
    Json,
    Media,
    MediaKind,
    Message,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Role,
    StopReason,
    Text,
    Tool,
    ToolChoice,
    ToolChoiceMode,
    ToolResult,
    ToolUse,
    assistant,
    user,
)
from axonflow_core.plugins import load_codecs
from axonflow_core.stream import Ended, assemble

MODELS = load_models()
REGISTRY = load_codecs("bedrock").registry

S45 = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
HAIKU_45 = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
SONNET_4 = "us.anthropic.claude-sonnet-4-20250514-v1:0"
SONNET_37 = "us.anthropic.claude-3-7-sonnet-20250219-v1:0"
HAIKU_35 = "us.anthropic.claude-3-5-haiku-20241022-v1:0"
OPUS_45 = "us.anthropic.claude-opus-4-5-20251101-v1:0"
OPUS_46, SONNET_46 = "us.anthropic.claude-opus-4-6-v1", "us.anthropic.claude-sonnet-4-6"
OPUS_47, OPUS_5 = "us.anthropic.claude-opus-4-7", "us.anthropic.claude-opus-5"
OPUS_55, UNKNOWN_CLAUDE = "us.anthropic.claude-opus-5-5", "us.anthropic.claude-sonnet-7"
NOVA_PRO, NOVA_2 = "us.amazon.nova-pro-v1:0", "us.amazon.nova-2-lite-v1:0"
R1, V3, LLAMA = "us.deepseek.r1-v1:0", "deepseek.v3-v1:0", "us.meta.llama3-3-70b-instruct-v1:0"
PIXTRAL, GPT_OSS = "us.mistral.pixtral-large-2502-v1:0", "openai.gpt-oss-120b-1:0"
QWEN, KIMI, GROK = "qwen.qwen3-32b-v1:0", "moonshot.kimi-k2-thinking", "us.xai.grok-4.6"
MICRO = "us.amazon.nova-micro-v1:0"
GEMMA = "google.gemma-3-27b-it"
LARGE_3 = "mistral.mistral-large-3-675b-instruct"

BOTH = (INVOKE, CONVERSE)


@frozen
class Sent:
    """A body, and what of the request was reported."""

    body: Mapping[str, Any]
    told: tuple[str, ...]

    def __contains__(self, key: str) -> bool:
        return key in self.body

    @property
    def inference(self) -> Mapping[str, Any]:
        """The parameters, wherever the surface has them."""
        return self.body.get("inferenceConfig", self.body)

    @property
    def fields(self) -> Mapping[str, Any]:
        """The members that are the vendor's own."""
        return self.body.get("additionalModelRequestFields", self.body)

    @property
    def tool(self) -> Mapping[str, Any]:
        """The first tool, in Converse's words or in Claude's."""
        if "toolConfig" in self.body:
            spec = self.body["toolConfig"]["tools"][0]["toolSpec"]
            return {**spec, "input_schema": spec["inputSchema"]["json"]}
        return dict(self.body["tools"][0])


def sent(model: str, request: CompletionRequest, surface: str = INVOKE) -> Sent:
    """What goes on the wire. `EncodeError` where the request is refused before."""
    base_id = parse_model_id(model).base_id
    entry = MODELS.entry(base_id) or MODELS.newest_like(base_id)
    codec = REGISTRY.for_base_id(base_id or "", surface)
    facts = facts_of(base_id, surface, ModelFacts(base_id=base_id or ""), entry)
    fitted = fit(request, codec, facts)
    body = codec.encode_request(fitted.request, facts, asked=fitted.asked)
    return Sent(loads(dumps(body)), tuple(str(each.feature) for each in fitted.adjustments))


def asked(*messages: Message, **parts: Any) -> CompletionRequest:
    """A request; the parameters of `Inference` by their names."""
    names = ("max_tokens", "temperature", "top_p", "top_k", "stop_sequences")
    inference = {name: parts.pop(name) for name in names if name in parts}
    return CompletionRequest(messages or (user("Hi"),), inference=Inference(**inference), **parts)


def thinking(budget: int | None = None, **parts: Any) -> CompletionRequest:
    reasoning = ReasoningRequest(parts.pop("mode", None), budget, parts.pop("effort", None))
    return asked(*parts.pop("messages", ()), reasoning=reasoning, **{"max_tokens": 8000, **parts})


def said(*blocks: Any) -> Message:
    return Message(Role.ASSISTANT, blocks)


def heard(*blocks: Any) -> Message:
    return Message(Role.USER, blocks)


OBJECT: Mapping[str, Json] = {"type": "object"}
WEB = BuiltinTool("anthropic", "web_search_20250305", "web_search")
F = Tool("f", "does f", OBJECT)
PDF = Document(Media(MediaKind.BASE64, "JVBERi0xLjQK", "application/pdf"), name="a")

PICTURE = Image(Media(MediaKind.BASE64, "iVBORw0KGgoAAAANSUhEUg==", "image/png"))


def tool(schema: Mapping[str, Json] = OBJECT, description: str = "d", **more: Any) -> Any:
    return asked(tools=(Tool("f", description, schema, **more),))


def called(call_id: str = "a", arguments: Any = None, **parts: Any) -> CompletionRequest:
    """A conversation in which a tool was called and answered."""
    call = ToolUse(call_id, "f", {} if arguments is None else arguments)
    answered = heard(ToolResult(call_id, "x"))
    return asked(user("a"), said(call), answered, **{"tools": (F,), **parts})


def of_n(schema: Mapping[str, Json]) -> Mapping[str, Json]:
    """The schema of an object with one member."""
    return {"type": "object", "properties": {"n": schema}}


def choice(mode: ToolChoiceMode, name: str | None = None) -> Mapping[str, Any]:
    return {"tools": (F,), "tool_choice": ToolChoice(mode, name)}


MODES = ToolChoiceMode
HM = said(Reasoning("hm"), Text("b"))

# ── what is refused, before anything is sent ──────────────────────────────────────────────────────

REFUSED: list[tuple[str, CompletionRequest, str, tuple[str, ...]]] = [
    # reasoning next to what excludes it
    (S45, thinking(2000, **choice(MODES.ANY)), "tool choice `any` next to reasoning", BOTH),
    (S45, thinking(2000, **choice(MODES.TOOL, "f")), "tool choice `tool` next to", BOTH),
    (OPUS_46, thinking(mode="adaptive", **choice(MODES.ANY)), "next to reasoning", BOTH),
    (OPUS_47, thinking(2000, **choice(MODES.ANY)), "next to reasoning", BOTH),
    (S45, thinking(2000, messages=(user("a"), assistant("b"))), "next to reasoning", BOTH),
    # reasoning of models that have none, or take no word about it
    (HAIKU_35, thinking(2000), "does not support: reasoning", BOTH),
    ("anthropic.claude-3-haiku-20240307-v1:0", thinking(effort="low"), "reasoning", BOTH),
    (NOVA_PRO, thinking(effort="low"), "does not support: reasoning", BOTH),
    (R1, thinking(2000), "takes no word about how much it reasons", (CONVERSE,)),
    (R1, thinking(2000), "has no parameter for how much to think", (INVOKE,)),
    (LLAMA, thinking(2000, max_tokens=4000), "does not support: reasoning", BOTH),
    (KIMI, thinking(effort="high"), "takes no word", (CONVERSE,)),
    ("us.mistral.pixtral-large-2502-v1:0", thinking(2000), "reasoning", BOTH),
    ("zai.glm-5", thinking(2000), "takes no word", (CONVERSE,)),
    ("cohere.command-r-v1:0", thinking(2000), "does not support: reasoning", (CONVERSE,)),
    # schemas and names of tools
    (S45, tool({"anyOf": [OBJECT]}), "the schema of the tool f: it has `anyOf`", BOTH),
    (S45, tool({"type": "object", "oneOf": [OBJECT]}), "`oneOf` at the top", BOTH),
    (OPUS_5, tool({"allOf": [OBJECT]}), "the tool f", BOTH),
    (S45, tool({"type": "string"}), "another type than `object`", BOTH),
    (NOVA_PRO, tool({"type": ["object", "null"]}), "another type than `object`", BOTH),
    (S45, asked(tools=(F, Tool("f", "other", OBJECT))), "two tools of the name f", BOTH),
    (S45, asked(**choice(MODES.TOOL, "g")), "the tool choice g", BOTH),
    (S45, tool({"type": "object", "properties": {"due date": {}}}), "an argument 'due date'", BOTH),
    (S45, tool({"type": "object", "properties": {"a": {"required": True}}}), "no list of", BOTH),
    (S45, tool({"type": "object", "properties": {"a": {"type": "int"}}}), "no type of JSON", BOTH),
    (NOVA_PRO, tool({"type": "object", "properties": []}), "`properties` that is no object", BOTH),
    (S45, tool({"type": "object", "properties": {"a": {"items": {"enum": "x"}}}}), "no list", BOTH),
    # calls and results
    (
        S45,
        asked(user("a"), said(ToolUse("a", "f", {})), user("b"), tools=(F,)),
        "the call a without its result",
        BOTH,
    ),
    (S45, asked(user("a"), said(ToolUse("a", "f", {})), tools=(F,)), "the call a without", BOTH),
    (
        NOVA_PRO,
        asked(user("a"), heard(ToolResult("a", "x")), tools=(F,)),
        "the result of the call a",
        BOTH,
    ),
    (
        LLAMA,
        asked(
            user("a"),
            said(ToolUse("a", "f", {}), ToolUse("b", "f", {})),
            heard(ToolResult("a", "x")),
            tools=(F,),
        ),
        "the call b without its result",
        (CONVERSE,),
    ),
    ("us.meta.llama3-70b-instruct-v1:0", asked(tools=(F,)), "tools", BOTH),
    (S45, asked(tools=(WEB,)), "the tool web_search_20250305: the service does not", (INVOKE,)),
    (
        S45,
        asked(
            user("a"),
            said(ToolUse("a", "f", {})),
            heard(ToolResult("a", "x"), ToolResult("a", "y")),
            tools=(F,),
        ),
        "a second result of the call a",
        BOTH,
    ),
    # stop sequences
    (GPT_OSS, asked(stop_sequences=("x",)), "does not support: stop_sequences", (CONVERSE,)),
    (QWEN, asked(stop_sequences=("x",)), "does not support: stop_sequences", (CONVERSE,)),
    (GROK, asked(stop_sequences=("x",)), "does not support: stop_sequences", (CONVERSE,)),
    (V3, asked(stop_sequences=("x",)), "does not support: stop_sequences", (CONVERSE,)),
    (R1, asked(stop_sequences=("Observation",)), "of 11 characters: it takes 10", BOTH),
    (S45, asked(stop_sequences=("\n",)), "blanks alone", BOTH),
    (NOVA_PRO, asked(stop_sequences=tuple("abcde")), "5 stop sequences: it takes 4", BOTH),
    ("us.writer.palmyra-x5-v1:0", asked(stop_sequences=tuple("abcde")), "takes 4", BOTH),
    # pictures and documents where none may be
    (MICRO, asked(heard(Text("a"), PICTURE)), "does not support: images", BOTH),
    (LLAMA, asked(heard(Text("a"), PICTURE)), "does not support: images", BOTH),
    ("deepseek.v3-v1:0", asked(heard(Text("a"), PICTURE)), "not support: images", (CONVERSE,)),
    ("cohere.command-r-v1:0", asked(heard(Text("a"), PICTURE)), "support: images", (CONVERSE,)),
    (S45, asked(system=PICTURE), "an image in the system prompt", BOTH),
    (NOVA_PRO, asked(system=PICTURE), "an image in the system prompt", BOTH),
    (S45, asked(system=PDF), "a document in the system prompt", BOTH),
    (
        S45,
        asked(heard(Text("a"), Image(Media(MediaKind.BASE64, "", "image/png")))),
        "the image: it is empty",
        BOTH,
    ),
    (
        S45,
        asked(heard(Text("a"), Document(Media(MediaKind.TEXT, "", "text/plain")))),
        "the document: it is empty",
        BOTH,
    ),
    # a schema of the answer, where it is enforced by nothing
    (LLAMA, asked(output_schema=OutputSchema(OBJECT)), "cannot be forced to call", (CONVERSE,)),
    (R1, asked(output_schema=OutputSchema(OBJECT)), "it has no tools either", (CONVERSE,)),
    # a system message within the conversation
    (S45, asked(user("a"), Message(Role.SYSTEM, "s"), user("b")), "system message in mid", BOTH),
    (OPUS_47, asked(user("a"), Message(Role.SYSTEM, "s"), user("b")), "message in mid", BOTH),
    # nothing to answer
    (S45, asked(heard(CachePoint())), "without messages", BOTH),
    (NOVA_PRO, asked(heard(CachePoint())), "without messages", BOTH),
    (GEMMA, CompletionRequest(()), "a request without messages", BOTH),
    (NOVA_PRO, asked(heard(PDF)), "a document without a text", (CONVERSE,)),
    (S45, asked(user(" ")), "a last message without content", BOTH),
    (NOVA_PRO, asked(user("a"), assistant("b"), user("")), "a last message without", BOTH),
]


@pytest.mark.parametrize(("model", "request_", "words", "surfaces"), REFUSED)
def test_a_request_that_no_change_can_make_right_is_refused_by_name(
    model: str, request_: CompletionRequest, words: str, surfaces: tuple[str, ...]
) -> None:
    for surface in surfaces:
        with pytest.raises(EncodeError) as caught:
            sent(model, request_, surface)
        assert words in caught.value.message
        assert caught.value.feature


# ── what is changed, and reported ─────────────────────────────────────────────────────────────────

Look = Callable[[Sent], Any]


def thinking_of(wire: Sent) -> Any:
    return wire.fields.get("thinking")


def effort_of(wire: Sent) -> Any:
    return wire.fields.get("output_config", {}).get("effort")


def betas_of(wire: Sent) -> Any:
    return wire.fields.get("anthropic_beta")


def sampling_of(wire: Sent) -> Any:
    names = ("temperature", "topP", "top_p", "maxTokens")
    found = {name: wire.inference[name] for name in names if name in wire.inference}
    return {**found, **({"top_k": wire.fields["top_k"]} if "top_k" in wire.fields else {})}


def contents_of(wire: Sent) -> Any:
    return [message["content"] for message in wire.body["messages"]]


def texts_of(wire: Sent) -> Any:
    return [
        [block.get("text", "") for block in content] if isinstance(content, list) else content
        for content in contents_of(wire)
    ]


def points_of(wire: Sent) -> list[Any]:
    """The times of every cache point, in the order of tools, system and messages."""
    config = wire.body.get("toolConfig", {}).get("tools", wire.body.get("tools", []))
    blocks = [*config, *wire.body.get("system", []), *(b for c in contents_of(wire) for b in c)]
    points = [block.get("cachePoint", block.get("cache_control")) for block in blocks]
    return [point.get("ttl") for point in points if point is not None]


def budget(tokens: int) -> Mapping[str, Any]:
    return {"type": "enabled", "budget_tokens": tokens}


SAMPLED = {"temperature": 0.2, "top_k": 5}
CITY: Mapping[str, Json] = {"type": "object", "properties": {"n": {"type": "integer"}}}
CLOSED = {**CITY, "additionalProperties": False}
LIMITED: Mapping[str, Json] = {
    "type": "object",
    "properties": {"n": {"type": "integer", "minimum": 1}},
    "additionalProperties": False,
}


def schema_of(wire: Sent) -> Any:
    if "outputConfig" in wire:
        structure = wire.body["outputConfig"]["textFormat"]["structure"]
        return loads(structure["jsonSchema"]["schema"])
    return wire.body["output_config"]["format"]["schema"]


HOUR, FIVE = CachePoint(ttl="1h"), CachePoint(ttl="5m")

CHANGED: list[tuple[str, CompletionRequest, Look, Any, set[str], tuple[str, ...]]] = [
    # next to reasoning
    (S45, thinking(2000, **SAMPLED), sampling_of, {}, {"temperature", "top_k"}, (INVOKE,)),
    (S45, thinking(2000, temperature=1), sampling_of, {"temperature": 1}, set(), (INVOKE,)),
    (S45, thinking(2000, top_p=0.5), sampling_of, {"top_p": 0.95}, {"top_p"}, (INVOKE,)),
    (SONNET_37, thinking(2000, **SAMPLED), thinking_of, budget(2000), set(SAMPLED), BOTH),
    (SONNET_46, thinking(mode="adaptive", **SAMPLED), thinking_of, {"type": "adaptive"},
     set(SAMPLED), BOTH),
    (NOVA_2, thinking(effort="high", temperature=0.3, top_p=0.9), sampling_of, {},
     {"max_tokens", "temperature", "top_p"}, BOTH),
    (NOVA_2, thinking(effort="low", temperature=0.3), sampling_of,
     {"maxTokens": 8000, "temperature": 0.3}, set(), BOTH),
    (NOVA_2, thinking(effort="medium", top_p=0.9), sampling_of,
     {"maxTokens": 8000, "topP": 0.9}, set(), BOTH),
    # budget, mode and effort
    (OPUS_47, thinking(2000), thinking_of, {"type": "adaptive"}, {"reasoning"}, BOTH),
    (OPUS_47, thinking(2000), effort_of, "medium", {"reasoning"}, BOTH),
    (OPUS_47, thinking(effort="max"), effort_of, "xhigh", {"reasoning"}, BOTH),
    (OPUS_47, thinking(effort="high"), thinking_of, {"type": "adaptive"}, {"reasoning"}, BOTH),
    (SONNET_46, thinking(effort="low"), thinking_of, {"type": "adaptive"}, {"reasoning"}, BOTH),
    (SONNET_46, thinking(effort="low", **choice(MODES.ANY)), thinking_of, None, set(), BOTH),
    (OPUS_5, thinking(effort="max"), effort_of, "max", set(), BOTH),
    (OPUS_46, thinking(2000), thinking_of, budget(2000), set(), BOTH),
    (OPUS_46, thinking(2000, mode="adaptive"), thinking_of, {"type": "adaptive"},
     {"reasoning"}, BOTH),
    (OPUS_46, thinking(effort="xhigh"), effort_of, "high", {"reasoning"}, BOTH),
    (OPUS_45, thinking(effort="max"), effort_of, "high", {"reasoning"}, BOTH),
    (OPUS_45, thinking(effort="low"), betas_of, ["effort-2025-11-24"], set(), BOTH),
    (OPUS_45, thinking(2000), betas_of, None, set(), BOTH),
    (S45, thinking(effort="low"), effort_of, None, {"reasoning"}, BOTH),
    (S45, thinking(mode="adaptive"), thinking_of, budget(4000), {"reasoning"}, BOTH),
    (S45, thinking(mode="enabled"), thinking_of, budget(4000), {"reasoning"}, BOTH),
    (S45, thinking(500), thinking_of, budget(1024), {"reasoning"}, BOTH),
    (HAIKU_45, thinking(2000, effort="high"), effort_of, None, {"reasoning"}, BOTH),
    (OPUS_55, thinking(mode="disabled"), thinking_of, None, {"reasoning"}, BOTH),
    (OPUS_46, thinking(mode="disabled", effort="low"), effort_of, "low", set(), BOTH),
    (OPUS_5, thinking(mode="disabled", effort="max"), effort_of, "high", {"reasoning"}, BOTH),
    (OPUS_47, thinking(mode="disabled"), thinking_of, None, set(), BOTH),
    (HAIKU_35, thinking(mode="disabled"), thinking_of, None, set(), BOTH),
    (UNKNOWN_CLAUDE, thinking(2000), thinking_of, {"type": "adaptive"}, {"reasoning"}, BOTH),
    # limits
    (S45, thinking(9000), thinking_of, budget(4000), {"reasoning"}, BOTH),
    (S45, thinking(9000, max_tokens=None), thinking_of, budget(9000), {"max_tokens"}, BOTH),
    (HAIKU_35, asked(max_tokens=64_000), lambda wire: sampling_of(wire) or wire.body["max_tokens"],
     8192, {"max_tokens"}, (INVOKE,)),
    # sampling
    (LLAMA, asked(top_k=5), sampling_of, {}, {"top_k"}, (CONVERSE,)),
    (GPT_OSS, asked(top_k=5, temperature=0.5), sampling_of, {"temperature": 0.5}, {"top_k"},
     (CONVERSE,)),
    (R1, asked(temperature=1.5), sampling_of, {"temperature": 1}, {"temperature"}, BOTH),
    # thoughts of earlier turns
    (S45, asked(heard(Reasoning("hm", "sig"), Text("a"))), texts_of, [["a"]], {"reasoning"}, BOTH),
    (S45, asked(user("a"), HM, user("c")), texts_of, [["a"], ["b"], ["c"]], {"reasoning"}, BOTH),
    (R1, asked(user("a"), HM, user("c")), texts_of, [["a"], ["b"], ["c"]], {"reasoning"},
     (CONVERSE,)),
    (KIMI, asked(user("a"), HM, user("c")), texts_of, [["a"], ["b"], ["c"]], {"reasoning"},
     (CONVERSE,)),
    (GPT_OSS, asked(user("a"), HM, user("c")), texts_of, [["a"], ["b"], ["c"]], {"reasoning"},
     (CONVERSE,)),
    (HAIKU_35, asked(user("a"), HM, user("c")), texts_of, [["a"], ["b"], ["c"]], {"reasoning"},
     BOTH),
    (S45, called(reasoning=ReasoningRequest("enabled", 2000), max_tokens=8000), thinking_of, None,
     {"reasoning"}, BOTH),
    (OPUS_46, called(reasoning=ReasoningRequest("adaptive"), max_tokens=8000), thinking_of,
     {"type": "adaptive"}, set(), BOTH),
    # what is said of tools
    (S45, tool(description=""), lambda wire: "description" in wire.tool, False, {"tools"}, BOTH),
    (NOVA_PRO, tool(description=" "), lambda wire: "description" in wire.tool, False, {"tools"},
     BOTH),
    (S45, tool({"properties": {}}), lambda wire: wire.tool["input_schema"],
     {"type": "object", "properties": {}}, {"tools"}, BOTH),
    (LLAMA, tool({}), lambda wire: wire.tool["input_schema"], OBJECT, {"tools"}, (CONVERSE,)),
    (OPUS_47, tool(is_strict=True), lambda wire: "strict" in wire.tool, False, {"tools"}, BOTH),
    (NOVA_PRO, tool(is_strict=True), lambda wire: "strict" in wire.tool, False, {"tools"}, BOTH),
    (SONNET_4, tool(is_strict=False), lambda wire: "strict" in wire.tool, False, set(), BOTH),
    (S45, tool(is_strict=True), lambda wire: wire.tool["strict"], True, {"tools"}, BOTH),
    # schemas of answers
    (S45, asked(output_schema=OutputSchema(CITY)), schema_of, CLOSED, {"output schema"}, BOTH),
    (S45, asked(output_schema=OutputSchema(LIMITED)), schema_of, CLOSED, {"output schema"}, BOTH),
    (S45, asked(output_schema=OutputSchema(CLOSED)), schema_of, CLOSED, set(), BOTH),
    # arguments that a limit cut
    (S45, called("t", '{"a": '), lambda wire: contents_of(wire)[1][0]["input"],
     {"arguments": '{"a": '}, {"tools"}, (INVOKE,)),
    (NOVA_PRO, called("t", '{"a": '), lambda wire: contents_of(wire)[1][0]["toolUse"]["input"],
     {"arguments": '{"a": '}, {"tools"}, BOTH),
    (S45, called("t", [1]), lambda wire: contents_of(wire)[1][0]["input"], {"arguments": [1]},
     {"tools"}, (INVOKE,)),
    # blank content
    (S45, asked(user("a"), assistant("The answer is ")), lambda wire: texts_of(wire)[-1],
     ["The answer is"], {"blank content"}, BOTH),
    (S45, asked(user("a"), said(), user("b")), texts_of, [["a"], ["b"]], {"blank content"}, BOTH),
    (LLAMA, asked(user("a"), said(Text(" ")), user("b")), texts_of, [["a"], ["b"]],
     {"blank content"}, (CONVERSE,)),
    (S45, asked(heard(Text(""), Text("a"))), texts_of, [["a"]], {"blank content"}, BOTH),
    (S45, asked(user("a"), system=(Text("\n"),)), lambda wire: "system" in wire, False,
     {"blank content"}, BOTH),
    (NOVA_PRO, asked(user("a"), system=(Text(""), CachePoint(), Text("b"))),
     lambda wire: wire.body["system"], [{"text": "b"}], {"blank content"}, BOTH),
    # cache points
    (NOVA_PRO, asked(heard(Text("a"), HOUR)), points_of, [None], {"cache points"}, BOTH),
    (NOVA_2, asked(heard(Text("a"), FIVE)), points_of, [None], set(), BOTH),
    (SONNET_4, asked(heard(Text("a"), HOUR)), points_of, [None], {"cache points"}, BOTH),
    (S45, asked(heard(Text("a"), HOUR)), points_of, ["1h"], set(), BOTH),
    (S45, asked(heard(Text("a"), HOUR), system=(Text("s"), FIVE)), points_of, ["5m", None],
     {"cache points"}, BOTH),
    (S45, asked(heard(Text("a"), FIVE), system=(Text("s"), HOUR)), points_of, ["1h", "5m"], set(),
     BOTH),
    (NOVA_PRO, asked(user("a"), tools=(F, CachePoint())), points_of, [], {"cache points"}, BOTH),
    (NOVA_PRO, called(tools=(F,)), points_of, [], set(), BOTH),
    (NOVA_PRO, asked(*called().messages[:2], heard(ToolResult("a", "x"), CachePoint()),
     tools=(F,)), points_of, [], {"cache points"}, BOTH),
    (S45, asked(user("a"), said(Reasoning("hm", "sig"), CachePoint(), Text("b")), user("c")),
     points_of, [], {"cache points"}, BOTH),
    (LLAMA, asked(heard(Text("a"), CachePoint())), points_of, [], {"cache points"}, (CONVERSE,)),
    # stop sequences
    (S45, asked(stop_sequences=("", "x")), lambda wire: wire.inference.get("stopSequences",
     wire.inference.get("stop_sequences")), ["x"], {"stop_sequences"}, BOTH),
    (GPT_OSS, asked(stop_sequences=("x",)), lambda wire: wire.body["stop"], ["x"], set(),
     (INVOKE,)),
]  # fmt: skip


@pytest.mark.parametrize(("model", "request_", "look", "right", "told", "surfaces"), CHANGED)
def test_a_request_that_can_be_made_right_is_and_every_change_is_reported(
    model: str,
    request_: CompletionRequest,
    look: Look,
    right: Any,
    told: set[str],
    surfaces: tuple[str, ...],
) -> None:
    for surface in surfaces:
        wire = sent(model, request_, surface)
        assert (look(wire), set(wire.told)) == (right, told), surface


# ── ids of calls ──────────────────────────────────────────────────────────────────────────────────

BEDROCKS = "tooluse_daIKOZu4g4GrvIIv9wdqy4"
"""An id that Bedrock made (recorded of Pixtral)."""
LONG = ("call_1740241912345", "call_1740241912346", "a", "", "chatcmpl-tool-0123456789", "a.b:c")


def ids_of(wire: Sent) -> tuple[list[str], list[str]]:
    """The ids of the calls and of the results."""
    if "toolConfig" in wire.body:
        blocks = [block for content in contents_of(wire) for block in content]
        uses = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
        results = [block["toolResult"]["toolUseId"] for block in blocks if "toolResult" in block]
        return uses, results
    messages = wire.body["messages"]
    uses = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    return uses, [each["tool_call_id"] for each in messages if each["role"] == "tool"]


@pytest.mark.parametrize("model", [PIXTRAL, LARGE_3, "mistral.mistral-large-2407-v1:0"])
@pytest.mark.parametrize("surface", BOTH)
def test_mistral_gets_nine_letters_or_digits_in_call_and_result_alike(
    model: str, surface: str
) -> None:
    calls = said(*(ToolUse(call_id, "f", {}) for call_id in LONG))
    results = heard(*(ToolResult(call_id, "x") for call_id in LONG))

    uses, answered = ids_of(sent(model, asked(user("a"), calls, results, tools=(F,)), surface))

    assert uses == answered and len(set(uses)) == len(LONG)
    assert all(len(each) == 9 and each.isascii() and each.isalnum() for each in uses)


@pytest.mark.parametrize("surface", BOTH)
@pytest.mark.parametrize("call_id", [BEDROCKS, "getphoto1"])
def test_an_id_that_mistral_takes_is_sent_as_it_is(surface: str, call_id: str) -> None:
    assert ids_of(sent(PIXTRAL, called(call_id), surface)) == ([call_id], [call_id])


@pytest.mark.parametrize("model", [S45, NOVA_PRO, PIXTRAL])
def test_ids_that_come_again_in_a_later_turn_become_different_ones(model: str) -> None:
    twice = asked(*called("call_1").messages, *called("call_1").messages[1:], tools=(F,))

    uses, answered = ids_of(sent(model, twice, CONVERSE))

    assert uses == answered and len(set(uses)) == 2


def test_an_answer_that_names_an_earlier_call_has_the_callers_id() -> None:
    codec, facts = codec_of(PIXTRAL, CONVERSE)
    facts = facts_of(facts.base_id, CONVERSE, facts)
    fitted = fit(called("call_17"), codec, facts)
    ((sent_as, _),) = fitted.call_ids.items()

    answer = fitted.answer(Completion((ToolUse(sent_as, "f", {}),), StopReason.TOOL_USE))

    assert answer.content == (ToolUse("call_17", "f", {}),)


def test_a_conversation_that_goes_on_has_the_ids_that_it_had() -> None:
    first = ids_of(sent(PIXTRAL, called("call_17")))[0]
    later = asked(*called("call_17").messages, *called("call_18").messages, tools=(F,))

    assert ids_of(sent(PIXTRAL, later))[0][:1] == first


# ── edges of JSON ─────────────────────────────────────────────────────────────────────────────────

HALF = "a\ud83d"
"""Half of an emoji, as a program cuts it that counts UTF-16."""
HUGE = 12345678901234567890123


@pytest.mark.parametrize(
    "make",
    [
        lambda: user(HALF),
        lambda: Text(HALF),
        lambda: asked(system=HALF),
        lambda: Reasoning(HALF),
        lambda: ToolUse("t", "f", {"text": HALF}),
        lambda: ToolUse("t", "f", {HALF: 1}),
        lambda: ToolUse("t", "f", HALF),
        lambda: ToolResult("t", HALF),
        lambda: Tool("f", HALF, OBJECT),
        lambda: Tool("f", "d", {"type": "object", "description": HALF}),
        lambda: asked(stop_sequences=(HALF,)),
        lambda: asked(metadata={"user_id": HALF}),
        lambda: asked(options={"x": HALF}),
    ],
)
def test_half_a_character_is_refused_where_it_is_given_and_never_quoted(
    make: Callable[[], Any],
) -> None:
    with pytest.raises(RequestError, match="lone surrogate at character") as caught:
        make()
    assert HALF not in caught.value.message


@pytest.mark.parametrize("surface", BOTH)
@pytest.mark.parametrize("model", [S45, NOVA_PRO, GPT_OSS, PIXTRAL, KIMI])
def test_a_number_of_many_digits_goes_out_with_all_of_them(model: str, surface: str) -> None:
    for number in (HUGE, -HUGE, 2**64, 2**63):
        request = called("abcdefghi", {"n": number, "deep": [{"m": number}]})
        written = dumps(sent(model, request, surface).body).replace(b'\\"', b'"').decode()
        assert f'"n":{number}' in written and f'"m":{number}' in written


def codec_of(model: str, surface: str) -> Any:
    base_id = parse_model_id(model).base_id or ""
    return REGISTRY.for_base_id(base_id, surface), ModelFacts(base_id=base_id)


def content_of(model: str, surface: str, chunks: Iterable[Json]) -> tuple[Any, ...]:
    """The content of a stream of these chunks, as far as they go."""
    codec, facts = codec_of(model, surface)
    decoder = codec.stream_decoder(facts)
    events = [event for chunk in chunks for event in decoder.feed(chunk)]
    return assemble([*events, Ended()]).content


ARGUMENTS = f'{{"n": {HUGE}}}'
CALL = {"id": "t", "type": "function", "function": {"name": "f", "arguments": ARGUMENTS}}
USED = {"toolUse": {"toolUseId": "t", "name": "f", "input": {"n": HUGE}}}
BY_CONVERSE = {"output": {"message": {"role": "assistant", "content": [USED]}}, "usage": {}}
BY_CLAUDE = {
    "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"n": HUGE}}],
    "usage": {},
}
BY_OPENAI = {"choices": [{"message": {"role": "assistant", "tool_calls": [CALL]}}]}


@pytest.mark.parametrize(
    ("model", "surface", "answer"),
    [
        (S45, INVOKE, BY_CLAUDE),
        (NOVA_PRO, INVOKE, BY_CONVERSE),
        (LLAMA, CONVERSE, BY_CONVERSE),
        (GPT_OSS, INVOKE, BY_OPENAI),
    ],
)
def test_a_number_of_many_digits_comes_back_with_all_of_them(
    model: str, surface: str, answer: Json
) -> None:
    codec, facts = codec_of(model, surface)

    (call,) = codec.decode_response(loads(dumps(answer)), facts).content

    assert call.input == {"n": HUGE}


def claude_delta(json: str) -> Json:
    delta = {"type": "input_json_delta", "partial_json": json}
    return {"type": "content_block_delta", "index": 0, "delta": delta}


def converse_delta(json: str) -> Json:
    return {"contentBlockDelta": {"delta": {"toolUse": {"input": json}}, "contentBlockIndex": 0}}


CONVERSE_START = {
    "contentBlockStart": {
        "start": {"toolUse": {"toolUseId": "t", "name": "f"}},
        "contentBlockIndex": 0,
    }
}
CLAUDE_START = {
    "type": "content_block_start",
    "index": 0,
    "content_block": {"type": "tool_use", "id": "t", "name": "f", "input": {}},
}


@pytest.mark.parametrize(
    ("model", "surface", "start", "delta"),
    [
        (S45, INVOKE, CLAUDE_START, claude_delta),
        (S45, CONVERSE, CONVERSE_START, converse_delta),
        (NOVA_PRO, INVOKE, CONVERSE_START, converse_delta),
        (LARGE_3, CONVERSE, CONVERSE_START, converse_delta),
    ],
)
def test_a_number_that_chunks_cut_keeps_its_digits(
    model: str, surface: str, start: Json, delta: Callable[[str], Json]
) -> None:
    pieces = (ARGUMENTS[at : at + 5] for at in range(0, len(ARGUMENTS), 5))

    (call,) = content_of(model, surface, [start, *map(delta, pieces)])

    assert call.input == {"n": HUGE}


# ── two kinds of block under one number ───────────────────────────────────────────────────────────


def delta(index: int, **what: Json) -> Json:
    return {"contentBlockDelta": {"delta": what, "contentBlockIndex": index}}


THOUGHT = {"reasoningContent": {"text": "th"}}
SIGNED = {"reasoningContent": {"signature": "sig"}}
REDACTED = {"reasoningContent": {"redactedContent": "cmVk"}}


@pytest.mark.parametrize(
    ("deltas", "content"),
    [
        ([THOUGHT, {"text": "ans"}], (Reasoning("th"), Text("ans"))),
        ([{"text": "ans"}, THOUGHT], (Text("ans"), Reasoning("th"))),
        ([THOUGHT, SIGNED, {"text": "ans"}], (Reasoning("th", "sig"), Text("ans"))),
        ([REDACTED, {"text": "ans"}], (Reasoning(redacted="cmVk"), Text("ans"))),
        ([THOUGHT, {"text": "a"}, THOUGHT, {"text": "b"}],
         (Reasoning("th"), Text("a"), Reasoning("th"), Text("b"))),
        ([{"text": ""}, THOUGHT, {"text": "ans"}], (Text(""), Reasoning("th"), Text("ans"))),
    ],
)  # fmt: skip
def test_reasoning_and_text_under_one_number_are_two_blocks(
    deltas: list[Mapping[str, Json]], content: tuple[Any, ...]
) -> None:
    chunks = [delta(0, **each) for each in deltas]

    assert content_of(GPT_OSS, CONVERSE, chunks) == content


# ── calls and results, where the model looks for them ─────────────────────────────────────────────

CSV = Document(Media(MediaKind.TEXT, "a,b", "text/csv"), name="a")
CALL, RESULT = ToolUse("a", "f", {}), ToolResult("a", "x")


def kinds_of(wire: Sent) -> list[str]:
    """The kinds of the blocks of each message, a letter each: `t` a text, `c` a call, `r` a
    result, `d` a document, `i` a picture."""
    letters = {"toolUse": "c", "tool_use": "c", "toolResult": "r", "tool_result": "r"}
    names = {**letters, "document": "d", "image": "i", "text": "t", "cachePoint": ""}
    return [
        "".join(names[block.get("type") or next(iter(block))] for block in content)
        for content in contents_of(wire)
    ]


def round_of(asking: Iterable[Any], *answering: Message) -> CompletionRequest:
    return asked(user("a"), said(*asking), *answering, tools=(F,))


MIXED, TOOLS = "tool results next to other blocks", "tools"


@pytest.mark.parametrize(
    ("request_", "kinds", "told"),
    [
        (round_of([CALL], heard(RESULT, Text("b"))), ["t", "c", "rt"], ()),
        (round_of([CALL], heard(Text("b"), RESULT)), ["t", "c", "rt"], (MIXED,)),
        (round_of([CALL], user("b"), heard(RESULT)), ["t", "c", "rt"], ()),
        (round_of([CALL], heard(Text("b"), RESULT, CachePoint())), ["t", "c", "rt"], (MIXED,)),
        (round_of([CALL, Text("b")], heard(RESULT)), ["t", "tc", "r"], (TOOLS,)),
        (round_of([CALL, CachePoint(), Text("b")], heard(RESULT)), ["t", "tc", "r"], (TOOLS,)),
        (round_of([Text("b"), CALL], heard(RESULT)), ["t", "tc", "r"], ()),
    ],
)  # fmt: skip
def test_nothing_stands_between_a_call_and_its_result_to_claude(
    request_: CompletionRequest, kinds: list[str], told: tuple[str, ...]
) -> None:
    for model, surface in ((S45, INVOKE), (S45, CONVERSE), (UNKNOWN_CLAUDE, CONVERSE)):
        wire = sent(model, request_, surface)
        assert (kinds_of(wire), wire.told) == (kinds, told)


def test_calls_and_results_of_other_models_stay_where_they_are() -> None:
    wire = sent(NOVA_PRO, round_of([CALL, Text("b")], heard(Text("c"), RESULT)), CONVERSE)
    assert (kinds_of(wire), wire.told) == (["t", "ct", "tr"], ())


def test_a_document_stands_apart_from_results_to_claude() -> None:
    request = round_of([CALL], heard(RESULT, Text("b"), CSV))
    wire = sent(S45, request, CONVERSE)
    assert (kinds_of(wire), wire.told) == (["t", "c", "r", "t", "td"], (MIXED,))
    assert kinds_of(sent(S45, request)) == ["t", "c", "rtd"], "its own form takes it"
    assert kinds_of(sent(NOVA_PRO, request, CONVERSE)) == ["t", "c", "rtd"]


@pytest.mark.parametrize("value", [[1, 2], "x", None, 3, True])
def test_json_that_is_no_object_is_a_text_in_the_result_of_a_tool(value: Json) -> None:
    request = round_of([CALL], heard(ToolResult("a", Data(value))))
    for model, surface in ((S45, CONVERSE), (NOVA_PRO, CONVERSE), (NOVA_PRO, INVOKE)):
        wire = sent(model, request, surface)
        (block,) = contents_of(wire)[-1]
        assert block["toolResult"]["content"] == [{"text": dumps(value).decode()}]
        assert wire.told == ("JSON as a tool result",)


def test_an_object_is_json_in_the_result_of_a_tool() -> None:
    wire = sent(NOVA_PRO, round_of([CALL], heard(ToolResult("a", Data({"n": 1})))), CONVERSE)
    (block,) = contents_of(wire)[-1]
    assert (block["toolResult"]["content"], wire.told) == ([{"json": {"n": 1}}], ())


def test_an_empty_signature_signs_nothing() -> None:
    unsigned = said(Reasoning("hm", signature=""), Text("b"))
    for surface in BOTH:
        wire = sent(S45, asked(user("a"), unsigned, user("c")), surface)
        assert (texts_of(wire), wire.told) == ([["a"], ["b"], ["c"]], ("reasoning",))


def test_documents_without_a_name_are_told_apart() -> None:
    nameless = Document(Media(MediaKind.BASE64, "JVBERi0xLjQK", "application/pdf"))
    named = Document(nameless.source, name="document")
    request = asked(heard(Text("a"), nameless, named), assistant("b"), heard(Text("c"), nameless))
    wire = sent(S45, request, CONVERSE)
    names = [block["document"]["name"] for each in contents_of(wire) for block in each[1:]]
    assert names == ["document", "document (2)", "document (3)"]


def test_a_system_message_that_leads_is_system_text_to_an_older_claude() -> None:
    for surface in BOTH:
        wire = sent(S45, asked(Message(Role.SYSTEM, "s"), user("a")), surface)
        assert ([block["text"] for block in wire.body["system"]], texts_of(wire)) == (
            ["s"],
            [["a"]],
        )


def test_a_picture_in_s3_has_the_type_that_its_name_ends_in() -> None:
    picture = Image(Media(MediaKind.S3, "s3://bucket/a.jpg"))
    for surface in BOTH:
        _, block = contents_of(sent(NOVA_PRO, asked(heard(Text("a"), picture)), surface))[0]
        assert block["image"]["format"] == "jpeg"


@pytest.mark.parametrize("model", [NOVA_PRO, PIXTRAL, MICRO, NOVA_2, "cohere.command-r-v1:0"])
def test_a_schema_becomes_a_tool_where_answers_are_held_to_none(model: str) -> None:
    wire = sent(model, asked(output_schema=OutputSchema(CITY)), CONVERSE)
    assert "outputConfig" not in wire
    assert (wire.tool["input_schema"], wire.told) == (CITY, ("output schema",))


def test_labels_that_are_no_text_are_left_out_and_told() -> None:
    wire = sent(S45, asked(metadata={"a": 1, "b": "c"}), CONVERSE)
    assert (wire.body["requestMetadata"], wire.told) == ({"b": "c"}, ("metadata",))


@pytest.mark.parametrize(
    ("schema", "right"),
    [
        ({"type": "object", "properties": None, "required": None}, OBJECT),
        ({"properties": None}, OBJECT),
        (of_n({"minimum": 0, "exclusiveMinimum": True}), of_n({"exclusiveMinimum": 0})),
        (of_n({"maximum": 9, "exclusiveMaximum": False}), of_n({"maximum": 9})),
        (of_n({"description": None, "default": None}), of_n({"default": None})),
        (of_n({"anyOf": [{"items": {"title": None}}]}), of_n({"anyOf": [{"items": {}}]})),
    ],
)
def test_a_schema_is_written_as_the_newest_draft_has_it(
    schema: Mapping[str, Json], right: Mapping[str, Json]
) -> None:
    for model, surface in ((S45, INVOKE), (S45, CONVERSE), (NOVA_PRO, INVOKE), (LLAMA, CONVERSE)):
        wire = sent(model, tool(schema), surface)
        found = wire.tool["inputSchema"]["json"] if "inputSchema" in wire.tool else None
        assert (found or wire.tool["input_schema"], set(wire.told)) == (right, {"tools"})


@pytest.mark.parametrize(
    "parts",
    [
        {"system": (CachePoint(),)},
        {"system": (CachePoint(), Text("s"))},
        {"system": (Text("s"), CachePoint(), CachePoint())},
        {"tools": (CachePoint(), F)},
        {"tools": (F, CachePoint(), CachePoint())},
        {"messages": (heard(Text("a"), CachePoint(), CachePoint()),)},
    ],
)
def test_a_cache_point_follows_a_block_and_only_one_does(parts: dict[str, Any]) -> None:
    request = asked(*parts.pop("messages", ()), **parts)
    for surface in BOTH:
        wire = sent(S45, request, surface)
        given = sum(isinstance(each, CachePoint) for each in (*request.tools, *request.system))
        given += sum(isinstance(each, CachePoint) for each in request.messages[0].content)
        assert (len(points_of(wire)), wire.told) == (given - 1, ("cache points",))


def system_among_results() -> CompletionRequest:
    between = Message(Role.SYSTEM, "s")
    return asked(user("a"), said(CALL), between, heard(RESULT), user("b"), tools=(F,))


@pytest.mark.parametrize("model", [NOVA_PRO, "ai21.jamba-1-5-large-v1:0"])
def test_no_model_but_claude_takes_a_system_message_among_messages(model: str) -> None:
    with pytest.raises(EncodeError, match="system message in mid-conversation"):
        sent(model, system_among_results(), CONVERSE)


def test_a_system_message_stands_after_the_results_that_it_would_part() -> None:
    wire = sent(UNKNOWN_CLAUDE, system_among_results(), CONVERSE)
    roles = [message["role"] for message in wire.body["messages"]]
    assert (roles, kinds_of(wire)) == (
        ["user", "assistant", "user", "system"],
        ["t", "c", "rt", "t"],
    )
    assert wire.told == ("system message in mid-conversation",)


def test_a_round_of_calls_goes_on_though_the_user_spoke_after_the_results() -> None:
    parts = {"tools": (F,), "messages": (user("a"), said(CALL), heard(RESULT), user("b"))}
    for surface in BOTH:
        wire = sent(S45, thinking(2000, **parts), surface)
        assert (thinking_of(wire), wire.told) == (None, ("reasoning",))


def test_the_schema_of_a_strict_tool_is_closed_where_answers_must_be() -> None:
    limited = {**LIMITED, "additionalProperties": True}
    for surface in BOTH:
        wire = sent(S45, tool(limited, is_strict=True), surface)
        assert (wire.tool["strict"], wire.tool["input_schema"]) == (True, CLOSED)
        assert wire.told == ("tools",)
        assert sent(S45, tool(limited), surface).tool["input_schema"] == limited
    assert sent(SONNET_4, tool(limited, is_strict=True)).tool["input_schema"] == limited


def test_blanks_at_the_end_of_an_answer_are_cut_for_the_first_claudes_too() -> None:
    wire = sent("anthropic.claude-v2:1", asked(user("a"), assistant("b ")), CONVERSE)
    assert (texts_of(wire)[-1], wire.told) == (["b"], ("blank content",))


@pytest.mark.parametrize(
    ("model", "request_", "told"),
    [
        (S45, thinking(500, max_tokens=1000), ("reasoning",)),
        (S45, thinking(500, messages=(user("a"), said(CALL), heard(RESULT)), tools=(F,)),
         ("reasoning",)),
        (OPUS_47, thinking(effort="minimal"), ("reasoning",)),
        (OPUS_47, thinking(effort="high", top_p=0.3), ("reasoning", "top_p")),
    ],
)  # fmt: skip
def test_what_became_of_a_request_is_told_once(
    model: str, request_: CompletionRequest, told: tuple[str, ...]
) -> None:
    for surface in BOTH:
        assert sent(model, request_, surface).told == told


@pytest.mark.parametrize(
    ("model", "kinds"),
    [
        ("us.openai.gpt-5.5", ["t", "c", "rii"]),
        (GEMMA, ["t", "c", "rii"]),
        ("qwen.qwen3-vl-235b-a22b", ["t", "c", "rii"]),
        (PIXTRAL, ["t", "c", "r", "t", "ii"]),
        (S45, ["t", "c", "r"]),
        (NOVA_PRO, ["t", "c", "r"]),
        ("us.meta.llama4-maverick-17b-instruct-v1:0", ["t", "c", "r"]),
    ],
)
def test_a_picture_in_a_result_is_the_users_where_results_have_none(
    model: str, kinds: list[str]
) -> None:
    wire = sent(model, round_of([CALL], heard(ToolResult("a", (PICTURE, "b", PICTURE)))), CONVERSE)
    assert kinds_of(wire) == kinds
    result = contents_of(wire)[2][0]["toolResult"]["content"]
    assert ("images" in wire.told) is all("text" in block for block in result)
