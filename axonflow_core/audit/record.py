"""What the audit records, as a value. `audit.store` gives it its place in a chain and keeps it.

An entry holds facts about a call, never what people said: texts become commitments under a key
(`audit.keys`), and are kept themselves only where the configuration says so.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from enum import StrEnum

from attrs import field

from axonflow_core.converters import Json
from axonflow_core.frozen import frozen
from axonflow_core.messages import EMPTY, hidden
from axonflow_core.policy.rules import Verdict


class Kind(StrEnum):
    """What an entry is about."""

    CHAIN = "chain"
    """A writer began: the first record of its chain."""
    CALL = "call"
    """A call of a model, made or not."""
    OPENED = "opened"
    """A stream is about to begin; a `call` or an `interrupted` closes it."""
    INTERRUPTED = "interrupted"
    """A stream that a crash left open, as start-up found it."""
    REPEAT = "repeat"
    """An answer that was given once more: to a request that is the same as that of a `call`, which
    the fact `answer_of` names. No model was called for it."""
    CHECK = "check"
    """A decision alone: a pre-check of Gateway Mode, `decide`, AuthZEN, a redaction."""
    GATEWAY_CALL = "gateway_call"
    """A call that a client made itself and reports."""
    TOOL_CALL = "tool_call"
    """A call of a tool that a client reports."""
    CONFIGURATION = "configuration"
    """A generation of the configuration came into force, or was refused."""
    EXPORT = "export"
    """A part of an export is whole."""
    BUDGET = "budget"
    """A budget was made, changed or removed through the API, or came to a threshold."""
    PLAN = "plan"
    """A plan was made or changed, begun, approved, cancelled, or is over. The calls of its steps
    are each a `call`, whose fact `plan` names it."""
    ERASURE = "erasure"
    """What records hide was made unreadable: of those that are named, or of a whole tenant."""
    HOLD = "hold"
    """Records were put under a hold, or let go of."""
    RETENTION = "retention"
    """The first records of chains were removed, for their time was over."""


def new_id(prefix: str = "") -> str:
    """A new identifier that sorts by time: 48 bits of milliseconds, 80 random ones, in hex."""
    return f"{prefix}{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


@frozen(kw_only=True)
class Entry:
    """One record, before it has its place in a chain."""

    kind: Kind
    verdict: Verdict
    id: str = field(factory=new_id)
    at_us: int = field(factory=lambda: time.time_ns() // 1_000)
    """When, in microseconds since 1970-01-01T00:00Z."""
    tenant: str = ""
    client: str = ""
    """Who called, as authenticated; empty for what the server did itself."""
    user: str | None = None
    """The pseudonym of the user on whose behalf the client called (`AuditStore.pseudonym`)."""
    request_type: str | None = None
    """The product's word for the kind of request: `chat`, `sql`."""
    provider: str | None = None
    model: str | None = None
    """The model as it was called."""
    rules: tuple[str, ...] = ()
    """The names of the rules that found something (`Decision.rules`)."""
    closes: str | None = None
    """The id of the `opened` record of the stream that ends with this one."""
    facts: Mapping[str, Json] = EMPTY
    """All else: receipt, decisions, screens, tokens, cost, latencies, error code. JSON; ids, counts
    and words of ours, nothing that a client or a model wrote."""
    texts: Mapping[str, str] = hidden(default=EMPTY)
    """Label -> what was said, already redacted. Commitments are made of each; they are kept only
    where the configuration says so."""
    digests: Mapping[str, str] = hidden(default=EMPTY)
    """Label -> digest of what commitments are made of besides, and which is never kept. No label of
    `texts` is among them."""
