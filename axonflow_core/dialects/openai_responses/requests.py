"""A request: input, tools and parameters of one answer, of which nothing is stored.

    {"model": "m", "input": […], "instructions": "Be brief.", "max_output_tokens": 99,
     "tools": […], "tool_choice": "auto", "parallel_tool_calls": true,
     "reasoning": {"effort": "low", "summary": "auto"},
     "text": {"format": {"type": "json_schema", "name": "n", "schema": {…}, "strict": true}},
     "store": false, "include": ["reasoning.encrypted_content"], "stream": true}

What needs something that OpenAI's server keeps (`previous_response_id`, `conversation`, `prompt`,
`background`) is refused by name: the call would be another without it. `store` changes no answer,
and OpenAI stores where it is absent: it is left out, and every answer says `store: false`.

Source: OpenAI's API reference, "Create a model response", and openai-python 3.57
(`types/responses/response_create_params`), November 2026; what Codex 0.171.0 sends, recorded on
2026-11-29.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.codec.json_members import array, object_in, unknown_members
from axonflow_core.errors import MalformedRequest
from axonflow_core.messages import (
    EMPTY,
    CompletionRequest,
    Inference,
    Json,
    OutputSchema,
    ReasoningRequest,
    Text,
)

from .items import decode_input
from .tools import decode_choice, decode_tools

KEPT_BY_OPENAI: Mapping[str, tuple[Json, ...]] = {
    "previous_response_id": (),
    "conversation": (),
    "prompt": (),
    "background": (False,),
}
"""Member that needs what OpenAI's server keeps -> the values that ask for nothing of the kind."""
_INSTEAD: Mapping[str, str] = {
    "previous_response_id": "send the items of the conversation in `input`",
    "conversation": "send the items of the conversation in `input`",
    "prompt": "send the text of the prompt",
    "background": "leave it out and wait for the answer, or stream it",
}

DROPPABLE_OPTIONS = frozenset(
    "client_metadata max_tool_calls prompt_cache_key prompt_cache_options prompt_cache_retention "
    "safety_identifier truncation user verbosity".split()
)
"""Parameters without a neutral name that change no meaning; `max_tool_calls` counts OpenAI's own
tools alone, and `truncation` is for conversations that are too long."""
OPTIONS = DROPPABLE_OPTIONS | {"top_logprobs"}
_NAMED = frozenset(
    "input instructions tools tool_choice parallel_tool_calls max_output_tokens temperature top_p "
    "reasoning text metadata service_tier include".split()
)
DOCUMENTED = _NAMED | OPTIONS | KEPT_BY_OPENAI.keys() | {"store"}
"""Every member of a request that the reference names, but for what belongs to transport."""
_LOGPROBS = "message.output_text.logprobs"


def decode_request(body: Mapping[str, Json]) -> CompletionRequest:
    """A request body as a `CompletionRequest`. `MalformedRequest` names what nothing here could
    keep."""
    _refuse_what_is_kept(body)
    system, messages = decode_input(body["input"])
    if body.get("instructions"):
        system = (Text(body["instructions"]), *system)
    choice, tools = decode_choice(body, decode_tools(body.get("tools")))
    return CompletionRequest(
        messages=messages,
        system=system,
        inference=Inference(
            max_tokens=body.get("max_output_tokens"),
            temperature=body.get("temperature"),
            top_p=body.get("top_p"),
        ),
        tools=tools,
        tool_choice=choice,
        reasoning=_decode_effort(body),
        output_schema=_decode_format(body),
        service_tier=body.get("service_tier"),
        metadata=body.get("metadata"),
        options=_options(body),
        extra=unknown_members(body, DOCUMENTED),
    )


def _refuse_what_is_kept(body: Mapping[str, Json]) -> None:
    for name, harmless in KEPT_BY_OPENAI.items():
        value = body.get(name)
        if value is not None and value not in harmless:
            raise MalformedRequest(
                f"`{name}` needs answers that are stored, and this server stores none: "
                f"{_INSTEAD[name]}"
            )
    if _LOGPROBS in array(body.get("include") or [], "include"):
        raise MalformedRequest(
            f"`include` asks for `{_LOGPROBS}`, which is not served: leave it out"
        )


def _options(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The parameters without a neutral name that are set."""
    options = {name: body[name] for name in OPTIONS & body.keys() if body[name] is not None}
    verbosity = (body.get("text") or EMPTY).get("verbosity")
    return options if verbosity is None else {**options, "verbosity": verbosity}


def _decode_effort(body: Mapping[str, Json]) -> ReasoningRequest | None:
    """`reasoning.effort`. A summary alone says how reasoning is shown, and asks for none."""
    effort = (body.get("reasoning") or EMPTY).get("effort")
    return None if effort is None else ReasoningRequest(effort=effort)


def _decode_format(body: Mapping[str, Json]) -> OutputSchema | None:
    """What `text.format` asks for; plain text asks for nothing."""
    text = body.get("text") or EMPTY
    if text.get("format") is None:
        return None
    native = object_in(text, "format")
    if native["type"] == "text":
        return None
    if native["type"] == "json_object":
        return OutputSchema()
    if native["type"] != "json_schema":
        raise MalformedRequest("`text.format` is none of `text`, `json_object` and `json_schema`")
    return OutputSchema(
        object_in(native, "schema"),
        native.get("name"),
        native.get("description"),
        native.get("strict"),
    )
