"""Every prompt template reads what it writes, and nothing that it would not have written so."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from axonflow_bedrock.families import claude_text, deepseek_r1, llama, mistral, titan
from axonflow_bedrock.shapes.templates import Conversation, Template, turns_in
from axonflow_core.codec.control_tokens import find_control_token
from axonflow_core.messages import Role

TEMPLATES = {
    "claude": claude_text.TEMPLATE,
    "deepseek r1": deepseek_r1.TEMPLATE,
    "llama 2": llama.LLAMA_2,
    "llama 3": llama.LLAMA_3,
    "llama 4": llama.LLAMA_4,
    "mistral": mistral.TEMPLATE,
    "titan": titan.TEMPLATE,
}
PIECES = (
    "user",
    "assistant",
    "system",
    "User:",
    "\n\n",
    "\n",
    " ",
    "x",
    "",
    "<<SYS>>\n",
    "\n<</SYS>>\n\n",
    "<think>\n",
)
"""What stands between tokens in some prompt, well formed or not."""

templates = pytest.mark.parametrize("template", TEMPLATES.values(), ids=TEMPLATES)
texts = st.text(max_size=5) | st.sampled_from(PIECES)


def prompts(template: Template) -> st.SearchStrategy[str]:
    """Tokens and texts in any order, and prompts that are nearly well formed: a written one with a
    piece put in."""
    tokens = st.sampled_from([*template.tokens, *(f"{token} " for token in template.tokens)])
    heap = st.lists(tokens | texts, max_size=12).map("".join)
    written = conversations(texts).map(template.arrange).map(template.render)

    def bent(parts: tuple[str, str, float]) -> str:
        prompt, piece, place = parts
        at = int(len(prompt) * place)
        return prompt[:at] + piece + prompt[at:]

    return heap | written | st.tuples(written, tokens | texts, st.floats(0, 1)).map(bent)


def conversations(texts: st.SearchStrategy[str]) -> st.SearchStrategy[Conversation]:
    def conversation(turns: list[tuple[Role, str]]) -> Conversation:
        return Conversation(None, [role for role, _ in turns], [text for _, text in turns])

    return st.lists(st.tuples(st.sampled_from([Role.USER, Role.ASSISTANT]), texts), max_size=5).map(
        conversation
    )


def assert_exact(template: Template, prompt: str) -> None:
    conversation = template.parse(prompt)
    if conversation is not None:
        assert template.render(conversation) == prompt
        assert (
            find_control_token(
                tuple({*template.tokens} - {*template.overlooked}), conversation.slots
            )
            is None
        )


@templates
@given(data=st.data())
def test_what_is_read_would_be_written_so(template: Template, data: st.DataObject) -> None:
    assert_exact(template, data.draw(prompts(template)))


@templates
@given(data=st.data())
def test_what_is_written_is_read(template: Template, data: st.DataObject) -> None:
    conversation = template.arrange(
        data.draw(conversations(st.text("ab:\n [|", min_size=1, max_size=5)))
    )
    read = turns_in(template.render(conversation), template)
    assert read is not None
    assert [message.role for message in read[1]] == conversation.roles
    assert [message.text for message in read[1]] == conversation.texts


def test_a_template_that_reads_more_than_it_writes_is_seen() -> None:
    """The control: a template that takes a prompt without its blanks, as a careless parser
    would."""

    def careless(prompt: str) -> Conversation | None:
        return titan.TEMPLATE.parse(prompt.replace("User:", "User: "))

    with pytest.raises(AssertionError):
        assert_exact(evolve(titan.TEMPLATE, parse=careless), "User:Hello\nBot:")
