"""Reasoning: who thinks, how it is asked for, and what may not stand beside it.

Sources for Claude: Anthropic's pages "Extended thinking", "Adaptive thinking" and "Effort", and the
AWS user guide, "Extended thinking", November 2026; where a public report has the words, its row
names it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby

from ...models.table import load_models
from .body import Body, Form, Kind, Part, Turn, member
from .row import CLAUDE, CLAUDE_FORMS, CONVERSE_ALONE, Row, claude, extraneous, malformed_words

_DOCUMENTS = (
    "Please consult our documentation at "
    "https://docs.claude.com/en/docs/build-with-claude/extended-thinking"
)
_LEAST_BUDGET = 1024
_LEAST_TOP_P = 0.95
_NEVER_THINKS = claude("3-haiku", "3-sonnet", "3-opus", "3-5-", "v2", "instant")
_ADAPTIVE_ALONE = claude(
    *("opus-4-7", "opus-4-8", "opus-5", "sonnet-5", "haiku-5", "fable-", "mythos-5")
)
_NEVER_ADAPTIVE = claude(
    *("3-7-", "sonnet-4-2", "sonnet-4-5", "opus-4-2", "opus-4-1", "opus-4-5", "haiku-4-5")
)
_LOW_TO_HIGH = ("low", "medium", "high")
_EFFORTS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    claude("opus-4-5"): _LOW_TO_HIGH,
    claude("opus-4-6", "sonnet-4-6"): (*_LOW_TO_HIGH, "max"),
    (*_ADAPTIVE_ALONE, *claude("mythos-preview")): (*_LOW_TO_HIGH, "xhigh", "max"),
}
"""Claude models -> the efforts that they take; the others take none. Sources: Anthropic's page
"Effort", November 2026; anthropics/claude-code-action#1005, coder/coder#25356, askalf/dario#413,
2026."""
_EFFORT_BETA = "effort-2025-11-24"
_INTERLEAVED_BETA = "interleaved-thinking-2025-05-14"


def _thinking(body: Body) -> str | None:
    """`enabled` or `adaptive`; None where Claude does not think."""
    kind = member(body.own, "thinking", "type")
    return kind if kind in ("enabled", "adaptive") else None


def _betas(body: Body) -> tuple[str, ...]:
    betas = body.own.get("anthropic_beta")
    return tuple(betas) if isinstance(betas, list) else ()


# ── which Claude thinks, and how ──────────────────────────────────────────────────────────────────


def _never_thinks(body: Body) -> Iterator[str]:
    if _thinking(body):
        yield f"'{_short_name(body.base_id)}' does not support thinking."


def _short_name(base_id: str) -> str:
    return base_id.removeprefix("anthropic.").partition("-v")[0]


def _adaptive_alone(body: Body) -> Iterator[str]:
    if _thinking(body) == "enabled":
        yield (
            '"thinking.type.enabled" is not supported for this model. Use "thinking.type.adaptive" '
            'and "output_config.effort" to control thinking behavior.'
        )


def _never_adaptive(body: Body) -> Iterator[str]:
    if _thinking(body) == "adaptive":
        yield "adaptive thinking is not supported on this model"


def _always_thinks(body: Body) -> Iterator[str]:
    entry = load_models().entry(body.base_id)
    is_always = entry is not None and entry.supports.get("thinking_always_on")
    if is_always and member(body.own, "thinking", "type") == "disabled":
        yield '"thinking.type.disabled" is not supported for this model.'


def _effort(body: Body) -> Iterator[str]:
    effort = member(body.own, "output_config", "effort")
    if effort is None:
        return
    taken = next((value for names, value in _EFFORTS.items() if body.base_id.startswith(names)), ())
    if not taken:
        yield "This model does not support the effort parameter."
    elif effort not in taken:
        yield (
            f"This model does not support effort level '{effort}'. Supported levels: "
            f"{', '.join(sorted(taken))}."
        )


def _effort_without_beta(body: Body) -> Iterator[str]:
    has_effort = member(body.own, "output_config", "effort") is not None
    if has_effort and _EFFORT_BETA not in _betas(body):
        yield "output_config.effort: Extra inputs are not permitted"


# ── what may not stand beside it ──────────────────────────────────────────────────────────────────


def _sampling(body: Body) -> Iterator[str]:
    if not _thinking(body):
        return
    given = body.parameters
    if given.get("temperature", 1) != 1:
        yield (
            "`temperature` may only be set to 1 when thinking is enabled or in adaptive mode. "
            f"{_DOCUMENTS}#important-considerations-when-using-extended-thinking"
        )
    if "top_k" in given:
        yield "`top_k` must be unset when thinking is enabled or in adaptive mode."
    if given.get("top_p", 1) < _LEAST_TOP_P:
        yield (
            f"`top_p` must be greater than or equal to {_LEAST_TOP_P} or unset when thinking is "
            "enabled or in adaptive mode."
        )


def _forced_tool(body: Body) -> Iterator[str]:
    if _thinking(body) and body.tool_choice in ("any", "tool"):
        yield "Thinking may not be enabled when tool_choice forces tool use."


def _budget(body: Body) -> Iterator[str]:
    if _thinking(body) != "enabled":
        return
    budget, most = member(body.own, "thinking", "budget_tokens"), body.parameters.get("max_tokens")
    if not isinstance(budget, int):
        yield "thinking.enabled.budget_tokens: Field required"
    elif budget < _LEAST_BUDGET:
        yield (
            "thinking.enabled.budget_tokens: Input should be greater than or equal to "
            f"{_LEAST_BUDGET}"
        )
    # The limit counts the reasoning too, so an equal budget leaves nothing for the answer.
    elif most is not None and most <= budget and _INTERLEAVED_BETA not in _betas(body):
        yield (
            "`max_tokens` must be greater than `thinking.budget_tokens`. "
            f"{_DOCUMENTS}#max-tokens-and-context-window-size"
        )


# ── thoughts of earlier turns ─────────────────────────────────────────────────────────────────────


def _unsigned(body: Body) -> Iterator[str]:
    for part in body.parts():
        if part.kind is Kind.THOUGHT and not _is_signed(part):
            yield f"{part.place}.thinking.signature: Field required"


def _is_signed(part: Part) -> bool:
    """Whether a thought has a signature, or is redacted, on either surface."""
    if part.json.get("type") == "redacted_thinking" or "redactedContent" in part.json:
        return True
    text = part.json.get("reasoningText", part.json)
    return bool(member(text, "signature"))


def _begins_without_thought(body: Body) -> Iterator[str]:
    """An answer in progress that begins with no thought: an answer that was begun, or the calls
    whose results are last."""
    turn = _in_progress(body) if _thinking(body) == "enabled" else None
    if turn is not None and turn.parts and turn.parts[0].kind is not Kind.THOUGHT:
        kind = "tool_use" if turn.parts[0].kind is Kind.CALL else turn.parts[0].kind.value
        yield (
            f"{turn.parts[0].place}.type: Expected `thinking` or `redacted_thinking`, but found "
            f"`{kind}`. When `thinking` is enabled, a final `assistant` message must start with a "
            "thinking block (preceeding the lastmost set of `tool_use` and `tool_result` blocks). "
            "We recommend you include thinking blocks from previous turns. To avoid this "
            f"requirement, disable `thinking`. {_DOCUMENTS}"
        )


def _in_progress(body: Body) -> Turn | None:
    """The first turn of the assistant's since the user spoke last. What the user says beside the
    results of tools does not end a round of calls."""
    first = None
    for is_answer, turns in groupby(reversed(body.turns), lambda turn: turn.role == "assistant"):
        if is_answer:
            *_, first = turns
        elif not any(turn.of(Kind.RESULT) for turn in turns):
            break
    return first


def _thoughts(body: Body) -> Iterator[str]:
    if body.has(Kind.THOUGHT):
        yield _NO_THOUGHTS


def _thoughts_of_users(body: Body) -> Iterator[str]:
    if any(turn.role == "user" and turn.of(Kind.THOUGHT) for turn in body.turns):
        yield _NO_THOUGHTS


_NO_THOUGHTS = (
    "User messages cannot contain reasoning content. Please remove the reasoning content and try "
    "again."
)


# ── Nova, and words of one vendor to another ──────────────────────────────────────────────────────


def _nova_config(body: Body) -> Iterator[str]:
    if member(body.own, "reasoningConfig", "type") == "enabled":
        yield malformed_words("the provided reasoning config value is invalid")


def _nova_fields(body: Body) -> Iterator[str]:
    config = member(body.own, "reasoningConfig")
    if not isinstance(config, dict):
        return
    place = "#/reasoningConfig"
    extra = [key for key in config if key not in ("type", "maxReasoningEffort")]
    if extra:
        yield malformed_words(
            *(f"{place}: extraneous key [{key}] is not permitted" for key in extra)
        )
    if config.get("maxReasoningEffort", "low") not in _LOW_TO_HIGH:
        yield malformed_words(f"{place}/maxReasoningEffort: the value is not a valid enum value")


_LIMITS_OF_NOVA = ("max_tokens", "temperature", "top_p", "top_k")


def _nova_high(body: Body) -> Iterator[str]:
    config = member(body.own, "reasoningConfig")
    is_high = member(config, "maxReasoningEffort") == "high" and config["type"] == "enabled"
    beside = [name for name in _LIMITS_OF_NOVA if name in body.parameters]
    if is_high and beside:
        yield malformed_words(f"{', '.join(beside)} must be unset when maxReasoningEffort is high")


_OF_CLAUDE = ("thinking", "output_config", "anthropic_beta")


def _words_of_claude(body: Body) -> Iterator[str]:
    yield from _extraneous(body, *_OF_CLAUDE)


def _words_of_nova(body: Body) -> Iterator[str]:
    yield from _extraneous(body, "reasoningConfig")


def _extraneous(body: Body, *keys: str) -> Iterator[str]:
    found = [f"#: {extraneous(key)}" for key in keys if key in body.own]
    if found:
        yield malformed_words(*found)


ROWS: tuple[Row, ...] = (
    Row(
        name="Claude's words to another model",
        words=_words_of_claude,
        source="BerriAI/litellm#33401, agentgateway#3442, vercel/ai#10839, 2025 and 2026",
        forms=CONVERSE_ALONE,
        except_models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="Nova's words to another model",
        words=_words_of_nova,
        source="vercel/ai#10839, December 2025: each vendor's words are refused by the others",
        forms=CONVERSE_ALONE,
        except_models=("amazon.nova",),
        is_vendors=True,
    ),
    Row(
        name="thinking, to a Claude that does not",
        words=_never_thinks,
        source="anthropics/claude-code#2507 and #12914, June and December 2025",
        forms=CLAUDE_FORMS,
        models=_NEVER_THINKS,
        is_vendors=True,
    ),
    Row(
        name="a budget, to a Claude that decides for itself",
        words=_adaptive_alone,
        source="anomalyco/opencode#22863, coder/coder#26691, earendil-works/pi#7081, April to July "
        "2026",
        forms=CLAUDE_FORMS,
        models=_ADAPTIVE_ALONE,
        is_vendors=True,
    ),
    Row(
        name="adaptive thinking, to a Claude that needs a budget",
        words=_never_adaptive,
        source="Anthropic's page Adaptive thinking; public measurements, August 2026",
        forms=CLAUDE_FORMS,
        models=_NEVER_ADAPTIVE,
        is_vendors=True,
    ),
    Row(
        name="no thinking, to a Claude that always does",
        words=_always_thinks,
        source="litellm 1.109.1 (thinking_always_on), November 2026; the words are ours",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="an effort",
        words=_effort,
        source="anthropics/claude-code#30795, March 2026; askalf/dario#413, May 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="an effort without its beta",
        words=_effort_without_beta,
        source="coder/coder#25356, 2026; anthropics/claude-agent-sdk-typescript#214, March 2026",
        forms=CLAUDE_FORMS,
        models=claude("opus-4-5"),
        is_vendors=True,
    ),
    Row(
        name="sampling beside thinking",
        words=_sampling,
        source="MartialBE/one-hub#529, BerriAI/litellm#9524, dotCipher/opencode-claude-bridge#1, "
        "2025 and March 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="a forced tool beside thinking",
        words=_forced_tool,
        source="vercel/ai#17729, July 2026, measured on six models; strands-agents/harness-sdk"
        "#1495",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="a budget that is too small or too large",
        words=_budget,
        source="danny-avila/LibreChat#8346, July 2025; vercel/ai#7927, August 2025",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="a thought without a signature",
        words=_unsigned,
        source="earendil-works/pi#2063, maximhq/bifrost#6942, 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="an answer in progress that begins without a thought",
        words=_begins_without_thought,
        source="Anthropic's page Extended thinking, Preserving thinking blocks; public reports, "
        "2025 and 2026",
        forms=CLAUDE_FORMS,
        models=CLAUDE,
        is_vendors=True,
    ),
    Row(
        name="thoughts of earlier turns",
        words=_thoughts,
        source="langchain-ai/langchain-aws#401, aws-samples/bedrock-chat#845, zed-industries/zed"
        "#32341, March to June 2025; public measurements of Nova Pro, 2026",
        forms=CONVERSE_ALONE,
        models=("deepseek.r1", "amazon.nova"),
        except_models=("amazon.nova-2",),
    ),
    Row(
        name="thoughts of the user",
        words=_thoughts_of_users,
        source="public reports, August 2026",
        forms=CONVERSE_ALONE,
    ),
    Row(
        name="reasoning, to the first Nova",
        words=_nova_config,
        source="UKGovernmentBEIS/inspect_ai#5301, September 2026",
        forms=(Form.CONVERSE, Form.NOVA),
        models=("amazon.nova",),
        except_models=("amazon.nova-2",),
        is_vendors=True,
    ),
    Row(
        name="other fields of Nova's reasoning",
        words=_nova_fields,
        source="Amazon Nova 2 user guide, Extended thinking, November 2026; vercel/ai#10839",
        forms=(Form.CONVERSE, Form.NOVA),
        models=("amazon.nova-2",),
        is_vendors=True,
    ),
    Row(
        name="limits beside Nova's highest effort",
        words=_nova_high,
        source="Amazon Nova 2 user guide, Extended thinking; UKGovernmentBEIS/inspect_ai#3767 and "
        "#3848, April and May 2026; the words are ours",
        forms=(Form.CONVERSE, Form.NOVA),
        models=("amazon.nova-2",),
        is_vendors=True,
    ),
)
