"""What happened to one governed call, collected on its way, and what becomes of it: the entry of
the audit, and the outcome for whoever asked."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from time import perf_counter
from typing import TYPE_CHECKING, Any

from attrs import field, fields_dict

from axonflow_core.audit.record import Entry, Kind, new_id
from axonflow_core.budgets.accounts import Subject, SubjectKey
from axonflow_core.budgets.book import RESERVED
from axonflow_core.budgets.charging import charge
from axonflow_core.budgets.prices import Prices
from axonflow_core.budgets.refusals import Refusal
from axonflow_core.budgets.slices import Reservation
from axonflow_core.codec.features import Feature
from axonflow_core.errors import AxonFlowError, ProviderError
from axonflow_core.frozen import evolve, frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.http.asgi import CLIENT_CLOSED
from axonflow_core.messages import (
    EMPTY,
    Adjustment,
    Choice,
    Completion,
    CompletionRequest,
    FailedAttempt,
    Inference,
    Json,
    Receipt,
    Usage,
    hidden,
)
from axonflow_core.policy.rules import (
    POLICY_ERROR,
    Decision,
    Finding,
    Mode,
    Verdict,
    blocked_call,
)
from axonflow_core.provider import ForwardedAnswer, NativeCall, Provider
from axonflow_core.routing.targets import Target

if TYPE_CHECKING:
    from axonflow_core.audit.batch import Transaction

SENT = "sent"
"""The label of the commitment to the SHA-256, in hex, of the body that the provider sent."""
MAX_FINDINGS = 256
"""Findings of one decision that its record lists; of the others it has the number."""
MAX_TOKENS = 100_000_000
"""The most tokens of one call, ten times what the longest context windows hold. Counts beyond are
no counts. 30,000 calls of so many, at the price of the dearest models, fit into a counter."""
_COUNTS = tuple(name for name in fields_dict(Usage) if name.endswith("_tokens"))
_counts_of = attrgetter(*_COUNTS)
_RANK: Mapping[Verdict, int] = {verdict: rank for rank, verdict in enumerate(Verdict)}
"""Verdict -> its rank: the verdict on a call is the highest of its decisions."""
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
_MODEL = re.compile(r"[A-Za-z][A-Za-z0-9_.:/@-]{0,255}")
_FEATURES = frozenset({*Feature, *fields_dict(Inference), *fields_dict(CompletionRequest)})
"""What an adjustment may name in a record; what else it names may be a word of the client's."""


@frozen(kw_only=True)
class GovernedCall:
    """A call as a mode hands it to governance."""

    caller: Caller
    request: Any = hidden()
    """A `CompletionRequest`; of a call that is measured (`Governance.measure`), an
    `EmbeddingRequest` or a `RerankRequest`, too."""
    native: NativeCall | None = hidden(default=None)
    """The client's own call that `request` was read from, where it sent one in its dialect: the
    answer is for that, and comes with the bytes of both where nothing was changed."""
    mode: str
    """The way in: `proxy`, `gateway`, `plan`, `dialect`."""
    request_type: str = "chat"
    """The product's word for the kind of request; for the record."""
    prompt_mode: Mode = Mode.PROMPT
    """The kind of text that the messages of the request are."""
    user: str | None = field(default=None, repr=False)
    """The user on whose behalf the client calls, as the client names them; a token, it may be."""
    provider: str | None = None
    model: str | None = None
    """The name of a named model, or an id."""
    is_strict: bool | None = None
    """Whether no other provider than the named one will do; None leaves it to the configuration."""
    allowed_providers: tuple[str, ...] | None = None
    """The only providers that the call may go to; None: all that the caller may use."""
    timeout_s: float | None = None
    is_made: bool = True
    """Whether a model is called; otherwise the call is only checked and recorded."""
    copy_of: str | None = None
    """The id of the call that this one is a shadow of (`governance.shadows`)."""
    team: str | None = None
    """The team that the client names for it; budgets may be of one."""
    workflow: str | None = None
    """The workflow that the client names for it."""
    facts: Mapping[str, Json] = EMPTY
    """What its record says besides: ids, counts and words of ours."""
    on_record: Callable[[Transaction, Outcome], None] | None = field(default=None, repr=False)
    """Runs in the transaction that writes the record: what it does is durable with the record, or
    not at all. It may run again where that is taken back."""


