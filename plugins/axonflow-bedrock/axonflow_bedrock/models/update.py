"""Makes the model table anew from an installed litellm: `python -m axonflow_bedrock.models.update`.
A development tool: litellm is no dependency of anything.

read       litellm's file of prices and limits; the package is found and not imported
keep       the ids that Bedrock Runtime can address, and the facts that this package uses
correct    what litellm leaves out or gets wrong (`corrections`), each with the source that
           settles it, and what AWS says of the lives of models (`lifecycles`)
fold       a profile's line holds its price only; everything else is its model's
write      sorted, one id a line, so that a change of the table reads as a change of models
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from importlib.metadata import distribution, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from .clock import today
from .corrections import FACTS, FLAGS, NO_MODELS, NO_PROFILES, PROFILES
from .lifecycles import GONE, LIFECYCLES, NO_DAYS
from .model_id import VENDORS, parse_model_id
from .table import PATH

Facts: TypeAlias = Mapping[str, Any]

_PACKAGE, _FILE = "litellm", "litellm/model_prices_and_context_window_backup.json"
_PROVIDERS = frozenset({"bedrock", "bedrock_converse"})
"""What litellm calls Bedrock Runtime; `bedrock_mantle` is another endpoint with ids of its own."""
_MODES = frozenset({"chat", "embedding", "rerank"})
_KEPT = (
    *("family", "mode", "body", "max_input_tokens", "max_output_tokens"),
    *("prompt_cache_min_tokens", "supports", "lifecycle", "is_sold_plain", "profile_of"),
    *("price_per_1m", "regional_price_per_1m"),
)
"""The members of a line, in their order."""
_LIMITS = ("max_input_tokens", "max_output_tokens", "prompt_cache_min_tokens")
_PRICES = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cache_read": "cache_read_input_token_cost",
    "cache_write_5m": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
}
_FLAG_NAMES = {"function_calling": "tools", "pdf_input": "pdf"}
"""litellm's name of a flag -> the table's, where they differ."""
_BARE_FLAGS = ("thinking_always_on",)
"""Flags that litellm names without `supports_`."""
_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d")
_OTHER_ENDPOINTS = "bedrock_"
"""How litellm names the flags that are about its own way of calling."""

_FAMILIES: tuple[tuple[str, str, str | None], ...] = (
    ("ai21.j2", "ai21-j2", "ai21-j2"),
    ("ai21.jamba", "ai21-jamba", "ai21-jamba-chat"),
    ("amazon.nova-2-multimodal-embeddings", "amazon-nova-embed", "nova-embed"),
    ("amazon.nova-canvas", "amazon-nova-image", None),
    ("amazon.nova-reel", "amazon-nova-image", None),
    ("amazon.nova-sonic", "amazon-nova-sonic", None),
    ("amazon.nova", "amazon-nova", "nova-messages-v1"),
    ("amazon.rerank", "amazon-rerank", "rerank"),
    ("amazon.titan-embed-image", "amazon-titan-embed-image", "titan-embed-image"),
    ("amazon.titan-embed", "amazon-titan-embed", "titan-embed"),
    ("amazon.titan-image", "amazon-titan-image", None),
    ("amazon.titan-t", "amazon-titan-text", "titan-text"),
    ("anthropic.claude-v", "anthropic-text", "anthropic-text"),
    ("anthropic.claude-instant", "anthropic-text", "anthropic-text"),
    ("anthropic.claude", "anthropic-messages", "anthropic-messages"),
    ("cohere.command-r", "cohere-command-r", "cohere-command-r"),
    ("cohere.command", "cohere-command", "cohere-command"),
    ("cohere.embed-v4", "cohere-embed", "cohere-embed-v4"),
    ("cohere.embed", "cohere-embed", "cohere-embed-v3"),
    ("cohere.rerank", "cohere-rerank", "cohere-rerank-v2"),
    ("deepseek.r1", "deepseek-r1", "deepseek-r1-prompt"),
    ("deepseek.", "deepseek-v3", "openai-chat"),
    ("google.gemma", "google-gemma", "openai-chat"),
    ("meta.llama2", "meta-llama2", "llama-prompt"),
    ("meta.llama3", "meta-llama3", "llama-prompt"),
    ("meta.llama4", "meta-llama4", "llama-prompt"),
    ("minimax.", "minimax", "openai-chat"),
    ("mistral.mistral-7b", "mistral-prompt", "mistral-prompt"),
    ("mistral.mixtral", "mistral-prompt", "mistral-prompt"),
    ("mistral.mistral-large-2402", "mistral-prompt", "mistral-prompt"),
    ("mistral.mistral-small-2402", "mistral-prompt", "mistral-prompt"),
    ("mistral.mistral-large-2407", "mistral-chat", "mistral-chat"),
    ("mistral.pixtral", "mistral-chat", "mistral-chat"),
    ("mistral.", "mistral-open-weight", "openai-chat"),
    ("moonshot", "moonshot-kimi", "openai-chat"),
    ("nvidia.nemotron", "nvidia-nemotron", "openai-chat"),
    ("openai.gpt-oss", "openai-gpt-oss", "openai-chat"),
    ("openai.gpt", "openai-gpt", "openai chat/responses endpoints + Converse"),
    ("qwen.", "qwen", "openai-chat"),
    ("twelvelabs.", "twelvelabs", "twelvelabs"),
    ("writer.palmyra", "writer-palmyra", "writer-chat"),
    ("xai.grok", "xai-grok", "openai chat endpoint"),
    ("zai.glm", "zai-glm", "openai-chat"),
)
"""Prefix of base ids -> the table's name of the line of models, and the form of InvokeModel's
JSON. The first that fits counts; a model that none fits has its vendor's name and no form."""


