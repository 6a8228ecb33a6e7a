"""Where a card's number may stand in a call: requests with one in each place."""

from __future__ import annotations

from typing import Any

from axonflow_core.messages import (
    CachePoint,
    CompletionRequest,
    Data,
    Document,
    Image,
    Inference,
    Media,
    Message,
    Opaque,
    OutputSchema,
    Reasoning,
    ReasoningRequest,
    Text,
    Tool,
    ToolChoice,
    ToolResult,
    ToolUse,
    assistant,
    user,
)

CARD = "4111 1111 1111 1111"
MASK = "[REDACTED:payment_card]"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


def asked(*content: Any, **facts: Any) -> CompletionRequest:
    return CompletionRequest([user([*content, Text("go on")])], **facts)


def called(**facts: Any) -> CompletionRequest:
    given: dict[str, Any] = {"id": "t_1", "name": "look_up", "input": {}, **facts}
    return CompletionRequest([user("hi"), assistant([ToolUse(**given)]), user("go on")])


def result(content: Any, **facts: Any) -> CompletionRequest:
    return asked(ToolResult("t_1", content, **facts))


def document(source: Any = "plain", **facts: Any) -> CompletionRequest:
    return asked(Document(Media("text", source, "text/plain"), **facts))


def described(**schema: Any) -> CompletionRequest:
    return CompletionRequest("hi", tools=(Tool("look_up", "finds", schema),))


def properties(**members: Any) -> CompletionRequest:
    return described(type="object", properties={"of": {"type": "string", **members}})


def replaced(card: str) -> dict[str, CompletionRequest]:
    """Position -> a request with the card there, where a mask can stand."""
    said, number = f"it is {card}, yes", int(card.replace(" ", ""))
    return {
        "system": CompletionRequest("hi", system=said),
        "system block": CompletionRequest("hi", system=[Text("Be brief."), Text(said)]),
        "user": CompletionRequest(said),
        "earlier user": CompletionRequest([user(said), assistant("so?"), user("go on")]),
        "assistant": CompletionRequest([user("hi"), assistant(said), user("go on")]),
        "reasoning": CompletionRequest([user("hi"), assistant([Reasoning(said)]), user("go on")]),
        "tool arguments": called(input={"note": [said]}),
        "a key of tool arguments": called(input={said: 1}),
        "a number in tool arguments": called(input={"card": number}),
        "broken tool arguments": called(input=f'{{"note": "{said}'),
        "a member of a call": called(extra={"note": said}),
        "tool result": result(said),
        "tool result list": result([Text("one"), Text(said)]),
        "tool result json": result([Data({"rows": [{"card": said}]})]),
        "a document in a tool result": result([Document(Media("text", said, "text/plain"))]),
        "document": document(said),
        "document title": document(name=said),
        "document context": document(context=said),
        "document blocks": asked(Document(content=[Text(said)])),
        "citations of a document": document(citations={"enabled": True, "of": said}),
        "image address": asked(Image(Media("url", f"https://x.example/{card}"))),
        "image alt": asked(Image(Media("base64", PNG, "image/png"), extra={"alt": said})),
        "image source metadata": asked(
            Image(Media("base64", PNG, "image/png", extra={"note": said}))
        ),
        "name of a speaker": CompletionRequest(
            [Message("user", [Text("hi")], extra={"name": said})]
        ),
        "tool description": CompletionRequest("hi", tools=(Tool("look_up", said, {}),)),
        "schema description": described(type="object", description=said),
        "property description": properties(description=said),
        "property example": properties(examples=["x", said]),
        "answer schema": CompletionRequest("hi", output_schema=OutputSchema({"description": said})),
        "answer schema description": CompletionRequest(
            "hi", output_schema=OutputSchema({}, "name", said)
        ),
        "stop sequence": CompletionRequest("hi", inference=Inference(stop_sequences=("x", said))),
        "metadata": CompletionRequest("hi", metadata={"user_id": said}),
        "an option": CompletionRequest("hi", options={"note": said}),
        "an unknown member": CompletionRequest("hi", extra={"x": {"y": [said]}}),
        "an unknown block": asked(Opaque("native", {"type": "new", "note": said})),
        "how a member is spelled": CompletionRequest("hi", spelling={"x": said}),
    }


def fixed(card: str) -> dict[str, CompletionRequest]:
    """Position -> a request with the card there, where nothing can stand for it."""
    said, number = f"it is {card}, yes", int(card.replace(" ", ""))
    return {
        "name of a tool": CompletionRequest("hi", tools=(Tool(card, "finds", {}),)),
        "name of a called tool": called(name=card),
        "name of a tool's result": result("yes", name=card),
        "name of the tool to call": CompletionRequest("hi", tool_choice=ToolChoice("tool", card)),
        "id of a call": called(id=card),
        "name of the answer's schema": CompletionRequest(
            "hi", output_schema=OutputSchema({}, card)
        ),
        "enum": properties(enum=["x", said]),
        "const": properties(const=said),
        "a number in an enum": properties(enum=[number]),
        "pattern": properties(pattern=said),
        "name of a property": described(type="object", properties={said: {"type": "string"}}),
        "text file in base64": asked(Document(Media("base64", said.encode(), "text/plain"))),
        "text file that says it is a picture": asked(
            Image(Media("base64", said.encode(), "image/png"))
        ),
        "type of a file": asked(Image(Media("base64", PNG, card))),
        "signed reasoning": CompletionRequest(
            [user("hi"), assistant([Reasoning(said, "sealed")]), user("go on")]
        ),
        "effort": CompletionRequest("hi", reasoning=ReasoningRequest(effort=card)),
        "service tier": CompletionRequest("hi", service_tier=card),
        "time to live": asked(CachePoint(card)),
    }