@frozen(kw_only=True)
class Outcome:
    """What came of a governed call. It is on record."""

    id: str
    """The record's id."""
    verdict: Verdict
    decisions: tuple[Decision, ...] = ()
    """On the request, and on the answer where there was one."""
    completion: Completion | None = None
    """The answer, as the policy lets it go; None where there is none to give, or it is no
    completion."""
    forwarded: ForwardedAnswer | None = hidden(default=None)
    """The same for `GovernedCall.native`, with its bytes where no policy changed it."""
    error: AxonFlowError | None = None
    """Why the call failed, where it did."""
    provider: str | None = None
    model: str | None = None
    usage: Usage | None = None
    """The tokens of the answer, whoever may have it; None where nobody answered."""
    cost_usd: float | None = None
    elapsed_ms: float = 0.0
    refusal: Refusal | None = None
    """The budget or limit that has no room for the call, where that is why it was stopped."""
    exceeded: tuple[str, ...] = ()
    """The ids of budgets that are exceeded and only warn."""
    placeholders: Mapping[str, Mapping[str, int]] = EMPTY
    """`replaced` and `restored` -> rule or type -> how many texts; empty where nothing has a
    placeholder."""

    @property
    def stopping(self) -> Decision | None:
        """The decision that stopped the call; None where none did."""
        return next((each for each in self.decisions if each.is_stopped), None)

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that found something, each once."""
        return rules_of(self.decisions)


class Trail:
    """Collects what happens to a call. Entries and outcome are made of it."""

    def __init__(
        self,
        call: GovernedCall,
        generation: int,
        prices: Prices,
        *,
        is_streamed: bool = False,
    ) -> None:
        self.id = new_id()
        self._prices = prices
        self.user: str | None = None
        """The pseudonym of the call's user."""
        self._call = call
        self._generation = generation
        self._is_streamed = is_streamed
        self._began = perf_counter()
        self._elapsed_ms: float | None = None
        self._decisions: list[Decision] = []
        self._verdict = Verdict.ALLOWED
        """The highest of the decisions."""
        self.texts: dict[str, str] = {}
        """Label -> text, of what was decided on."""
        self.target: Target | None = None
        """Where the call goes, or went to last."""
        self.admitted: Target | None = None
        """Where it was to go when budgets and limits had room for it."""
        self._beside: tuple[Target, ...] = ()
        """Targets that may bill it besides."""
        self._provider: Provider | None = None
        self._answer: Completion | None = None
        self._cost_usd: float | None = None
        self._placeholders: Mapping[str, Mapping[str, int]] = EMPTY
        self._is_whole = True
        self._is_late = False
        self._error: AxonFlowError | None = None
        self._code: str | None = None
        self.reservation: Reservation | None = None
        """What budgets and limits set aside for the call, until its record settles it."""
        self._refusal: Refusal | None = None
        self._exceeded: tuple[str, ...] = ()
        self.is_downgraded = False
        """Whether a budget sent the call to a cheaper model than the first."""

    def decided(self, decision: Decision, kept: Mapping[str, str]) -> None:
        """The policy decided. `kept` are the texts with everything masked that was found."""
        self._decide(decision)
        phase = str(decision.phase)
        for label, text in kept.items():
            self.texts[f"{phase}.{label}"] = text

    def replaced(self, replaced: Mapping[str, int], restored: Mapping[str, int]) -> None:
        """Placeholders stand in the request, so many for each rule or type. `restored` will say how
        often something of each was restored in the answer."""
        self._placeholders = {"replaced": replaced, "restored": restored}

    def chose(self, target: Target, provider: Provider, beside: tuple[Target, ...] = ()) -> None:
        """The call goes to this target, which is the provider's; those `beside` it may bill it
        too."""
        self.target, self._provider, self._beside = target, provider, beside

    @property
    def subject(self) -> Subject:
        """Whose call it is and where it goes, once that was chosen."""
        return Subject(*self.key())

    def key(self) -> SubjectKey:
        """The same as `subject`, made in a fifth of the time: to look up what is known of it."""
        call, target = self._call, self.target
        caller = call.caller
        return (
            caller.tenant,
            caller.client,
            self.user,
            None if target is None else target.provider,
            None if target is None else target.model,
            call.team,
            call.workflow,
        )

    def reserved(self, reservation: Reservation) -> None:
        """Budgets and limits have room for the call."""
        self.reservation, self.admitted = reservation, self.target
        if reservation.warnings:
            self._exceeded = tuple(
                account.budget.id for account in reservation.warnings if account.budget is not None
            )

    def refused(self, refusal: Refusal) -> None:
        """A budget or a limit has no room for the call, which is not made."""
        self._refusal = refusal
        self._decide(refused(refusal))

    def _decide(self, decision: Decision) -> None:
        self._decisions.append(decision)
        if decision.verdict is not Verdict.ALLOWED:
            self._verdict = max(self._verdict, decision.verdict, key=_RANK.__getitem__)

    def answered(self, answer: Completion, *, is_whole: bool = True, is_late: bool = False) -> None:
        """The provider answered. Of an answer that is not whole, counts are what was seen of them.
        `is_late` says that part of a finding had left before the finding was whole."""
        usage = believable(answer.usage)
        answer = answer if usage is answer.usage else evolve(answer, usage=usage)
        self._answer, self._is_whole, self._is_late = answer, is_whole, is_late
        self._cost_usd = self._cost_of(answer)

    def measured(self, usage: Usage) -> None:
        """The provider answered, and not in words: with vectors, say."""
        self.answered(Completion((), None, usage))
        if self._cost_usd is None and self.target is not None and self._provider is not None:
            target = self.target
            price = self._prices.expected(target.provider, self._provider, target.model)
            if price is not None:
                self._cost_usd = price.cost_usd(evolve(usage, output_tokens=0))

    def failed(self, error: AxonFlowError) -> None:
        """The call failed."""
        self._error, self._code = error, error.code

    def broke_off(self, code: str) -> None:
        """The call ended by nobody's error: `cancelled`."""
        self._code = code

    def ended(self) -> None:
        """The call is over; what follows takes none of its time."""
        if self._elapsed_ms is None:
            self._elapsed_ms = (perf_counter() - self._began) * 1_000

    @property
    def call(self) -> GovernedCall:
        """What was asked."""
        return self._call

    @property
    def is_answered(self) -> bool:
        """Whether a model answered, and nothing stopped or failed the call."""
        return (
            self._answer is not None
            and self._code is None
            and not any(each.is_stopped for each in self._decisions)
        )

    @property
    def verdict(self) -> Verdict:
        """The verdict on all of the call."""
        return self._verdict if self._code is None else Verdict.ERROR

    def outcome(self, given: Any) -> Outcome:
        """What the mode gets; `given` is the answer that may be given."""
        self.ended()
        target = self.target
        forwarded = given if isinstance(given, ForwardedAnswer) else None
        completion = given if forwarded is None else forwarded.answer
        return Outcome(
            id=self.id,
            verdict=self.verdict,
            decisions=tuple(self._decisions),
            completion=completion if isinstance(completion, Completion) else None,
            forwarded=forwarded,
            error=self._error,
            provider=None if target is None else target.provider,
            model=None if target is None else target.model,
            usage=None if self._answer is None else self._answer.usage,
            cost_usd=self._cost_usd,
            elapsed_ms=self._elapsed_ms or 0.0,
            refusal=self._refusal,
            exceeded=self._exceeded,
            placeholders=self._placeholders,
        )

    def opened(self) -> Entry:
        """The record of a stream that is about to begin."""
        facts = self._facts()
        if self.reservation is not None and (reserved := self.reservation.reserved()):
            facts[RESERVED] = reserved
        return self._entry(Kind.OPENED, self.id, None, facts)

    def entry(self, *, closes: str | None = None) -> Entry:
        """The record of the call. `closes` is the id of the record that a stream began with."""
        self.ended()
        id = self.id if closes is None else new_id()
        facts = self._facts()
        self._add_end(facts)
        return self._entry(Kind.CALL, id, closes, facts)

    def _entry(self, kind: Kind, id: str, closes: str | None, facts: Mapping[str, Json]) -> Entry:
        call, target = self._call, self.target
        return Entry(
            kind=kind,
            verdict=self.verdict,
            id=id,
            tenant=call.caller.tenant,
            client=call.caller.client,
            user=self.user,
            request_type=word(call.request_type),
            provider=None if target is None else target.provider,
            model=None if target is None else target.model,
            rules=rules_of(self._decisions),
            closes=closes,
            facts=facts,
            texts=self.texts,
            digests=self._digests(),
        )

    def _digests(self) -> Mapping[str, str]:
        """What commitments are made of besides texts: the body that was sent."""
        receipt = None if self._answer is None else self._answer.receipt
        if receipt is None or receipt.body_digest is None:
            return EMPTY
        return {SENT: receipt.body_digest}

    def _facts(self) -> dict[str, Any]:
        facts: dict[str, Any] = {
            "mode": self._call.mode,
            "generation": self._generation,
            "decisions": [decision_facts(each) for each in self._decisions],
        }
        if self._is_streamed:
            facts["is_streamed"] = True
        if self._call.copy_of is not None:
            facts["shadow_of"] = self._call.copy_of
        if self._call.facts:
            facts |= self._call.facts
        return facts

    def _add_end(self, facts: dict[str, Any]) -> None:
        """Add what came of the call to the facts of its record."""
        facts["latency_ms"] = round(self._elapsed_ms or 0.0, 3)
        answer = self._answer
        if answer is not None:
            facts["tokens"] = token_facts(answer.usage)
            facts["cost_usd"] = self._cost_usd
            facts["stop_reason"] = answer.stop_reason
            if answer.receipt is not None:
                facts["receipt"] = receipt_facts(answer.receipt)
            if answer.adjustments:
                facts["adjustments"] = adjustment_facts(answer.adjustments)
        if not self._is_whole:
            facts["is_lower_bound"] = True
        if self._is_late:
            facts["is_late"] = True
        # An answer or an error tells itself where else the call may be billed.
        beside = self._beside if answer is None and self._error is None else ()
        if self._code is not None:
            facts["error"] = error_facts(self._code, self._error)
            if beside:
                facts["error"]["failed_attempts"] = attempt_facts(
                    FailedAttempt(self._code, provider=each.provider, model=each.model)
                    for each in beside
                )
        if self._exceeded:
            facts["exceeded"] = list(self._exceeded)
        if self.is_downgraded:
            facts["is_downgraded"] = True
        if self._placeholders:
            facts["placeholders"] = {what: dict(of) for what, of in self._placeholders.items()}
        if self.reservation is not None:
            charge(
                facts,
                self.reservation,
                answer,
                self._cost_usd,
                self._is_whole,
                self._error,
                len(beside),
            )

    def _cost_of(self, answer: Completion) -> float | None:
        """None where it is not known; of an answer that is not whole, what is known of it."""
        if answer.receipt is None or self._provider is None or self.target is None:
            return None
        price = self._prices.of(self.target.provider, self._provider, answer.receipt)
        if price is None:
            return None
        usage = answer.usage
        if self._is_whole or (usage.input_tokens is None and usage.output_tokens is None):
            return price.cost_usd(usage)
        known = evolve(
            usage,
            input_tokens=usage.input_tokens or 0,
            output_tokens=usage.output_tokens or 0,
        )
        return price.cost_usd(known)


