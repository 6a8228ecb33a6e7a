"""A control token is found wherever it stands, and nothing else is taken for one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from axonflow_core.codec.control_tokens import find_control_token

SETS = {
    "Llama 3's": (
        "<|begin_of_text|>",
        "<|start_header_id|>",
        "<|end_header_id|>",
        "<|eot_id|>",
        "<|image|>",
    ),
    "Mistral's": ("<s>", "</s>", "[INST]", "[/INST]"),
    "turns of a transcript": ("\nUser:", "\nBot:"),
    "signs that no keyboard has": ("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>"),
    "one character": ("|",),
    "blanks": ("\n\n", "\t"),
    "one the beginning of another": ("<|", "<|eot|>", "<"),
    "one within another": ("</s>", "s>"),
}


def slots(tokens: tuple[str, ...]) -> st.SearchStrategy[list[str]]:
    """Texts with tokens, pieces of tokens, and many of the characters that tokens begin with."""
    signs = "".join({*"".join(tokens)})
    near = st.sampled_from(
        [*tokens, *(token[:-1] for token in tokens), *(token[1:] for token in tokens)]
    )
    piece = near | st.text(signs, max_size=40) | st.text(max_size=3)
    return st.lists(st.lists(piece, max_size=6).map("".join), max_size=4)


@pytest.mark.parametrize("tokens", SETS.values(), ids=SETS)
@given(data=st.data())
def test_a_token_is_found_where_one_stands_and_nowhere_else(
    tokens: tuple[str, ...], data: st.DataObject
) -> None:
    texts = data.draw(slots(tokens))
    found = find_control_token(tokens, texts)
    assert (found is not None) == any(token in text for token in tokens for text in texts)
    assert found is None or any(found in text for text in texts)


def test_a_token_is_found_behind_many_of_its_signs() -> None:
    assert find_control_token(("<s>", "</s>"), ["< " * 1000 + "</s>"]) == "</s>"
    assert find_control_token(("<s>", "</s>"), ["< " * 1000, "s>"]) is None


def test_two_texts_make_no_token_together() -> None:
    assert find_control_token(("<s>",), ["<", "s>"]) is None
