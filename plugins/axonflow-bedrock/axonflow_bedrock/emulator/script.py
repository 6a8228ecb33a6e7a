"""The script of an emulated Bedrock: the core's, with AWS's exceptions and the emulated account.

rules:
  - when: too much
    error: {code: ThrottlingException, message: "Too many requests, please wait."}
account:
  region: eu-central-1
"""

from __future__ import annotations

import re
from datetime import date
from typing import Any, ClassVar

from attrs import Attribute, field, validators

from axonflow_core.config.nodes import YAML_KEY
from axonflow_core.emulator import script as of_core
from axonflow_core.emulator.script import ScriptSource, is_pattern
from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.frozen import frozen

from ..errors.table import MODELLED_STATUSES
from ..wire.endpoint import ServiceException

_UNWRITTEN = {YAML_KEY: None}
"""Metadata of a field that a script of Bedrock has no key for."""


def _is_date(_: object, __: Attribute[Any], value: str | None) -> None:
    if value is not None:
        date.fromisoformat(value)


@frozen(kw_only=True)
class AwsError(of_core.ScriptedError):
    """An exception of AWS that the emulator answers with."""

    code: str
    type: str | None = field(default=None, metadata=_UNWRITTEN)
    retry_after_s: float | None = field(default=None, metadata=_UNWRITTEN)

    def __attrs_post_init__(self) -> None:
        if self.status is None and self.code not in MODELLED_STATUSES:
            raise ValueError(
                f"{self.code} is not in Bedrock's service model, so the error needs a `status`"
            )


def exception_of(error: VendorError) -> ServiceException:
    """The exception of AWS that an error of a script is."""
    return ServiceException(error.code or "", error.message, status=error.status)


@frozen(kw_only=True)
class Rule(of_core.Rule):
    """What happens to the calls that match the rule."""

    error: AwsError | None = None
    """Answer with this exception of AWS."""


def _is_guardrail_id(_: object, __: Attribute[Any], value: str) -> None:
    if not re.fullmatch("[a-z0-9]+", value):
        raise ValueError("the id of a guardrail has lower-case letters and digits only")


@frozen(kw_only=True)
class AccountGuardrail:
    """A guardrail of the account, which calls name by id and version."""

    id: str = field(validator=_is_guardrail_id)
    version: str = "DRAFT"
    blocks: str | None = field(default=None, validator=validators.optional(is_pattern))
    """A regular expression: a request that contains it is blocked."""
    blocks_answer: str | None = field(default=None, validator=validators.optional(is_pattern))
    """A regular expression: an answer that contains it is blocked."""
    masks: str | None = field(default=None, validator=validators.optional(is_pattern))
    """A regular expression: its matches in an answer are replaced by `mask`."""
    mask: str = "{MASKED}"
    message: str = "Sorry, the model cannot answer this question."
    """The text that replaces a blocked request's or answer's text."""


@frozen(kw_only=True)
class Account(of_core.Account):
    """The emulated account: region, access, guardrails and quotas."""

    region: str = "us-east-1"
    without_access: tuple[str, ...] = ()
    """Base ids of models that the account has no access to."""
    today: str | None = field(default=None, validator=_is_date)
    """A date, `2026-11-24`: models that have reached their end of life by then are refused. Without
    it none is."""
    guardrails: tuple[AccountGuardrail, ...] = ()


@frozen(kw_only=True)
class Script(of_core.Script):
    """A parsed script."""

    rule_kind: ClassVar[type[of_core.Rule]] = Rule
    rules: tuple[Rule, ...] = ()
    account: Account = Account()


def load_script(source: ScriptSource) -> Script:
    """The script in `source`. Raises `FaultyConfig` with every fault, with line and column for a
    file. A file whose name ends in `.json` is read as JSON.
    """
    return of_core.load_script(source, Script)
