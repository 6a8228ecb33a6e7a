"""The families that speak OpenAI's chat JSON on InvokeModel and differ from each other in data alone.

    {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 100}
    {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello."}, "finish_reason": "stop"}], …}

A chunk is the same with a `delta` for the `message`; Bedrock's metrics come in the last one, and no `[DONE]`.

Where a model thinks aloud, Bedrock writes what it thought between `<reasoning>` tags at the head of the content. That
is documented for OpenAI's models and reported for Kimi; for the other families here it is a guess, so the member
`reasoning_content`, in which these models answer elsewhere, is read as well.

Source: AWS user guide (OpenAI models; model cards; custom model import), programs that read these answers, and litellm
1.109.1 for what Kimi refuses, November 2026. None of these answers has been recorded.
"""

from __future__ import annotations

from typing import Any

from attrs import frozen

from axonflow_core.codec import FamilyCodec, Feature
from axonflow_core.dialects.openai_chat import ChatForm, Thinking, chat_codec
from axonflow_core.hookspecs import hookimpl

CONVERSATION = frozenset(
    {
        *(Feature.SYSTEM, Feature.MID_SYSTEM, Feature.ANY_ROLE_ORDER, Feature.PREFILL),
        *(Feature.TEMPERATURE, Feature.TOP_P, Feature.STOP_SEQUENCES),
    }
)
WITH_TOOLS = CONVERSATION | {Feature.TOOLS, Feature.BARE_RESULTS, Feature.TOOL_CHOICE}
THINKING = WITH_TOOLS | {Feature.REASONING}
IMAGES = frozenset({Feature.IMAGES})

FOLDED_BLOCKS = frozenset({Feature.MANY_BLOCKS, Feature.RESULTS_BESIDE, Feature.TOOL_ERRORS})
FOLDED_REASONING = FOLDED_BLOCKS | {Feature.SIGNED_REASONING}

PLAIN = ChatForm()
TAGGED = ChatForm(thinking=Thinking.TAGGED)

_CARDS = "documents: AWS model cards and programs that call these models, November 2026"


def openai_shaped(form: ChatForm, **record: Any) -> FamilyCodec:
    """The codec of a family of this shape; what `record` does not say is as it is for most of them."""
    features = record.pop("features", THINKING if form.thinking else WITH_TOOLS)
    folds = FOLDED_REASONING if Feature.REASONING in features else FOLDED_BLOCKS
    return chat_codec(form, **{"features": features, "folds": folds, "evidence": _CARDS, **record})


@frozen(eq=False)
class FamilyPlugin:
    """What an entry point names: one family of this module."""

    codec: FamilyCodec

    @hookimpl
    def axonflow_register_codec(self) -> FamilyCodec:
        return self.codec


QWEN = FamilyPlugin(
    openai_shaped(
        ChatForm(thinking=Thinking.TAGGED, effort_parameter="reasoning_config"),
        family="qwen",
        models=("qwen.",),
        features=THINKING | IMAGES,
        evidence="documents: AWS model cards and a published capture of its stream, November 2026; recorded traffic of "
        "Converse for `reasoning_config`",
    )
)
GEMMA = FamilyPlugin(
    openai_shaped(PLAIN, family="gemma", models=("google.gemma-3-",), features=WITH_TOOLS | IMAGES),
)
MINIMAX = FamilyPlugin(openai_shaped(TAGGED, family="minimax", models=("minimax.",)))
KIMI = FamilyPlugin(
    openai_shaped(
        ChatForm(thinking=Thinking.TAGGED, any_tool=None, stop_parameter=None),
        family="kimi",
        models=("moonshot.", "moonshotai."),
        features=(THINKING | IMAGES) - {Feature.STOP_SEQUENCES},
        evidence="documents: AWS model cards; the reasoning tags and what it refuses are from litellm, November 2026",
    )
)
NEMOTRON = FamilyPlugin(openai_shaped(TAGGED, family="nemotron", models=("nvidia.",), features=THINKING | IMAGES))
GLM = FamilyPlugin(openai_shaped(TAGGED, family="glm", models=("zai.",)))

CODECS = tuple(plugin.codec for plugin in (QWEN, GEMMA, MINIMAX, KIMI, NEMOTRON, GLM))
