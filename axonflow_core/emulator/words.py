"""What an emulated vendor refuses of a call, in its own words. The defaults are plain; a provider
replaces those that its vendor words otherwise, in `words.toml`:

    [unknown_model]
    code = "model_not_found"
    message = "The model `{model}` does not exist."
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from attrs import fields

from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.tables.reading import read_table


@frozen(kw_only=True)
class Words:
    """The refusals of an emulated vendor. `{names}` in a message stand for values of the call."""

    unknown_model: VendorError = VendorError(
        status=404, message="The model '{model}' does not exist."
    )
    """There is no such `model`."""
    wrong_kind: VendorError = VendorError(
        status=400, message="The model '{model}' does not support {operation}."
    )
    """The `model` does not have the `operation`."""
    too_long: VendorError = VendorError(
        status=400, message="The prompt has {tokens} tokens, and the model takes {limit}."
    )
    """The `tokens` of the prompt are more than the `limit` of the model."""
    too_much_output: VendorError = VendorError(
        status=400,
        message="The model writes at most {limit} tokens, and {asked} are asked for.",
    )
    """The output tokens that are `asked` for are more than the `limit` of the model; `bound` is
    the first number that is too many."""
    bad_length: VendorError = VendorError(
        status=400, message="The model has no vectors of {length} dimensions."
    )
    """The model makes no vectors of that `length`."""
    bad_schema: VendorError = VendorError(
        status=400, message="The schema of '{name}' is no JSON schema."
    )
    """The schema of a tool of this `name`, or of the answer (`output`), is none."""
    throttled: VendorError = VendorError(status=429, message="The limit of {quota} was reached.")
    """The `quota` was exceeded."""
    missing_key: str = "The request has no API key."
    wrong_key: str = "The API key is not known."
    """`{key:.3}` is how the key begins."""
    sources: tuple[str, ...] = ()
    """Where the words are from, with the day."""


def words_beside(module: str, others: Callable[[], Words] = Words) -> Callable[[], Words]:
    """What reads `words.toml` next to a module, by its `__file__`. What is not in the file is as
    `others` have it."""

    def words() -> Words:
        own = read_table(Path(module).with_name("words.toml"), Words)
        given = {each.name: getattr(own, each.name) for each in fields(Words)}
        changed = {
            each.name: given[each.name]
            for each in fields(Words)
            if given[each.name] != each.default
        }
        return evolve(others(), **changed)

    return words