def refused(refusal: Refusal) -> Decision:
    """The decision that a budget or a limit makes."""
    return blocked_call(refusal.account.rule, "budget", refusal.message)


def code_of(cancelled: asyncio.CancelledError) -> str:
    """The code of a call that was cancelled."""
    return CLIENT_CLOSED if cancelled.args == (CLIENT_CLOSED,) else "cancelled"


def rules_of(decisions: Iterable[Decision]) -> tuple[str, ...]:
    """The rules that found something in any of them, each once."""
    found = [each for each in decisions if each.findings]
    return tuple(dict.fromkeys(rule for each in found for rule in each.rules)) if found else ()


def decision_facts(decision: Decision) -> dict[str, Json]:
    """A decision as the record has it: which rules found something where, and nothing of it."""
    facts: dict[str, Json] = {
        "phase": str(decision.phase),
        "verdict": str(decision.verdict),
        "policy": decision.version,
        "screened": dict(decision.screened),
    }
    if decision.findings:
        facts["findings"] = list(map(_finding_facts, decision.findings[:MAX_FINDINGS]))
    unlisted = decision.unlisted + max(0, len(decision.findings) - MAX_FINDINGS)
    if unlisted:
        facts["unlisted"] = unlisted
    return facts


def _finding_facts(finding: Finding) -> dict[str, Json]:
    facts: dict[str, Json] = {
        "rule": finding.rule,
        "action": finding.action,
        "part": finding.part,
    }
    if finding.category == POLICY_ERROR:
        facts[POLICY_ERROR] = True
    return facts


