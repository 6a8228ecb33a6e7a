"""What Bedrock refuses, the emulator refuses in its words, and it answers the mended twin.

Every case is sent by unmodified boto3: a request that is refused, the words of the refusal, and the
same request as it should have been.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, TypeAlias

import orjson
import pytest
from attrs import frozen

from axonflow_bedrock.emulator import emulator, installed_codecs
from axonflow_bedrock.emulator.refused import EMBEDDING_LIMITS, ROWS, refuse
from axonflow_bedrock.models.table import load_models
from axonflow_bedrock.recorded import BedrockRecordingFormat
from axonflow_bedrock.serving import serving
from axonflow_bedrock.wire.endpoint import ServiceException
from axonflow_core.codec import FamilyCodec, ModelFacts
from axonflow_core.testing import Recording, read_recordings

Body: TypeAlias = dict[str, Any]

SONNET = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
OPUS_4_5 = "us.anthropic.claude-opus-4-5-20251101-v1:0"
OPUS_4_7 = "us.anthropic.claude-opus-4-7"
NOVA = "us.amazon.nova-pro-v1:0"
NOVA_2 = "us.amazon.nova-2-lite-v1:0"
LLAMA = "us.meta.llama3-3-70b-instruct-v1:0"
R1 = "us.deepseek.r1-v1:0"
PIXTRAL = "us.mistral.pixtral-large-2502-v1:0"
GPT = "openai.gpt-oss-120b-1:0"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNkYAAAAAYAAjCB0C8AAAAASUVORK5CYII="


@frozen
class Case:
    """A request that is refused, and its mended twin."""

    name: str
    model: str
    body: Body
    words: str
    mended: Body
    code: str = "ValidationException"

    @property
    def is_converse(self) -> bool:
        return self.words.startswith("converse: ")

    @property
    def message(self) -> str:
        return self.words.partition(": ")[2]


# ── bodies ────────────────────────────────────────────────────────────────────────────────────────


def converse(*turns: Any, **members: Any) -> Body:
    """A body of Converse; turns alternate, the user first."""
    return {"messages": alternating(turns), **members}


def claude(*turns: Any, **members: Any) -> Body:
    """A body of Claude's own form."""
    head = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4000}
    return {**head, "messages": alternating(turns), **members}


def alternating(turns: tuple[Any, ...]) -> list[Body]:
    roles = ("user", "assistant") * len(turns)
    return [{"role": role, "content": turn} for role, turn in zip(roles, turns, strict=False)]


def uses(*ids: str) -> list[Body]:
    return [{"toolUse": {"toolUseId": each, "name": "f", "input": {}}} for each in ids]


def results(*ids: str) -> list[Body]:
    return [{"toolResult": {"toolUseId": each, "content": [{"text": "r"}]}} for each in ids]


def tool_uses(*ids: str) -> list[Body]:
    return [{"type": "tool_use", "id": each, "name": "f", "input": {}} for each in ids]


def tool_results(*ids: str) -> list[Body]:
    return [{"type": "tool_result", "tool_use_id": each, "content": "r"} for each in ids]


def spec(schema: Any = None, **members: Any) -> Body:
    tool = {"name": "f", "inputSchema": {"json": schema or {"type": "object"}}, **members}
    return {"tools": [{"toolSpec": tool}]}


def tool(schema: Any = None, **members: Any) -> list[Body]:
    return [{"name": "f", "input_schema": schema or {"type": "object"}, **members}]


def fields(**members: Any) -> Body:
    return {"additionalModelRequestFields": members}


def thinking(budget: int = 2000) -> Body:
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def image(kind: str = "image/png", **source: Any) -> list[Body]:
    given = source or {"type": "base64", "media_type": kind, "data": PNG}
    return [{"type": "image", "source": given}, {"type": "text", "text": "Look."}]


