"""The families that speak OpenAI's chat JSON on InvokeModel and differ from each other in data
alone.

    {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."},
    "finish_reason": "stop"}], …}

A chunk is the same with a `delta` for the `message`; Bedrock's metrics come in the last one, and no
`[DONE]`.

Where a model thinks aloud, Bedrock writes what it thought between `<reasoning>` tags at the head of
the content. That is documented for OpenAI's models and reported for Kimi; for the other families
here it is a guess, so the member `reasoning_content`, in which these models answer elsewhere, is
read as well.

Source: AWS user guide (OpenAI models; model cards; custom model import), programs that read these
answers, and litellm 1.109.1 for what Kimi refuses, November 2026. None of these answers has been
recorded.
"""

from __future__ import annotations

from typing import Any

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.dialects.openai_chat import ChatForm, Thinking, chat_codec

CONVERSATION = frozenset(
    {
        *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER, Feature.PREFILL),
        *(Feature.TEMPERATURE, Feature.TOP_P, Feature.STOP_SEQUENCES),
    }
)
WITH_TOOLS = CONVERSATION | {Feature.TOOLS, Feature.TOOL_CHOICE}
THINKING = WITH_TOOLS | {Feature.REASONING}
IMAGES = frozenset({Feature.IMAGES})

JOINED_BLOCKS = frozenset({Feature.MANY_BLOCKS, Feature.MIXED_RESULTS, Feature.TOOL_ERRORS})
JOINED_REASONING = JOINED_BLOCKS | {Feature.SIGNED_REASONING}

PLAIN = ChatForm()
TAGGED = ChatForm(thinking=Thinking.TAGGED)

_CARDS = "documents: AWS model cards and programs that call these models, November 2026"


def chat_family(form: ChatForm, **record: Any) -> FamilyCodec:
    """The codec of a family of this shape; what `record` does not say is as it is for most of
    them. Its features are those of the form too."""
    features = form.features | record.pop("features", THINKING if form.thinking else WITH_TOOLS)
    joins = JOINED_REASONING if Feature.REASONING in features else JOINED_BLOCKS
    return chat_codec(form, **{"features": features, "joins": joins, "evidence": _CARDS, **record})
