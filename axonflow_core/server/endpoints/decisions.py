"""Decisions alone: `decide`, AuthZEN's evaluation, checks of tools, trials of the policies."""

from __future__ import annotations

from axonflow_core.frozen import evolve
from axonflow_core.modes.decisions import Decided, Question, all_decided, decided
from axonflow_core.server.client_request import Answer, ClientRequest, refusal
from axonflow_core.server.fields import Fields, read_object
from axonflow_core.server.wire import authzen, decisions, policies
from axonflow_core.server.wire.handshake import as_declared


async def decide(request: ClientRequest) -> Answer:
    """`POST /api/v1/decide`."""
    fields = read_object(request.body)
    if (mismatch := _mismatch(request, fields.object("caller_identity"))) is not None:
        return mismatch
    question = _asked(request, decisions.question(fields))
    service = request.service
    answer = await decided(service.generation.governance, service.audit, request.caller, question)
    return decisions.decide_answer(answer, question.facts["stage"])


def _asked(request: ClientRequest, question: Question) -> Question:
    """`question` with what the headers say: on whose behalf, and what the client can carry out."""
    return as_declared(evolve(question, user=question.user or request.user), request.headers)


def _mismatch(request: ClientRequest, identity: Fields) -> Answer | None:
    """A refusal where a body says to be of another tenant or organisation than its sender."""
    caller = request.caller
    known = {"tenant_id": {caller.tenant}, "org_id": {caller.tenant, caller.client}}
    for name, own in known.items():
        if identity.text(name, default=caller.tenant) not in own:
            message = f"caller_identity.{name} is not that of the client {caller.client}"
            return refusal(403, message, code="identity_mismatch")
    return None


async def evaluation(request: ClientRequest) -> Answer:
    """`POST /api/v1/access/evaluation`."""
    try:
        questions = authzen.questions(request.body, request.caller)
    except authzen.Refusal as refused:
        return refused.answer
    service, asked = request.service, [_asked(request, each) for each in questions]
    answers = await all_decided(service.generation.governance, service.audit, request.caller, asked)
    return authzen.evaluation_answer(answers, request.headers)


async def check_input(request: ClientRequest) -> Answer:
    """`POST /api/v1/mcp/check-input`."""
    fields = read_object(request.body)
    if fields.text("content_type", default=decisions.TEXT) != decisions.TEXT:
        return refusal(415, f"content of type {decisions.TEXT} alone is redacted", code="type")
    service = request.service
    question = _asked(request, decisions.input_question(fields))
    governance = service.generation.governance
    answer = await decided(governance, service.audit, request.caller, question)
    return decisions.input_answer(answer)


async def check_output(request: ClientRequest) -> Answer:
    """`POST /api/v1/mcp/check-output`."""
    service, output = request.service, decisions.output(read_object(request.body))
    governance = service.generation.governance
    question = evolve(output.question, user=output.question.user or request.user)
    answer = await decided(governance, service.audit, request.caller, question)
    return decisions.output_answer(answer, output)


async def trial(request: ClientRequest) -> Answer:
    """`POST /api/policies/test`: what the policies make of a query. It is on record, as whoever
    tries what is let through is of interest."""
    fields = read_object(request.body)
    question = evolve(policies.tried(fields), user=fields.optional_text("user_email"))
    return policies.trial_answer(await _decided(request, question))


async def simulation(request: ClientRequest) -> Answer:
    """`POST /api/v1/policies/simulate`: the same, in another form. Who asks is told by the
    credentials, not by the `user` and the `client` of the body."""
    return policies.simulation_answer(
        await _decided(request, policies.tried(read_object(request.body)))
    )


async def impact(request: ClientRequest) -> Answer:
    """`POST /api/v1/policies/impact-report`: what one policy finds in each of several queries."""
    fields, service = read_object(request.body), request.service
    governance, id = service.generation.governance, fields.text("policy_id")
    listed = governance.policies.of(request.caller.client).listed()
    rule = next((one for one in listed if id in (one.id, one.name)), None)
    if rule is None:
        return refusal(404, "there is no such policy", code="not_found")
    questions = [policies.tried(each) for each in fields.objects("inputs")]
    answers = await all_decided(governance, service.audit, request.caller, questions)
    return policies.impact_answer(rule, answers)


async def _decided(request: ClientRequest, question: Question) -> Decided:
    service = request.service
    return await decided(service.generation.governance, service.audit, request.caller, question)
