"""The page of facts about models, `docs/models.md`, made from the tables of rules.

python plugins/axonflow-bedrock/tests/facts_page.py > docs/models.md
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from axonflow_bedrock.models.fact_words import words_of
from axonflow_bedrock.models.media import RULES as MEDIA_RULES
from axonflow_bedrock.models.rules import RULES
from axonflow_core.codec import ModelFacts
from axonflow_core.codec.model_rules import ModelRule

HEAD = """\
# What models take

Every fact about a model that a request is fitted to, made from the tables of rules in
`axonflow_bedrock/models` by `python plugins/axonflow-bedrock/tests/facts_page.py`. Change
the table, then make the page again; a test compares the two.

All rows that fit a model and the surface of the call are combined; of two that say something about
the same, the later one holds. A model begins with one of the names in the first column. Limits of
output, and which models see pictures, call tools and reason at all, are in the generated
`models.json` beside the tables. A model that neither has gets what the newest of its vendor has,
and `axonflow explain call` warns of it; it also shows the rows that decided on a request.

What a request asks for and the model does not take is changed and reported
(`Completion.adjustments`), or refused before anything is sent:
[architecture.md](architecture.md#what-a-model-does-not-support).
"""


def page() -> str:
    """The whole of `docs/models.md`."""
    return "\n".join((HEAD, *_table(RULES), "", "## Pictures and documents\n", *_media()))


def _table(rules: Iterable[ModelRule]) -> Iterator[str]:
    yield "| models | surface | facts | source |"
    yield "|---|---|---|---|"
    for rule in rules:
        yield _row(rule.models, rule.except_models, rule.surface, rule.facts, rule.source)


def _media() -> Iterator[str]:
    yield "| models | surface | facts | source |"
    yield "|---|---|---|---|"
    for rule in MEDIA_RULES:
        facts = ModelFacts(images=rule.images, documents=rule.documents)
        yield _row(rule.models, (), rule.surface, facts, rule.source)


def _row(
    models: tuple[str, ...],
    except_models: tuple[str, ...],
    surface: str | None,
    facts: ModelFacts,
    source: str,
) -> str:
    names = _names(models) if models != ("",) else "all"
    if except_models:
        names = f"{names}, but not {_names(except_models)}"
    words = "<br>".join(map(_cell, words_of(facts)))
    return f"| {names} | {surface or 'both'} | {words} | {_cell(source)} |"


def _names(models: tuple[str, ...]) -> str:
    return ", ".join(f"`{model}`" for model in models)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


if __name__ == "__main__":
    sys.stdout.write(f"{page()}\n")
