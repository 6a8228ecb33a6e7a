"""The page docs/troubleshooting.md, generated from the error tables of the core and the plugins."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from axonflow_core import errors
from axonflow_core.frozen import frozen
from axonflow_core.plugin_spec import ErrorEntry


@frozen
class Catalogue:
    """The error catalogue of one provider."""

    provider: str
    """The provider's display name, such as "AWS Bedrock"."""
    entries: tuple[ErrorEntry, ...]


def _own(error: type[errors.AxonFlowError], cause: str, fix: str) -> ErrorEntry:
    """The entry of an error class of the core."""
    is_retryable = issubclass(error, errors.ProviderError) and error.is_retryable
    return ErrorEntry(code=error.code, cause=cause, fix=fix, is_retryable=is_retryable)


_OWN = (
    _own(
        errors.AxonFlowError,
        "an error that has no code of its own",
        "the message says what failed",
    ),
    _own(
        errors.ConfigError,
        "the YAML or the environment has a fault",
        "correct the place that the error names; `axonflow check` lists every fault at once",
    ),
    _own(
        errors.PluginError,
        "an installed plugin is missing, blocked or broken",
        "`axonflow plugins` shows the state of each and why",
    ),
    _own(
        errors.RequestError,
        "the caller's request is not valid or not supported",
        "change what the message names",
    ),
    _own(
        errors.MalformedRequest,
        "a client sent a body that is not in the format it uses; nothing was sent to a model",
        "compare the body with the documents of that format",
    ),
    _own(
        errors.EncodeError,
        "the model family does not support part of the request; nothing was sent",
        "leave it out, or choose a model of another family",
    ),
    _own(
        errors.UndetectedFamily,
        "no installed model family claims this model id",
        "name the family in the provider's `config:`, where the provider has a key for it, or "
        "install the package that has it; `axonflow codecs list` shows the installed families",
    ),
    _own(
        errors.NotAllowed,
        "the client has not the role that the call needs",
        "give it the role under `server.clients`, or call as another client",
    ),
    _own(
        errors.BlockingCallError,
        "`BlockingRuntime` was called inside a running event loop",
        "use `Runtime` with `await` there",
    ),
    _own(
        errors.AnswerError,
        "the provider's answer is not what it documents",
        "report it with the request id",
    ),
    _own(
        errors.DecodeError,
        "the answer is not JSON of the detected model family",
        "check that the endpoint is the provider's own, and name the family in the provider's "
        "`config:`, where the provider has a key for it",
    ),
    _own(
        errors.UnencodableAnswer,
        "the answer holds something that the client's format has no place for",
        "ask without what the message names, or use an endpoint that has a place for it",
    ),
    _own(
        errors.TruncatedStream,
        "the stream ended before its terminal event",
        "the error has the partial text; check the time limits of proxies on the way, and call "
        "again",
    ),
    _own(
        errors.AuditError,
        "the audit cannot write or read its records, so no answer is given",
        "make room on the disk, or do what the message says; a server goes on by itself once "
        "records can be written",
    ),
    _own(
        errors.ProviderError,
        "the provider refused or failed",
        "the message quotes the provider",
    ),
    _own(
        errors.AccessDenied,
        "this account or role may not make the call",
        "allow what the error names",
    ),
    _own(
        errors.ModelNotFound,
        "the model does not exist here, is not enabled, or has reached its end of life",
        "check the model id, the region and model access",
    ),
    _own(
        errors.ProfileRequired,
        "the model cannot be called under its plain id",
        "use the profile that the error names",
    ),
    _own(
        errors.InvalidCall,
        "the request breaks a rule of the provider or the model",
        "change what the error names",
    ),
    _own(
        errors.ContextExceeded,
        "the prompt is too long for the model",
        "shorten the conversation, or choose a model with a larger context",
    ),
    _own(
        errors.PolicyBlocked,
        "a policy of the server stops the call, which would be stopped again",
        "leave out what the message names; the record that it names has the decision",
    ),
    _own(
        errors.Uncountable,
        "the provider does not count tokens for this model or in this region",
        "use the token usage of an answer, or count with another model",
    ),
    _own(
        errors.CredentialsError,
        "the provider does not accept the credentials",
        "check the credentials that the error names",
    ),
    _own(
        errors.CredentialsMissing, "no credentials were found", "the error names the sources tried"
    ),
    _own(
        errors.CredentialsExpired,
        "the credentials have expired",
        "renew them as the error describes",
    ),
    _own(
        errors.Throttled,
        "a quota or rate limit is used up",
        "wait, or request a higher quota; a daily quota is not retried",
    ),
    _own(
        errors.ProviderTimeout,
        "a time limit passed",
        "stream long answers, or raise `timeouts:`; a call that may have been billed is not "
        "repeated",
    ),
    _own(errors.Unavailable, "the provider cannot be reached, or has no capacity", "try again"),
    ErrorEntry(
        code="bug",
        cause="AxonFlow failed with an unexpected error",
        fix="run it again with AXONFLOW_DEBUG=1 for the traceback, and report it",
    ),
)
_OF_THE_SERVER = (
    ErrorEntry(
        code="budget_exceeded",
        cause="a budget of the client, its tenant or the provider has no room for the call (402)",
        fix="wait for the next period, raise the budget, or ask for fewer tokens: `max_tokens`",
    ),
    ErrorEntry(
        code="rate_limited",
        cause="the client or its tenant has used up its requests or tokens of this minute (429)",
        fix="wait as long as `Retry-After` says, or have `limits:` raised",
    ),
    ErrorEntry(
        code="audit_unavailable",
        cause="the server cannot write its records, and gives no answer without them (503)",
        fix="make room where the database is; the server goes on by itself",
    ),
    ErrorEntry(
        code="client_closed",
        cause="the client left before its call was answered; the record has what was seen of it",
        fix="give the client more time than `call_timeout_s`",
    ),
    ErrorEntry(
        code="outrun",
        cause="an attempt at one target was ended because another answered first (`hedge:`)",
        fix="nothing is wrong; both may be billed, and the record says so",
    ),
)
"""Codes of the server's answers and records that no error of a call has."""
OWN_CODES: Mapping[str, ErrorEntry] = {entry.code: entry for entry in (*_OWN, *_OF_THE_SERVER)}
"""Code -> entry, for every code that `error[…]`, an answer of the server or a record can show. A
test compares it with the tree in `errors`."""