def table_of(told: Facts, litellm: str, made_on: date) -> dict[str, Any]:
    """The table generated from litellm's file, of the version `litellm`."""
    lines = {model_id: _line(model_id, facts) for model_id, facts in _addressable(told).items()}
    for region, model_id, facts in _regional(told):
        if model_id in lines and (prices := _prices_of(facts)):
            regional = lines[model_id].setdefault("regional_price_per_1m", {})
            regional[region] = {"on_demand": prices}
    for model_id, facts in GONE.items():
        lines.setdefault(model_id, {**_named(model_id), **facts})
    models = _folded(lines)
    for base_id in sorted(models):
        if "profile_of" not in models[base_id]:
            models |= _corrected(base_id, models)
    kept = {
        model_id: _in_order(line)
        for model_id, line in sorted(models.items())
        if not model_id.startswith(NO_PROFILES)
    }
    return {"sources": _sources(litellm), "as_of": made_on.isoformat(), "models": kept}


def _sources(litellm: str) -> list[str]:
    return [
        "Generated by axonflow_bedrock.models.update; not to be edited by hand.",
        f"Ids, limits, prices and flags: the model table of litellm {litellm}, MIT licence, "
        "Copyright (c) 2023 Berri AI.",
        "Lifecycles: AWS, Amazon Bedrock user guide, Model lifecycle, as of 2026-05-26 to "
        "2026-05-31 (axonflow_bedrock/models/lifecycles.py); other days: litellm.",
        "Corrections: axonflow_bedrock/models/corrections.py names the source of each.",
    ]


def rendered(table: Facts) -> bytes:
    """The content of `models.json`: one id a line."""
    lines = b",\n".join(
        b"%b:%b" % (orjson.dumps(name), orjson.dumps(line))
        for name, line in table["models"].items()
    )
    head = orjson.dumps(table["sources"], option=orjson.OPT_INDENT_2)
    return b'{"sources":%b,\n"as_of":%b,\n"models":{\n%b\n}}\n' % (
        head,
        orjson.dumps(table["as_of"]),
        lines,
    )


# ── keep ──────────────────────────────────────────────────────────────────────────────────────────


def _addressable(told: Facts) -> dict[str, Facts]:
    """The models that Bedrock Runtime calls, by id. litellm has some under its own path alone."""
    by_id: dict[str, Facts] = {}
    for name, facts in told.items():
        if facts.get("litellm_provider") in _PROVIDERS and facts.get("mode") in _MODES:
            model_id = name.removeprefix("bedrock/")
            if _is_addressable(model_id) and (model_id == name or model_id not in told):
                by_id[model_id] = facts
    return by_id


def _is_addressable(model_id: str) -> bool:
    """Whether Bedrock Runtime accepts the id: not a path of litellm's, an id of Vertex (`@`), or a
    name without a vendor.
    """
    vendor = model_id.removeprefix("us-gov.").split(".")
    return (
        "@" not in model_id
        and "/" not in model_id
        and not model_id.endswith(NO_MODELS)
        and not VENDORS.isdisjoint(vendor[:2])
    )