HI = [{"text": "Hi"}]
SAID = [{"type": "text", "text": "Hi"}]
ASKED = {"toolConfig": spec()}
ANY = {"toolConfig": {**spec(), "toolChoice": {"any": {}}}}
COMPOSED = {"type": "object", "anyOf": [{"required": ["a"]}]}
CALL_AND_RESULT = (HI, uses("t1"), results("t1"))
PROPERTIES = {"properties": {"a": {"type": "string"}}}

NOT_FOUND = "messages.1: `tool_use` ids were found without `tool_result` blocks immediately after"
PASSED_ON = f"converse: The model returned the following errors: {NOT_FOUND}"
CSV = {"document": {"name": "a", "format": "csv", "source": {"bytes": b"a,b"}}}


PICTURE = {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n"}}


def result_of(**content: Any) -> list[Body]:
    return [{"toolResult": {"toolUseId": "t1", "content": [content]}}]


def paper(name: str) -> Body:
    return {"document": {"name": name, "format": "pdf", "source": {"bytes": b"%PDF-1.4"}}}


def seen(data: bytes = b"\x89PNG\r\n\x1a\n") -> list[Body]:
    return [*HI, {"image": {"format": "png", "source": {"bytes": data}}}]


FORMAT = {"type": "json_schema", "structure": {"jsonSchema": {"schema": '{"type": "object"}'}}}

CONVERSED = [
    Case(
        "null in a schema",
        SONNET,
        converse(HI, toolConfig=spec({"type": "object", "properties": None})),
        "converse: The json schema definition at toolConfig.tools.0.toolSpec.inputSchema is "
        "invalid. Fix the following errors and try again: $.properties: null found, object",
        converse(HI, toolConfig=spec({"type": "object", "properties": {}})),
    ),
    Case(
        "two documents of one name",
        SONNET,
        converse([*HI, paper("a")], HI, [*HI, paper("a")]),
        "converse: Messages can't contain duplicate document names. Rename the document and retry",
        converse([*HI, paper("a")], HI, [*HI, paper("b")]),
    ),
    Case(
        "a picture, to a model without eyes",
        "us.amazon.nova-micro-v1:0",
        converse(seen()),
        "converse: This model doesn't support the image content block that you provided.",
        converse(HI),
    ),
    Case(
        "a picture without bytes",
        SONNET,
        converse(seen(b"")),
        "converse: 1 validation error detected: Value '' at 'messages.1.member.content.2.member."
        "image.source.bytes' failed to satisfy constraint: Member must have length greater than",
        converse(seen()),
    ),
    Case(
        "a schema of the answer, to a model that is held to none",
        NOVA,
        converse(HI, outputConfig={"textFormat": FORMAT}),
        "converse: This model doesn't support the outputConfig.textFormat field.",
        converse(HI),
    ),
    Case(
        "a text after a call",
        SONNET,
        converse(HI, [*uses("t1"), *HI], results("t1"), **ASKED),
        PASSED_ON,
        converse(HI, [*HI, *uses("t1")], results("t1"), **ASKED),
    ),
    Case(
        "a text before a result",
        SONNET,
        converse(HI, uses("t1"), [*HI, *results("t1")], **ASKED),
        PASSED_ON,
        converse(HI, uses("t1"), [*results("t1"), *HI], **ASKED),
    ),
    Case(
        "a document next to a result",
        SONNET,
        converse(HI, uses("t1"), [*results("t1"), *HI, CSV], **ASKED),
        PASSED_ON,
        converse(HI, uses("t1"), results("t1"), HI, [*HI, CSV], **ASKED),
    ),
    Case(
        "a picture as the result",
        "mistral.mistral-large-3-675b-instruct",
        converse(HI, uses("t1"), result_of(image=PICTURE), **ASKED),
        "converse: This model doesn't support the image field for user messages. Remove image and",
        converse(HI, uses("t1"), result_of(text="seen"), **ASKED),
    ),
    Case(
        "a list as the result",
        NOVA,
        converse(HI, uses("t1"), result_of(json=[1]), **ASKED),
        "converse: The format of the value at messages.2.content.0.toolResult.content.0.json is "
        "invalid. Provide a json object for the field and try again.",
        converse(HI, uses("t1"), result_of(json={"n": [1]}), **ASKED),
    ),
    Case(
        "a call that nobody answered",
        SONNET,
        converse(HI, uses("t1", "t2"), results("t1"), **ASKED),
        "converse: Expected toolResult blocks at messages.2.content for the following Ids: t2",
        converse(HI, uses("t1", "t2"), results("t1", "t2"), **ASKED),
    ),
    Case(
        "a call that a text answered",
        NOVA,
        converse(HI, uses("t1"), HI, **ASKED),
        "converse: Expected toolResult blocks at messages.2.content for the following Ids: t1",
        converse(*CALL_AND_RESULT, **ASKED),
    ),
    Case(
        "a result that nobody asked for",
        SONNET,
        converse(HI, HI, results("t1"), **ASKED),
        "converse: The number of toolResult blocks at messages.2.content exceeds the number of "
        "toolUse blocks of previous turn.",
        converse(*CALL_AND_RESULT, **ASKED),
    ),
    Case(
        "a result too many",
        "qwen.qwen3-32b-v1:0",
        converse(HI, uses("t1"), results("t1", "t2"), **ASKED),
        "converse: The number of toolResult blocks at messages.2.content exceeds",
        converse(*CALL_AND_RESULT, **ASKED),
    ),
    Case(
        "a result one turn late",
        SONNET,
        converse(HI, uses("t1"), HI, HI, results("t1"), **ASKED),
        "converse: The number of toolResult blocks at messages.4.content exceeds",
        converse(*CALL_AND_RESULT, HI, HI, **ASKED),
    ),
    Case(
        "a result twice",
        SONNET,
        converse(HI, uses("t1"), results("t1", "t1"), **ASKED),
        "converse: The toolResult blocks at messages.2.content contain duplicate Ids: t1",
        converse(*CALL_AND_RESULT, **ASKED),
    ),
    Case(
        "no tools for a call",
        NOVA,
        converse(*CALL_AND_RESULT),
        "converse: The toolConfig field must be defined when using toolUse and toolResult",
        converse(*CALL_AND_RESULT, **ASKED),
    ),
    Case(
        "results among texts",
        PIXTRAL,
        converse(HI, uses("abcdefgh1"), [*results("abcdefgh1"), *HI], **ASKED),
        "converse: messages.2.content: Conversation blocks and tool result blocks cannot be",
        converse(HI, uses("abcdefgh1"), results("abcdefgh1"), **ASKED),
    ),
    Case(
        "short ids of calls",
        PIXTRAL,
        converse(HI, uses("a"), results("a"), **ASKED),
        "converse: The model returned the following errors: Tool call id was a but must be a-z, "
        "A-Z, 0-9, with a length of 9.",
        converse(HI, uses("tooluse_bpe71yCfRu2b5i"), results("tooluse_bpe71yCfRu2b5i"), **ASKED),
    ),
    Case(
        "no messages",
        SONNET,
        converse(),
        "converse: A conversation must start with a user message.",
        converse(HI),
    ),
    Case(
        "the assistant first",
        LLAMA,
        {"messages": [{"role": "assistant", "content": HI}, {"role": "user", "content": HI}]},
        "converse: A conversation must start with a user message.",
        converse(HI),
    ),
    Case(
        "a blank text",
        NOVA,
        converse([{"text": " \n"}]),
        "converse: The text field in the ContentBlock object at messages.0.content.0 is blank.",
        converse(HI),
    ),
    Case(
        "a message without content",
        SONNET,
        converse(HI, [], HI),
        "converse: The content field in the Message object at messages.1 is empty.",
        converse(HI, HI, HI),
    ),
    Case(
        "blanks at the end",
        SONNET,
        converse(HI, [{"text": "The answer is "}]),
        "converse: The model returned the following errors: messages: final assistant content "
        "cannot end with trailing whitespace",
        converse(HI, [{"text": "The answer is"}]),
    ),
    Case(
        "stop sequences, to gpt-oss",
        GPT,
        converse(HI, inferenceConfig={"stopSequences": ["END"]}),
        "converse: This model doesn't support the stopSequences field. Remove stopSequences and",
        converse(HI, inferenceConfig={"maxTokens": 100}),
    ),
    Case(
        "stop sequences, to Qwen",
        "qwen.qwen3-32b-v1:0",
        converse(HI, inferenceConfig={"stopSequences": []}),
        "converse: This model doesn't support the stopSequences field.",
        converse(HI),
    ),
    Case(
        "Claude's thinking, to Llama",
        LLAMA,
        converse(HI, **fields(**thinking())),
        "converse: The model returned the following errors: Malformed input request: #: extraneous "
        "key [thinking] is not permitted",
        converse(HI),
    ),
    Case(
        "Claude's thinking, to DeepSeek",
        R1,
        converse(HI, **fields(**thinking())),
        "converse: The model returned the following errors: Malformed input request: #: extraneous",
        converse(HI),
    ),
    Case(
        "Claude's thinking, to Nova",
        NOVA_2,
        converse(HI, **fields(**thinking())),
        "converse: The model returned the following errors: Malformed input request: #: extraneous",
        converse(HI, **fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "low"})),
    ),
    Case(
        "reasoning, to the first Nova",
        NOVA,
        converse(HI, **fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "low"})),
        "converse: The model returned the following errors: Malformed input request: the provided "
        "reasoning config value is invalid",
        converse(HI),
    ),
    Case(
        "a limit beside Nova's highest effort",
        NOVA_2,
        converse(
            HI,
            inferenceConfig={"maxTokens": 8000},
            **fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"}),
        ),
        "converse: The model returned the following errors: Malformed input request: max_tokens",
        converse(HI, **fields(reasoningConfig={"type": "enabled", "maxReasoningEffort": "high"})),
    ),
    Case(
        "a thought, to DeepSeek",
        R1,
        converse(HI, [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, *HI], HI),
        "converse: User messages cannot contain reasoning content.",
        converse(HI, HI, HI),
    ),
    Case(
        "a thought without a signature",
        SONNET,
        converse(HI, [{"reasoningContent": {"reasoningText": {"text": "hm"}}}, *HI], HI),
        "converse: The model returned the following errors: messages.1.content.0.thinking."
        "signature: Field required",
        converse(HI, HI, HI),
    ),
    Case(
        "a forced tool beside thinking",
        SONNET,
        converse(HI, **ANY, **fields(**thinking())),
        "converse: The model returned the following errors: Thinking may not be enabled when "
        "tool_choice forces tool use.",
        converse(HI, **ASKED, **fields(**thinking())),
    ),
    Case(
        "a small budget",
        SONNET,
        converse(HI, **fields(**thinking(500))),
        "converse: The model returned the following errors: thinking.enabled.budget_tokens: Input "
        "should be greater than or equal to 1024",
        converse(HI, **fields(**thinking(1024))),
    ),
    Case(
        "a budget, to a Claude that decides for itself",
        OPUS_4_7,
        converse(HI, **fields(**thinking())),
        'converse: The model returned the following errors: "thinking.type.enabled" is not',
        converse(HI, **fields(thinking={"type": "adaptive"}, output_config={"effort": "low"})),
    ),
    Case(
        "a schema without a type",
        "zai.glm-5",
        converse(HI, toolConfig=spec(PROPERTIES)),
        "converse: The value at toolConfig.tools.0.toolSpec.inputSchema.json.type must be one of "
        "the following: object.",
        converse(HI, toolConfig=spec({"type": "object", **PROPERTIES})),
    ),
    Case(
        "a schema with alternatives at its top",
        SONNET,
        converse(HI, toolConfig=spec(COMPOSED)),
        "converse: The model returned the following errors: tools.0.custom.input_schema: "
        "input_schema does not support oneOf, allOf, or anyOf at the top level",
        converse(HI, toolConfig=spec()),
    ),
    Case(
        "a forced tool, to Llama",
        LLAMA,
        converse(HI, **ANY),
        "converse: This model doesn't support the toolConfig.toolChoice.any field.",
        converse(HI, **ASKED),
    ),
    Case(
        "cache points, to Llama",
        LLAMA,
        converse([*HI, {"cachePoint": {"type": "default"}}]),
        "converse: You invoked an unsupported model or your request did not allow prompt caching.",
        converse(HI),
        "AccessDeniedException",
    ),
    Case(
        "an hour's cache point, to Nova",
        NOVA,
        converse([*HI, {"cachePoint": {"type": "default", "ttl": "1h"}}]),
        "converse: The model returned the following errors: Malformed input request: #/messages/0/"
        "content/1/cachePoint: extraneous key [ttl] is not permitted",
        converse([*HI, {"cachePoint": {"type": "default"}}]),
    ),
    Case(
        "a format that is none",
        NOVA,
        converse([{"image": {"format": "jpg", "source": {"bytes": b"\xff\xd8\xff"}}}, *HI]),
        "converse: 1 validation error detected: Value 'jpg' at 'messages.1.member.content.1.member."
        "image.format' failed to satisfy constraint: Member must satisfy enum value set: [png, "
        "jpeg, gif, webp]",
        converse([{"image": {"format": "jpeg", "source": {"bytes": b"\xff\xd8\xff"}}}, *HI]),
    ),
    Case(
        "a name with a dot",
        "moonshotai.kimi-k2.5",
        converse(HI, toolConfig=spec(name="fs.read")),
        "converse: 1 validation error detected: Value 'fs.read' at 'toolConfig.tools.1.member."
        "toolSpec.name' failed to satisfy constraint: Member must satisfy regular expression "
        "pattern: [a-zA-Z0-9_-]+",
        converse(HI, toolConfig=spec(name="fs_read")),
    ),
]