_HEAD = """# Troubleshooting

Generated by `axonflow explain error --markdown > docs/troubleshooting.md`: edit the error tables in
the code, not this page. `axonflow explain error CODE` prints the section of one code, by AxonFlow's
name or by the provider's. A word in capitals is a placeholder; the error itself has the value.
"""


def page(catalogues: Sequence[Catalogue]) -> str:
    """The whole page in Markdown: common errors of each provider, AxonFlow's codes, all errors of
    each provider."""
    return "\n".join([_HEAD, *_sections(catalogues)])


def _sections(catalogues: Sequence[Catalogue]) -> Iterator[str]:
    """The tables of the page, in its order."""
    for catalogue in catalogues:
        common = [entry for entry in catalogue.entries if entry.issue]
        if common:
            rows = [(entry.issue, _coded(entry.code), entry.cause, entry.fix) for entry in common]
            yield _section(
                f"{catalogue.provider}: the most common errors",
                ("issue", "code", "cause", "fix"),
                rows,
            )
    own = [(_coded(entry.code), entry.cause, entry.fix) for entry in OWN_CODES.values()]
    yield _section("AxonFlow's own codes", ("code", "cause", "fix"), own)
    for catalogue in catalogues:
        cases = [_row(entry) for entry in catalogue.entries if not entry.issue]
        columns = ("code", "provider's code", "cause", "fix", "retried", "provider's message")
        yield _section(f"{catalogue.provider}: all errors", columns, cases)


def _row(entry: ErrorEntry) -> tuple[str, ...]:
    names = [_coded(name) for name in entry.native_codes] + (
        [f"HTTP {entry.statuses}"] if entry.statuses else []
    )
    retried = "yes" if entry.is_retryable else "no"
    return (_coded(entry.code), ", ".join(names), entry.cause, entry.fix, retried, entry.example)


def _coded(code: str) -> str:
    return f"`{code}`" if code else ""


def _section(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join([f"## {title}", "", *("| " + " | ".join(line) + " |" for line in lines), ""])


def _cell(text: str) -> str:
    """Text on one line, with the characters escaped that Markdown's tables or HTML would
    interpret."""
    return re.sub(r"([|<>*])", r"\\\1", " ".join(text.split()))