def believable(usage: Usage) -> Usage:
    """`usage` without the counts that no call can have: they are not known then, so that neither
    sums nor budgets are spoilt by what a provider, or whoever speaks for it, makes up."""
    counts: tuple[int | None, ...] = _counts_of(usage)
    if max(filter(None, counts), default=0) <= MAX_TOKENS:
        return usage
    pairs = zip(_COUNTS, counts, strict=True)
    unknown: dict[str, Any] = {name: None for name, count in pairs if (count or 0) > MAX_TOKENS}
    return evolve(usage, **unknown)


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
    """How the call was made, and why where it was made."""
    facts: dict[str, Json] = {
        "family": receipt.family,
        "surface": receipt.surface,
        "called": receipt.called,
        "region": receipt.region,
        "request_id": receipt.request_id,
        "attempts": receipt.attempts,
        "latency_ms": receipt.latency_ms,
        "first_byte_ms": receipt.first_byte_ms,
    }
    if receipt.failed_attempts:
        facts["failed_attempts"] = attempt_facts(receipt.failed_attempts)
    if receipt.choice is not None:
        facts["choice"] = choice_facts(receipt.choice)
    return facts


def attempt_facts(attempts: Iterable[FailedAttempt]) -> list[Json]:
    """The attempts that failed, each with its target where that is another than the last."""
    return [_attempt_facts(each) for each in attempts]