def _regional(told: Facts) -> Iterator[tuple[str, str, Facts]]:
    """Region, id and facts of the paths that have the price of one region: `bedrock/REGION/ID`."""
    for name, facts in told.items():
        match name.split("/"):
            case ["bedrock", region, model_id] if _REGION.fullmatch(region):
                yield region, model_id, facts


def _line(model_id: str, facts: Facts) -> dict[str, Any]:
    """The line of one id, from what litellm says of it."""
    line = {
        **_named(model_id),
        "mode": facts["mode"],
        **{name: facts[name] for name in _LIMITS if facts.get(name) is not None},
        "supports": _flags_of(facts),
    }
    day = facts.get("deprecation_date")
    if day is not None and model_id not in NO_DAYS:
        line["lifecycle"] = {"eol": day, "eol_source": _PACKAGE}
    if prices := _prices_of(facts):
        line["price_per_1m"] = prices
    return line


def _named(model_id: str) -> dict[str, Any]:
    base_id = parse_model_id(model_id).base_id or model_id
    found = (row[1:] for row in _FAMILIES if base_id.startswith(row[0]))
    family, body = next(found, (base_id.partition(".")[0], None))
    return {"family": family} if body is None else {"family": family, "body": body}


def _flags_of(facts: Facts) -> dict[str, bool]:
    flags = {
        _FLAG_NAMES.get(name, name): flag
        for key, flag in facts.items()
        if (name := key.removeprefix("supports_")) != key and not name.startswith(_OTHER_ENDPOINTS)
    }
    return {**flags, **{name: facts[name] for name in _BARE_FLAGS if name in facts}}


def _prices_of(facts: Facts) -> dict[str, float]:
    """The prices in USD per 1,000,000 tokens. A model whose input costs 0 is not sold by the token
    (but by the query, say): its token price is unknown.
    """
    prices = {name: facts[key] for name, key in _PRICES.items() if facts.get(key) is not None}
    if prices.get("input") == 0 or not any(prices.values()):
        return {}
    return {name: round(price * 1_000_000, 6) for name, price in prices.items()}


# ── fold and correct ──────────────────────────────────────────────────────────────────────────────


def _folded(lines: Facts) -> dict[str, dict[str, Any]]:
    """The lines with each profile reduced to its model and price. A model that the source has as
    profiles only gets a line of its own.
    """
    models: dict[str, dict[str, Any]] = {}
    for model_id in sorted(lines):
        parsed = parse_model_id(model_id)
        if parsed.geo is None or parsed.base_id is None:
            models[model_id] = dict(lines[model_id])
            continue
        models[model_id] = {"profile_of": parsed.base_id, **_price_of(lines[model_id])}
        if parsed.base_id not in lines:
            facts = {name: fact for name, fact in lines[model_id].items() if "price" not in name}
            models.setdefault(parsed.base_id, {**facts, "is_sold_plain": False})
    return models


def _price_of(facts: Facts) -> dict[str, Any]:
    return {name: facts[name] for name in ("price_per_1m",) if name in facts}


def _corrected(base_id: str, models: Facts) -> dict[str, dict[str, Any]]:
    """The lines that the corrections of a model change or add."""
    line = dict(models[base_id])
    for correction in FACTS:
        if base_id.startswith(correction.models):
            line |= correction.facts
    for flags in FLAGS:
        if base_id.startswith(flags.models):
            line["supports"] = {**line.get("supports", {}), **flags.facts}
    for life in LIFECYCLES:
        if base_id.startswith(life.models):
            line["lifecycle"] = life.facts
            break
    added = {
        f"{geo}.{base_id}": {"profile_of": base_id} for geo in PROFILES.get(base_id, "").split()
    }
    return {
        base_id: line,
        **{profile: facts for profile, facts in added.items() if profile not in models},
    }


def _in_order(line: Facts) -> dict[str, Any]:
    """The members of a line in the order of the table, without those that say nothing."""
    return {name: line[name] for name in _KEPT if line.get(name) not in (None, {})}


def main(target: Path = PATH, package: str = _PACKAGE) -> None:
    """Write the table made of the installed `package`, litellm, to `target`."""
    if find_spec(package) is None:
        sys.exit("litellm is not installed here; fix: pip install --no-deps litellm")
    told = Path(str(distribution(package).locate_file(_FILE))).read_bytes()
    table = table_of(orjson.loads(told), version(package), today())
    target.write_bytes(rendered(table))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else PATH)
