"""How an answer is written: text to stdout, the model's reasoning dimmed to a terminal's stderr."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from axonflow_core.cli.sampling import warn_of

if TYPE_CHECKING:
    from axonflow_core.messages import Completion, CompletionRequest, Receipt
    from axonflow_core.runtime import Runtime
    from axonflow_core.stream import StreamEvent

CUT: Mapping[str | None, str] = {
    "max_tokens": "the answer is cut: it reached the limit of its length; --max-tokens raises it",
    "model_context_window_exceeded": "the answer is cut: the context of the model is full",
    "content_filtered": "the answer is cut: a content filter of the provider ended it",
    "guardrail_intervened": "the answer is not the model's alone: a guardrail intervened",
    "refusal": "the model declined to answer",
    "malformed_output": "the answer is cut: the model wrote what is no answer",
}
"""Stop reason -> what to say of an answer that is not whole."""


async def stream_answer(runtime: Runtime, request: CompletionRequest, **whom: Any) -> Completion:
    """Write the text to stdout as it arrives and return the whole completion; `whom` are arguments
    of `Runtime.stream`.

    Raises what the stream raises; the text that arrived before the error stays written, and a line
    break ends it.
    """
    from axonflow_core.cli.display import write_text

    async with runtime.stream(request, **whom) as stream:
        warn_of(stream.adjustments)
        writer = _Writer()
        try:
            async for batch in stream:
                for event in batch:
                    writer.write(event)
        finally:
            write_text("\n")
        return await stream.completion()


class _Writer:
    """Writes the events of a streamed answer."""

    def __init__(self) -> None:
        self._shows_reasoning = sys.stderr.isatty()
        self._is_thinking = False

    def write(self, event: StreamEvent) -> None:
        """Write what the event has of text or reasoning."""
        from axonflow_core.cli.display import tell, write_text
        from axonflow_core.provider import texts_of_batch

        for text in texts_of_batch((event,)):
            if self._is_thinking:
                tell("")
                self._is_thinking = False
            write_text(text)
        thought = _thought_of(event)
        if thought and self._shows_reasoning:
            tell(thought, style="dim", end="")
            self._is_thinking = True


def _thought_of(event: StreamEvent) -> str:
    from axonflow_core.messages import Reasoning
    from axonflow_core.stream import BlockStart, ReasoningDelta

    match event:
        case ReasoningDelta(text=text) | BlockStart(block=Reasoning(text=text)):
            return text
    return ""


def write_reasoning(answer: Completion) -> None:
    """Write the reasoning of a whole answer, where stderr is a terminal."""
    from axonflow_core.cli.display import tell
    from axonflow_core.messages import Reasoning

    for block in answer.content:
        if isinstance(block, Reasoning) and block.text and sys.stderr.isatty():
            tell(block.text, style="dim")


def counted(answer: Completion) -> str:
    """`tokens: 12 in, 34 out, 812 ms`, with what was read from a cache."""
    usage, receipt = answer.usage, answer.receipt
    cached = f" ({usage.cache_read_tokens} cached)" if usage.cache_read_tokens else ""
    elapsed = f", {receipt.latency_ms} ms" if receipt and receipt.latency_ms is not None else ""
    return f"tokens: {usage.input_tokens} in{cached}, {usage.output_tokens} out{elapsed}"


def instead(receipt: Receipt | None) -> str | None:
    """Who answered in whose place: `answered by echo parrot, after bedrock …: throttled`; None
    where the first that was asked did."""
    failed = () if receipt is None else receipt.failed_attempts
    others = [f"{each.provider} {each.model}: {each.code}" for each in failed if each.provider]
    if receipt is None or not others:
        return None
    told = ", ".join(dict.fromkeys(others))
    return f"answered by {receipt.provider} {receipt.model}, after {told}"


def _asked(receipt: Receipt | None) -> dict[str, object]:
    """Who answered, and which attempts failed before."""
    import attrs

    if receipt is None:
        return {}
    failed = [attrs.asdict(attempt) for attempt in receipt.failed_attempts]
    return {"provider": receipt.provider, "region": receipt.region, "failed_attempts": failed}


def described(answer: Completion) -> dict[str, object]:
    """The completion as JSON, for `--json`; `parsed` where a schema was given."""
    import attrs

    parsed = {} if answer.parsed is None else {"parsed": answer.parsed}
    return {
        "text": answer.text,
        **parsed,
        "stop_reason": answer.stop_reason,
        "usage": attrs.asdict(
            answer.usage, filter=lambda field, value: value is not None and field.name != "extra"
        ),
        "adjustments": [attrs.asdict(adjustment) for adjustment in answer.adjustments],
        "model": answer.model,
        "id": answer.id,
        **_asked(answer.receipt),
        "content": [
            {"type": type(block).__name__, **attrs.asdict(block)} for block in answer.content
        ],
    }