INVOKED = [
    Case(
        "a tool of Anthropic's servers",
        SONNET,
        claude(SAID, tools=[{"type": "web_search_20250305", "name": "web_search"}]),
        "invoke: tools.0: Input tag 'web_search_20250305' found using 'type' does not match any",
        claude(SAID, tools=[{"type": "bash_20250124", "name": "bash"}]),
    ),
    Case(
        "a choice of a tool that is not offered",
        SONNET,
        claude(SAID, tools=tool(), tool_choice={"type": "tool", "name": "nobody"}),
        "invoke: Tool 'nobody' not found in provided tools",
        claude(SAID, tools=tool(), tool_choice={"type": "auto"}),
    ),
    Case(
        "a text after a call, to Claude",
        SONNET,
        claude(SAID, [*tool_uses("t1"), *SAID], tool_results("t1"), tools=tool()),
        f"invoke: {NOT_FOUND}",
        claude(SAID, [*SAID, *tool_uses("t1")], tool_results("t1"), tools=tool()),
    ),
    Case(
        "a text before a result, to Claude",
        SONNET,
        claude(SAID, tool_uses("t1"), [*SAID, *tool_results("t1")], tools=tool()),
        f"invoke: {NOT_FOUND}",
        claude(SAID, tool_uses("t1"), [*tool_results("t1"), *SAID], tools=tool()),
    ),
    Case(
        "a call that nobody answered, to Claude",
        SONNET,
        claude(SAID, tool_uses("t1", "t2"), tool_results("t1"), tools=tool()),
        "invoke: messages.1: `tool_use` ids were found without `tool_result` blocks immediately "
        "after: t2. Each `tool_use` block must have a corresponding `tool_result` block in the",
        claude(SAID, tool_uses("t1"), tool_results("t1"), tools=tool()),
    ),
    Case(
        "a result that nobody asked for, to Claude",
        SONNET,
        claude(SAID, SAID, tool_results("t1"), tools=tool()),
        "invoke: messages.2.content.0: unexpected `tool_use_id` found in `tool_result` blocks: t1.",
        claude(SAID, tool_uses("t1"), tool_results("t1"), tools=tool()),
    ),
    Case(
        "a result twice, to Claude",
        SONNET,
        claude(SAID, tool_uses("t1"), tool_results("t1", "t1"), tools=tool()),
        "invoke: messages.2.content.1: each tool_use must have a single result. Found multiple",
        claude(SAID, tool_uses("t1"), tool_results("t1"), tools=tool()),
    ),
    Case(
        "a call twice, to Claude",
        SONNET,
        claude(SAID, tool_uses("t1"), tool_results("t1"), tool_uses("t1"), tool_results("t1"))
        | {"tools": tool()},
        "invoke: messages.3.content.0: `tool_use` ids must be unique",
        claude(SAID, tool_uses("t1"), tool_results("t1"), tool_uses("t2"), tool_results("t2"))
        | {"tools": tool()},
    ),
    Case(
        "thinking with a temperature",
        SONNET,
        claude(SAID, temperature=0.2, **thinking()),
        "invoke: `temperature` may only be set to 1 when thinking is enabled",
        claude(SAID, temperature=1, **thinking()),
    ),
    Case(
        "thinking with top_k",
        SONNET,
        claude(SAID, top_k=5, **thinking()),
        "invoke: `top_k` must be unset when thinking is enabled",
        claude(SAID, **thinking()),
    ),
    Case(
        "a thought without a signature, to Claude",
        SONNET,
        claude(SAID, [{"type": "thinking", "thinking": "hm"}, *SAID], SAID),
        "invoke: messages.1.content.0.thinking.signature: Field required",
        claude(SAID, [{"type": "thinking", "thinking": "hm", "signature": "c2ln"}, *SAID], SAID),
    ),
    Case(
        "calls in progress without their thought",
        SONNET,
        claude(SAID, tool_uses("t1"), tool_results("t1"), tools=tool(), **thinking()),
        "invoke: messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found "
        "`tool_use`.",
        claude(SAID, tool_uses("t1"), tool_results("t1"), tools=tool()),
    ),
    Case(
        "thinking, to a Claude that does not",
        "us.anthropic.claude-3-5-haiku-20241022-v1:0",
        claude(SAID, **thinking()),
        "invoke: 'claude-3-5-haiku-20241022' does not support thinking.",
        claude(SAID),
    ),
    Case(
        "an effort that a model lacks",
        OPUS_4_5,
        claude(SAID, output_config={"effort": "max"}, anthropic_beta=["effort-2025-11-24"]),
        "invoke: This model does not support effort level 'max'. Supported levels: high, low,",
        claude(SAID, output_config={"effort": "high"}, anthropic_beta=["effort-2025-11-24"]),
    ),
    Case(
        "an effort without its beta",
        OPUS_4_5,
        claude(SAID, output_config={"effort": "high"}),
        "invoke: output_config.effort: Extra inputs are not permitted",
        claude(SAID, output_config={"effort": "high"}, anthropic_beta=["effort-2025-11-24"]),
    ),
    Case(
        "an effort, to a Claude without",
        SONNET,
        claude(SAID, output_config={"effort": "low"}),
        "invoke: This model does not support the effort parameter.",
        claude(SAID),
    ),
    Case(
        "a schema without a type, to Claude",
        SONNET,
        claude(SAID, tools=tool(PROPERTIES)),
        "invoke: tools.0.custom.input_schema.type: Field required",
        claude(SAID, tools=tool()),
    ),
    Case(
        "a schema with alternatives at its top, to Claude",
        SONNET,
        claude(SAID, tools=tool(COMPOSED)),
        "invoke: tools.0.custom.input_schema: input_schema does not support oneOf, allOf, or anyOf",
        claude(SAID, tools=tool()),
    ),
    Case(
        "an argument's name with a blank",
        SONNET,
        claude(SAID, tools=tool({"type": "object", "properties": {"a b": {}}})),
        "invoke: tools.0.custom.input_schema.properties: Property keys should match pattern",
        claude(SAID, tools=tool({"type": "object", "properties": {"a_b": {}}})),
    ),
    Case(
        "two tools of one name",
        SONNET,
        claude(SAID, tools=[*tool(), *tool()]),
        "invoke: tools: Tool names must be unique.",
        claude(SAID, tools=tool()),
    ),
    Case(
        "an empty description, to Nova",
        NOVA,
        converse(HI, toolConfig=spec(description="")),
        "invoke: Malformed input request: #/toolConfig/tools/0/toolSpec/description: expected "
        "minLength: 1, actual: 0",
        converse(HI, toolConfig=spec(description="f")),
    ),
    Case(
        "a result that nobody asked for, to Nova",
        NOVA,
        converse(HI, HI, results("t1"), **ASKED),
        "invoke: The number of toolResult blocks at messages.2.content exceeds",
        converse(*CALL_AND_RESULT, **ASKED),
    ),
    Case(
        "no messages, to Nova",
        NOVA,
        converse(),
        "invoke: Malformed input request: #/messages: expected minimum item count: 1, found: 0",
        converse(HI),
    ),
    Case(
        "a message without content, to Claude",
        SONNET,
        claude(SAID, [], SAID),
        "invoke: messages.1: all messages must have non-empty content except for the optional",
        claude(SAID, SAID, SAID),
    ),
    Case(
        "blanks at the end, to Claude",
        SONNET,
        claude(SAID, "The answer is "),
        "invoke: messages: final assistant content cannot end with trailing whitespace",
        claude(SAID, "The answer is"),
    ),
    Case(
        "an image by its address, to Claude",
        SONNET,
        claude(image(type="url", url="https://a.example/b.png")),
        "invoke: messages.0.content.0.image.source: Input tag 'url' found using 'type' does not",
        claude(image()),
    ),
    Case(
        "an image of another type than is said",
        SONNET,
        claude(image("image/jpeg")),
        "invoke: messages.0.content.0.image.source.base64: The image was specified using the "
        "image/jpeg media type, but the image appears to be a image/png image",
        claude(image("image/png")),
    ),
    Case(
        "an image without its type",
        SONNET,
        claude(image(type="base64", data=PNG)),
        "invoke: messages.0.content.0.image.source.base64.media_type: Field required",
        claude(image()),
    ),
    Case(
        "short ids of calls, to Mistral",
        PIXTRAL,
        {
            "messages": [
                {"role": "user", "content": "Hi"},
                {
                    "role": "assistant",
                    "content": "",
                    "tool_calls": [
                        {
                            "id": "a",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{}"},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "a", "content": "r"},
            ]
        },
        "invoke: Tool call id was a but must be a-z, A-Z, 0-9, with a length of 9.",
        {"messages": [{"role": "user", "content": "Hi"}]},
    ),
    Case(
        "a text of 2,500 characters, to Cohere",
        "cohere.embed-english-v3",
        {"texts": ["a", "b" * 2500], "input_type": "search_document"},
        "invoke: Malformed input request: #/texts/1: expected maxLength: 2048, actual: 2500",
        {"texts": ["a", "b" * 2048], "input_type": "search_document"},
    ),
    Case(
        "97 texts, to Cohere",
        "cohere.embed-multilingual-v3",
        {"texts": ["a"] * 97, "input_type": "search_document"},
        "invoke: Malformed input request: #/texts: expected maximum item count: 96, found: 97",
        {"texts": ["a"] * 96, "input_type": "search_document"},
    ),
    Case(
        "50,001 characters, to Titan",
        "amazon.titan-embed-text-v2:0",
        {"inputText": "a" * 50_001},
        "invoke: Malformed input request: #/inputText: expected maxLength: 50000, actual: 50001",
        {"inputText": "a" * 50_000},
    ),
    Case(
        "8,193 tokens, to Titan",
        "amazon.titan-embed-text-v1",
        {"inputText": "a " * 8193},
        "invoke: 400 Bad Request: Too many input tokens. Max input tokens: 8192, request input",
        {"inputText": "a " * 8000},
    ),
    Case(
        "a vector of another length, of Titan",
        "amazon.titan-embed-text-v2:0",
        {"inputText": "a", "dimensions": 300},
        "invoke: Malformed input request: #/dimensions: 300 is not a valid enum value",
        {"inputText": "a", "dimensions": 256},
    ),
    Case(
        "no text, to Titan",
        "amazon.titan-embed-text-v2:0",
        {"inputText": ""},
        "invoke: Malformed input request: #/inputText: expected minLength: 1, actual: 0",
        {"inputText": "a"},
    ),
]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with serving(emulator()) as running, closing(running.boto3_client()) as boto3_client:
        yield boto3_client


def send(client: Any, case: Case, body: Body) -> Any:
    if case.is_converse:
        return client.converse(modelId=case.model, **body)
    return client.invoke_model(modelId=case.model, body=orjson.dumps(body))


@pytest.mark.parametrize("case", [*CONVERSED, *INVOKED], ids=lambda case: case.name)
def test_it_is_refused_in_bedrocks_words_and_its_twin_is_answered(client: Any, case: Case) -> None:
    with pytest.raises(client.exceptions.ClientError) as refused:
        send(client, case, case.body)

    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"][: len(case.message)]) == (case.code, case.message)
    assert send(client, case, case.mended)["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_a_stream_is_refused_before_it_begins(client: Any) -> None:
    case = next(case for case in CONVERSED if case.name == "a call that nobody answered")

    with pytest.raises(client.exceptions.ValidationException, match="Expected toolResult blocks"):
        client.converse_stream(modelId=case.model, **case.body)


# ── the table ─────────────────────────────────────────────────────────────────────────────────────


def test_every_row_says_who_says_so_and_when() -> None:
    assert [row.name for row in ROWS if "202" not in row.source and "#" not in row.source] == []
    assert [limit.models for limit in EMBEDDING_LIMITS if "202" not in limit.source] == []
    assert [name for name, count in Counter(row.name for row in ROWS).items() if count > 1] == []


def test_every_prefix_of_a_row_is_the_beginning_of_a_models_id() -> None:
    known = [entry.base_id for entry in load_models()]
    prefixes = {prefix for row in ROWS for prefix in (*row.models, *row.except_models)}

    idle = [prefix for prefix in prefixes if not any(each.startswith(prefix) for each in known)]

    assert idle == []


# ── what Bedrock answered ─────────────────────────────────────────────────────────────────────────

FORMAT = BedrockRecordingFormat(installed_codecs())
OLDER_THAN_THE_RULE = (
    ("instructions_only", "is blank"),
    ("cache_write_and_read", "is blank"),
    ("different-image-formats", "appears to be a image/png image"),
    ("s3_document_url_input", "document file name"),
)
"""Part of a recording's name, and the rule that Bedrock has had since it was recorded."""


@pytest.mark.thorough
def test_nothing_that_bedrock_answered_is_refused(recordings: Path) -> None:
    passed = 0
    for path in sorted(recordings.glob("*.jsonl")):
        for recording in filter(was_answered, read_recordings(path)):
            if (found := FORMAT.codec_for(recording)) is not None:
                passed += 1
                refused = refusal_of(*found, recording)
                rules = [rule for part, rule in OLDER_THAN_THE_RULE if part in recording.case]
                assert refused is None or any(rule in refused for rule in rules), recording.case
    assert passed > 400


def was_answered(recording: Recording) -> bool:
    is_exception = any("__exception__" in str(chunk)[:20] for chunk in recording.chunks or ())
    is_read = isinstance(recording.request_body, dict)
    return recording.status == 200 and is_read and not is_exception


def refusal_of(codec: FamilyCodec, facts: ModelFacts, recording: Recording) -> str | None:
    is_streamed = "Stream" in recording.operation
    try:
        refuse(codec, facts.base_id, recording.request_body, is_streamed=is_streamed)
    except ServiceException as refused:
        return refused.message
    return None
