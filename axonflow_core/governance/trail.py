"""What happened to one governed call, collected on its way, and what becomes of it: the entry of
the audit, and the outcome for whoever asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Any

from attrs import field

from axonflow_core.audit.record import Entry, Kind, new_id
from axonflow_core.errors import AxonFlowError, ProviderError
from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.screening import counted
from axonflow_core.messages import Completion, CompletionRequest, Json, Receipt, Usage, hidden
from axonflow_core.policy.rules import Decision, Finding, Verdict
from axonflow_core.provider import Provider, SupportsPricing

_RANK: Mapping[Verdict, int] = {verdict: rank for rank, verdict in enumerate(Verdict)}
"""Verdict -> its rank: the verdict on a call is the highest of its decisions."""


@frozen(kw_only=True)
class GovernedCall:
    """A call as a mode hands it to governance."""

    caller: Caller
    request: CompletionRequest = hidden()
    mode: str
    """The way in: `proxy`, `gateway`, `plan`."""
    request_type: str = "chat"
    """The product's word for the kind of request; for the record."""
    user: str | None = field(default=None, repr=False)
    """The user on whose behalf the client calls, as the client names them; a token, it may be."""
    provider: str | None = None
    model: str | None = None
    timeout_s: float | None = None
    is_made: bool = True
    """Whether a model is called; otherwise the call is only checked and recorded."""


@frozen(kw_only=True)
class Outcome:
    """What came of a governed call. It is on record."""

    id: str
    """The record's id."""
    verdict: Verdict
    decisions: tuple[Decision, ...] = ()
    """On the request, and on the answer where there was one."""
    completion: Completion | None = None
    """The answer, as the policy lets it go; None where there is none to give."""
    error: AxonFlowError | None = None
    """Why the call failed, where it did."""
    provider: str | None = None
    model: str | None = None
    cost_usd: float | None = None
    elapsed_ms: float = 0.0

    @property
    def stopping(self) -> Decision | None:
        """The decision that stopped the call; None where none did."""
        return next((each for each in self.decisions if each.is_stopped), None)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that found something, each once."""
        return rules_of(self.decisions)


class Trail:
    """Collects what happens to a call. `entry` and `outcome` are made of it at the end."""

    def __init__(self, call: GovernedCall, generation: int) -> None:
        self.id = new_id()
        self._call = call
        self._generation = generation
        self._began = perf_counter()
        self._decisions: list[Decision] = []
        self._texts: dict[str, str] = {}
        self._provider: tuple[str, Provider] | None = None
        self._model: str | None = None
        self._answer: Completion | None = None
        self._error: AxonFlowError | None = None
        self._code: str | None = None

    def decided(self, decision: Decision, texts: Mapping[str, str]) -> None:
        """The policy decided on `texts`."""
        self._decisions.append(decision)
        kept = {**texts, **decision.kept} if decision.kept else texts
        self._texts.update((f"{decision.phase}.{label}", text) for label, text in kept.items())

    def chose(self, name: str, provider: Provider, model: str) -> None:
        """The call goes to this provider."""
        self._provider, self._model = (name, provider), model

    def answered(self, answer: Completion) -> None:
        """The provider answered."""
        self._answer = answer

    def failed(self, error: AxonFlowError) -> None:
        """The call failed."""
        self._error, self._code = error, error.code

    def broke_off(self, code: str) -> None:
        """The call ended by nobody's error: `client_closed`."""
        self._code = code

    @property
    def _verdict(self) -> Verdict:
        if self._code is not None:
            return Verdict.ERROR
        verdicts = (decision.verdict for decision in self._decisions)
        return max(verdicts, key=_RANK.__getitem__, default=Verdict.ALLOWED)

    def outcome(self, completion: Completion | None) -> Outcome:
        """What the mode gets; `completion` is the answer that may be given."""
        return Outcome(
            id=self.id,
            verdict=self._verdict,
            decisions=tuple(self._decisions),
            completion=completion,
            error=self._error,
            provider=None if self._provider is None else self._provider[0],
            model=self._model,
            cost_usd=self._cost_usd,
            elapsed_ms=self._elapsed_ms,
        )

    def entry(self, user: str | None) -> Entry:
        """The record. `user` is a pseudonym."""
        call = self._call
        return Entry(
            kind=Kind.CALL,
            verdict=self._verdict,
            id=self.id,
            tenant=call.caller.tenant,
            client=call.caller.client,
            user=user,
            request_type=call.request_type,
            provider=None if self._provider is None else self._provider[0],
            model=self._model,
            rules=rules_of(self._decisions),
            facts=self._facts(),
            texts=self._texts,
        )

    def _facts(self) -> dict[str, Json]:
        facts: dict[str, Any] = {
            "mode": self._call.mode,
            "generation": self._generation,
            "decisions": list(map(decision_facts, self._decisions)),
            "latency_ms": round(self._elapsed_ms, 3),
        }
        if self._answer is not None:
            facts["tokens"] = token_facts(self._answer.usage)
            facts["cost_usd"] = self._cost_usd
            facts["stop_reason"] = self._answer.stop_reason
            if self._answer.receipt is not None:
                facts["receipt"] = receipt_facts(self._answer.receipt)
        if self._code is not None:
            facts["error"] = error_facts(self._code, self._error)
        return facts

    @property
    def _elapsed_ms(self) -> float:
        return (perf_counter() - self._began) * 1_000

    @property
    def _cost_usd(self) -> float | None:
        """None where it is not known."""
        if self._answer is None or self._answer.receipt is None or self._provider is None:
            return None
        provider = self._provider[1]
        if not isinstance(provider, SupportsPricing):
            return None
        price = provider.price(self._answer.receipt)
        return None if price is None else price.cost_usd(self._answer.usage)


def rules_of(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """The rules that found something in any of them, each once."""
    return tuple(dict.fromkeys(rule for each in decisions for rule in each.rules))


def decision_facts(decision: Decision) -> dict[str, Json]:
    """A decision as the record has it: which rules found something where, and nothing of it."""
    facts: dict[str, Json] = {
        "phase": decision.phase,
        "verdict": decision.verdict,
        "policy": decision.version,
        "screened": counted(decision.screened),
    }
    if decision.findings:
        facts["findings"] = list(map(_finding_facts, decision.findings))
    return facts


def _finding_facts(finding: Finding) -> dict[str, Json]:
    return {"rule": finding.rule, "action": finding.action, "part": finding.part}


def token_facts(usage: Usage) -> dict[str, Json]:
    """The counts that are known."""
    counts = {
        "input": usage.input_tokens,
        "output": usage.output_tokens,
        "cache_read": usage.cache_read_tokens,
        "cache_write": usage.cache_write_tokens,
        "reasoning": usage.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def receipt_facts(receipt: Receipt) -> dict[str, Json]:
    """How the call was made."""
    return {
        "family": receipt.family,
        "surface": receipt.surface,
        "called": receipt.called,
        "region": receipt.region,
        "request_id": receipt.request_id,
        "attempts": receipt.attempts,
        "latency_ms": receipt.latency_ms,
        "first_byte_ms": receipt.first_byte_ms,
    }


def error_facts(code: str, error: AxonFlowError | None) -> dict[str, Json]:
    """Why a call failed: codes and ids, no words of the provider's."""
    facts: dict[str, Json] = {"code": code}
    if isinstance(error, ProviderError):
        facts |= {"status": error.status, "native_code": error.native_code}
    if error is not None and error.request_id is not None:
        facts["request_id"] = error.request_id
    return facts