def _attempt_facts(attempt: FailedAttempt) -> Json:
    facts = {
        "provider": attempt.provider,
        "model": None if attempt.model is None else model_name(attempt.model),
        "region": attempt.region,
        "code": attempt.code,
        "status": attempt.status,
        "native_code": word(attempt.native_code),
        "request_id": attempt.request_id,
    }
    return {name: value for name, value in facts.items() if value is not None}


def choice_facts(choice: Choice) -> dict[str, Json]:
    """Why a call was made where it was made."""
    facts: dict[str, Json] = {"by": choice.by}
    if choice.skipped:
        facts["skipped"] = [
            {"provider": each.provider, "model": model_name(each.model), "reason": each.reason}
            for each in choice.skipped
        ]
    if choice.regions:
        facts["regions"] = list(choice.regions)
    if choice.is_possibly_billed_twice:
        facts["is_possibly_billed_twice"] = True
    return facts


def error_facts(code: str, error: AxonFlowError | None) -> dict[str, Any]:
    """Why a call failed: codes and ids, no words of the provider's."""
    facts: dict[str, Json] = {"code": code}
    if isinstance(error, ProviderError):
        facts |= {"status": error.status, "native_code": word(error.native_code)}
    if error is not None and error.request_id is not None:
        facts["request_id"] = error.request_id
    if error is not None and error.failed_attempts:
        facts["failed_attempts"] = attempt_facts(error.failed_attempts)
    return facts


def adjustment_facts(adjustments: Iterable[Adjustment]) -> dict[str, int]:
    """How many adjustments there were, by what they are about."""
    return Counter(each.feature if each.feature in _FEATURES else "other" for each in adjustments)


def word(text: str | None) -> str | None:
    """A word that somebody else chose, as a record may have it: an identifier, or `other`."""
    return text if text is None or _WORD.fullmatch(text) else "other"


def model_name(text: str) -> str:
    """The id of a model that a client reports, as a record may have it: one word, or `other`."""
    return text if _MODEL.fullmatch(text) else "other"
