"""A record, replayed: what its policy decides again, and its codec encodes again, offline.

A record keeps no request. What can be said of it depends on what is at hand:

    always            the record stands as a head was signed over it
    the kept texts    they are what the record commits to; the policy finds nothing in them that it
                      did not find then. What it found then has a mask there and cannot be found
                      again, so a decision with findings is not replayed by them
    the request       the policy decides on it again, with the findings, their places and actions;
                      what would be kept of it is what the record commits to; the codec encodes it,
                      as the policy lets it go, for the model that was called, and the SHA-256 of
                      the bytes is what the record commits to

The same bytes are those of the body that was answered, not of its headers. A commitment to a masked
text does not tell two requests apart that differ in nothing but what was masked; the commitment to
the body does, unless it was masked there too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from axonflow_core.audit.kept import KeptRecord
from axonflow_core.audit.record import Entry, Kind
from axonflow_core.errors import AxonFlowError, RequestError
from axonflow_core.frozen import frozen
from axonflow_core.governance.caller import Caller
from axonflow_core.governance.choosing import (
    errand_of,
    native_of,
    policy_of_call,
    policy_of_texts,
    vault_of,
)
from axonflow_core.governance.screening import judged
from axonflow_core.governance.trail import SENT, GovernedCall, decision_facts
from axonflow_core.modes.decisions import (
    Question,
    decision_on,
    mode_of,
    mode_of_connector,
    texts_of,
)
from axonflow_core.policy.rules import Decision, Mode, Phase
from axonflow_core.policy.terms import Surface
from axonflow_core.provider import NativeCall, SupportsEncoding
from axonflow_core.server.asked_again import GivenAgain, asked_by

if TYPE_CHECKING:
    from axonflow_core.endpoint.ingress import Ingress
    from axonflow_core.policy.engine import Policy
    from axonflow_core.policy.policies import Policies
    from axonflow_core.routing.router import Router

DECIDED = (
    *(Kind.CALL, Kind.OPENED, Kind.INTERRUPTED),
    Kind.CHECK,
    *(Kind.GATEWAY_CALL, Kind.TOOL_CALL),
)
"""The kinds of records that have decisions of a policy."""
_COMPARED = ("verdict", "screened", "findings", "unlisted")
_OF_TOOLS = ("check_input", "check_output", "tool_call")


class State(StrEnum):
    """What replaying a part of a record shows."""

    SAME = "same"
    DIFFERS = "differs"
    NOT_REPLAYED = "not replayed"


@frozen
class Part:
    """A part of a record, and what replaying it shows."""

    name: str
    state: State
    detail: str
    """How, or why not. It quotes no text."""


def require_decided(entry: Entry) -> None:
    """`RequestError` for a record in which no policy decided."""
    if entry.kind in DECIDED:
        return
    other = entry.facts.get("answer_of")
    raise RequestError(
        f"no policy decided in the record {entry.id}, which is of the kind {entry.kind}",
        hint=f"replay {other}, whose answer was given again" if other else None,
    )


class Replay:
    """Replays one record under one configuration."""

    def __init__(
        self,
        kept: KeptRecord,
        policies: Policies,
        router: Router,
        caller: Caller,
        ingresses: Sequence[Ingress] = (),
    ) -> None:
        """`ingresses` are those of the dialects that the configuration serves."""
        self._kept = kept
        self._entry = kept.recorded.entry
        self._policies = policies
        self._router = router
        self._caller = caller
        self._ingresses = ingresses
        decisions = self._entry.facts.get("decisions") or ()
        self._decisions: list[Mapping[str, Any]] = [each for each in decisions if each["policy"]]
        """Those of policies: a budget's and an errand's have no version."""

    async def parts(self, given: GivenAgain | None = None) -> tuple[Part, ...]:
        """What replaying shows, of the request where it is given. Errors as `asked_by`."""
        if given is None:
            return tuple(self._by_texts())
        asked = asked_by(given, self._entry, self._caller, self._ingresses)
        if isinstance(asked, Question):
            return await self._by_question(asked)
        return await self._by_call(asked)

    # ── the kept texts ────────────────────────────────────────────────────────────────────────────

    def _by_texts(self) -> Iterator[Part]:
        policy = self._policy_of_record()
        yield self._version(policy)
        yield self._kept_texts()
        for then in self._decisions:
            yield self._decision_on_kept(policy, then)
        if self._entry.kind in (Kind.CALL, Kind.OPENED, Kind.INTERRUPTED):
            yield Part("body", State.NOT_REPLAYED, "no request is kept: give it with --request")

    def _policy_of_record(self) -> Policy:
        """The policy that decided, where it is among those of the client; else the one that would
        decide on the model that was called."""
        entry = self._entry
        surface = Surface.MCP if entry.request_type in _OF_TOOLS else Surface.GATEWAY
        client, model = entry.client, entry.model
        scopes = ([] if model is None else [model], None, ())
        found = [self._policies.of(client, models, surface=surface) for models in scopes]
        chosen = policy_of_texts(self._policies, self._router, client, model, surface)
        wanted = {each["policy"] for each in self._decisions}
        return next((each for each in (chosen, *found) if each.version in wanted), chosen)

    def _kept_texts(self) -> Part:
        kept, entry = self._kept, self._entry
        if not kept.texts:
            return Part("kept texts", State.NOT_REPLAYED, self._why_no_texts())
        changed = [label for label, text in kept.texts.items() if not kept.commits_to(label, text)]
        if changed:
            return Part(
                "kept texts", State.DIFFERS, f"{', '.join(changed)}: not what {entry.id} holds"
            )
        return Part(
            "kept texts", State.SAME, f"{len(kept.texts)} kept, as the record commits to them"
        )

    def _why_no_texts(self) -> str:
        if self._kept.is_erased:
            return "its keys were destroyed, and with them what was kept"
        return "none are kept (`audit.texts` is `none`, or not all could be looked at)"

    def _decision_on_kept(self, policy: Policy, then: Mapping[str, Any]) -> Part:
        phase = Phase(then["phase"])
        name, prefix = f"decision on the {phase}", f"{phase}."
        texts = {
            label.removeprefix(prefix): text
            for label, text in self._kept.texts.items()
            if label.startswith(prefix)
        }
        if not texts:
            return Part(name, State.NOT_REPLAYED, self._why_no_texts())
        decision = policy.evaluate(phase, texts, self._modes(phase, texts))
        now, before = decision_facts(decision), then.get("findings", [])
        known = {(each["rule"], each["part"]) for each in before}
        new = [one for one in now.get("findings", []) if (one["rule"], one["part"]) not in known]
        if new:
            return Part(name, State.DIFFERS, f"found now and not then: {_told(new)}")
        if before or then.get("unlisted"):
            masked = f"what was found then is masked in what is kept: {_told(before)}"
            return Part(name, State.NOT_REPLAYED, f"{masked}; nothing else is found")
        return _compared(name, then, {**now, "screened": then["screened"]})

    def _modes(self, phase: Phase, labels: Iterable[str]) -> Mapping[str, Mode]:
        """The kind of each text, as far as the record tells."""
        entry = self._entry
        if phase is Phase.ANSWER:
            return {}
        if entry.request_type not in _OF_TOOLS:
            return dict.fromkeys(labels, mode_of(entry.request_type))
        connector = mode_of_connector(entry.facts.get("connector_type"))
        return {label: connector if label == "statement" else Mode.PARAMETER for label in labels}

    # ── the request ───────────────────────────────────────────────────────────────────────────────

    async def _by_question(self, question: Question) -> tuple[Part, ...]:
        policy = policy_of_texts(
            self._policies, self._router, self._caller.client, question.model, question.surface
        )
        decision = await decision_on(policy, self._caller, question)
        texts = texts_of(question, decision)
        return tuple(self._of_request(policy, decision, texts, question.user))

    async def _by_call(self, call: GovernedCall) -> tuple[Part, ...]:
        policy = policy_of_call(self._policies, self._router, call)
        if errand := await errand_of(call, self._policies, policy):
            return (*self._of_request(policy, errand, {}, call.user), self._body(None, call.native))
        vault = vault_of(call, policy)
        decision, passed, kept = await judged(
            policy, Phase.REQUEST, call.request, vault, prompt_mode=call.prompt_mode
        )
        texts = {f"{Phase.REQUEST}.{label}": text for label, text in kept.items()}
        on_answer = (
            self._decision_on_kept(policy, then)
            for then in self._decisions
            if then["phase"] != Phase.REQUEST
        )
        return (
            *self._of_request(policy, decision, texts, call.user),
            self._kept_texts(),
            *on_answer,
            self._body(passed, call.native),
        )

    def _of_request(
        self, policy: Policy, decision: Decision, texts: Mapping[str, str], user: str | None
    ) -> Iterator[Part]:
        yield self._version(policy)
        yield self._user(user)
        name = f"decision on the {decision.phase}"
        then = next((each for each in self._decisions if each["phase"] == decision.phase), None)
        if then is None:
            yield Part(name, State.NOT_REPLAYED, "the record has none of a policy")
        else:
            yield _compared(name, then, decision_facts(decision))
        yield self._committed(decision.phase, texts)

    def _version(self, policy: Policy) -> Part:
        then = list(dict.fromkeys(each["policy"] for each in self._decisions))
        if then == [policy.version]:
            return Part("policy", State.SAME, policy.version)
        if not then:
            return Part("policy", State.NOT_REPLAYED, "the record has no decision of a policy")
        why = "its rules, its actions or the release are others"
        return Part(
            "policy", State.NOT_REPLAYED, f"{', '.join(then)} then, {policy.version} now: {why}"
        )

    def _user(self, user: str | None) -> Part:
        then = self._entry.user
        if user is None and then is not None:
            return Part("user", State.NOT_REPLAYED, "the request names none; a header may have")
        now = None if user is None else self._kept.pseudonym(user)
        if user is not None and now is None:
            return Part("user", State.NOT_REPLAYED, "the key of the tenant was destroyed")
        state = State.SAME if now == then else State.DIFFERS
        return Part("user", state, f"{then or 'none'} then, {now or 'none'} now")

    def _committed(self, phase: Phase, texts: Mapping[str, str]) -> Part:
        """Whether what would be kept of the request is what the record commits to."""
        kept = self._kept
        if kept.is_erased:
            return Part("texts", State.NOT_REPLAYED, "the keys of its commitments were destroyed")
        then = {label for label in kept.recorded.commitments if label.startswith(f"{phase}.")}
        if not then and not texts:
            return Part("texts", State.NOT_REPLAYED, "the record commits to no text of it")
        others = sorted(then ^ texts.keys())
        others += [
            label for label in texts if label in then and not kept.commits_to(label, texts[label])
        ]
        if others:
            return Part("texts", State.DIFFERS, f"not what was said: {', '.join(others)}")
        return Part("texts", State.SAME, f"{len(texts)}, as the record commits to them")

    def _body(self, request: Any, native: NativeCall | None) -> Part:
        """Whether the codec makes the bytes of the request that were sent; of a client's own call,
        whether they are those, or what the codec makes of them. None: nothing would be sent."""
        kept, entry = self._kept, self._entry
        receipt: Mapping[str, Any] = entry.facts.get("receipt") or {}
        if SENT not in kept.recorded.commitments:
            return Part("body", State.NOT_REPLAYED, "the record commits to none")
        if kept.is_erased:
            return Part("body", State.NOT_REPLAYED, "the keys of its commitments were destroyed")
        if request is None:
            return Part("body", State.DIFFERS, "nothing would be sent now")
        provider: object = self._router.providers.get(entry.provider or "")
        if not isinstance(provider, SupportsEncoding):
            why = f"the configuration has no provider {entry.provider} that encodes without calling"
            return Part("body", State.NOT_REPLAYED, why)
        is_streamed = entry.facts.get("is_streamed", False)
        try:
            if native is None:
                made = provider.encode(request, model=entry.model, is_streamed=is_streamed)
            else:
                own = native_of(native, request)
                made = provider.encode_native(own, model=entry.model, is_streamed=is_streamed)
        except AxonFlowError as error:
            return Part("body", State.DIFFERS, f"it cannot be encoded any more: {error.message}")
        codec = (receipt.get("family"), receipt.get("surface"))
        if codec != (made.family, made.surface):
            now = f"{made.family} ({made.surface})"
            return Part("body", State.DIFFERS, f"{codec[0]} ({codec[1]}) wrote it then, {now} now")
        if not kept.commits_to(SENT, sha256(made.body).hexdigest()):
            return Part("body", State.DIFFERS, f"{made.family} ({made.surface}) writes other bytes")
        size = f"{len(made.body):,} bytes of {made.family} ({made.surface})"
        return Part("body", State.SAME, f"{size}, as the record commits to them")


def _compared(name: str, then: Mapping[str, Any], now: Mapping[str, Any]) -> Part:
    """The decision of then and of now."""
    others = [each for each in _COMPARED if then.get(each) != now.get(each)]
    if not others:
        found = _told(now.get("findings", []))
        return Part(name, State.SAME, f"{now['verdict']}" + (f": {found}" if found else ""))
    told = (
        f"{each} {_shown(each, then.get(each))} then, {_shown(each, now.get(each))} now"
        for each in others
    )
    return Part(name, State.DIFFERS, "; ".join(told))


def _shown(name: str, value: Any) -> str:
    if name == "findings":
        return _told(value or []) or "none"
    if name == "screened":
        return ", ".join(f"{count} {place}" for place, count in value.items()) or "nothing"
    return str(value or 0 if name == "unlisted" else value)


def _told(findings: Sequence[Mapping[str, Any]]) -> str:
    """Rules with their actions and places, each once: `email redact in messages.0`."""
    told = (f"{one['rule']} {one['action']} in {one['part']}" for one in findings)
    return ", ".join(dict.fromkeys(told))
