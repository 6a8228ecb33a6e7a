"""What Bedrock's errors mean, as a table: (status, AWS code, message) -> an error of ours, its
cause and its fix. `diagnose` reads it forwards, `encode` backwards.

The first row that matches wins, so rows go from the particular to the general: first those that
match the message, then those that match the code alone, last those that match the status alone.
Every response matches a row, a proxy's HTML page too.

AWS rewords its messages and uses typographic apostrophes; `pattern` looks for the few words that
carry the meaning. Sources: recorded traffic, the bedrock-runtime service model (API 2023-09-30) and
public reports, November 2026.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping

from axonflow_core.errors import (
    AccessDenied,
    ContextExceeded,
    CredentialsError,
    CredentialsExpired,
    CredentialsMissing,
    InvalidCall,
    ModelNotFound,
    ProfileRequired,
    ProviderError,
    ProviderTimeout,
    Throttled,
    Unavailable,
    Uncountable,
)
from axonflow_core.frozen import frozen
from axonflow_core.messages import hidden

MODELLED_STATUSES: Mapping[str, int] = {
    "AccessDeniedException": 403,
    "ConflictException": 400,
    "InternalServerException": 500,
    "ModelErrorException": 424,
    "ModelNotReadyException": 429,
    "ModelStreamErrorException": 424,
    "ModelTimeoutException": 408,
    "ResourceNotFoundException": 404,
    "ServiceQuotaExceededException": 400,
    "ServiceUnavailableException": 503,
    "ThrottlingException": 429,
    "ValidationException": 400,
}
"""The exceptions of the service model. An exception in a stream comes after 200 and has its status
from here."""


@frozen
class Report:
    """An error as Bedrock, or whatever stands before it, reported it."""

    status: int | None
    code: str | None
    message: str = hidden()


@frozen(kw_only=True)
class Row:
    """One kind of failure, with its cause and its fix.

    `cause` and `fix` are templates. Their placeholders are {model}, {region}, {profile} (an
    inference profile of the model), {successor} (of a retired model), {status}, {message} (AWS's
    own, shortened), and the named groups of `pattern`.
    """

    error: type[ProviderError]
    statuses: Collection[int] = ()
    """Empty: any."""
    codes: tuple[str, ...] = ()
    """AWS's exception names; empty: any. An answer that lost its name on the way fits by its
    words."""
    pattern: str | None = None
    """Searched in the message, whatever the case, after each ’ was replaced by '."""
    cause: str
    fix: str
    example: str
    """A message that this row is for."""
    is_retryable: bool | None = None
    """None: as the class has it."""

    def match(self, report: Report) -> Mapping[str, str] | None:
        """The named values when the row fits, None when it does not."""
        if self.statuses and report.status is not None and report.status not in self.statuses:
            return None
        is_nameless = report.code is None and self.pattern is not None
        if self.codes and report.code not in self.codes and not is_nameless:
            return None
        if self.pattern is None:
            return {}
        found = re.search(self.pattern, report.message, re.IGNORECASE)
        return found.groupdict() if found else None


_VALIDATION = ("ValidationException",)
_DENIED = ("AccessDeniedException",)
_NOT_FOUND = ("ResourceNotFoundException",)
_THROTTLING = ("ThrottlingException", "TooManyRequestsException")
_INTERNAL = ("InternalServerException", "InternalFailure", "InternalServerError")
_SIGNATURE = ("InvalidSignatureException", "SignatureDoesNotMatch")

_ACTION = r"not authorized to perform: (?P<action>[\w:*-]+) on resource: (?P<resource>\S+)"
_DENIAL = (
    "User: arn:aws:sts::123456789012:assumed-role/app/i-0 is not authorized to perform: "
    "bedrock:InvokeModel on resource: "
    "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0 "
)
_STATEMENT = '{{"Effect": "Allow", "Action": "{action}", "Resource": "{resource}"}}'
_RENEW = (
    "renew them: `aws sso login` where the profile uses SSO, otherwise restart what hands them out"
)
_QUOTAS = "the Service Quotas console of {region}, under Amazon Bedrock"

TABLE: tuple[Row, ...] = (
    # ── the model id ──────────────────────────────────────────────────────────────────────────────
    Row(
        error=ProfileRequired,
        codes=_VALIDATION,
        pattern="on-demand throughput",
        cause="{model} cannot be called on demand in {region}",
        fix="{profile}",
        example="Invocation of model ID anthropic.claude-sonnet-4-20250514-v1:0 with on-demand "
        "throughput isn’t supported. Retry your request with the ID or ARN of an inference "
        "profile that contains this model.",
    ),
    Row(
        error=ModelNotFound,
        codes=(*_VALIDATION, *_NOT_FOUND),
        pattern="model identifier is invalid|could not resolve the foundation model",
        cause="Bedrock knows no model {model} in {region}, or it is not enabled in this account",
        fix="check the spelling and the region, and enable the model in the Bedrock console for "
        "{region}; some models can be called only through an inference profile: {profile}",
        example="The provided model identifier is invalid.",
    ),
    Row(
        error=ModelNotFound,
        codes=_NOT_FOUND,
        pattern="end of its life",
        cause="AWS has retired {model}",
        fix="{successor}; the Bedrock user guide lists them under model lifecycle",
        example="This model version has reached the end of its life. Please refer to the AWS "
        "documentation for more details.",
    ),
    Row(
        error=ModelNotFound,
        pattern="marked by provider as legacy",
        cause="{model} is a legacy model, closed to accounts that have not used it lately",
        fix="{successor}; the Bedrock user guide lists them under model lifecycle",
        example="Access denied. This Model is marked by provider as Legacy and you have not been "
        "actively using the model in the last 30 days. Please upgrade to an active model on "
        "Amazon Bedrock",
    ),
    Row(
        error=InvalidCall,
        codes=_VALIDATION,
        pattern="action doesn.t support the model",
        cause="{model} cannot be called in this way: it is not a text or chat model, or Converse "
        "does not serve it",
        fix="choose a chat model, or set `surface: invoke` where the model has a JSON of its own",
        example="This action doesn't support the model that you provided. Try again with a "
        "supported text or chat model.",
    ),
    # ── permission ────────────────────────────────────────────────────────────────────────────────
    Row(
        error=AccessDenied,
        pattern=_ACTION + r".*service control policy",
        cause="a service control policy of the organisation denies {action} on {resource}",
        fix="ask the administrators of the AWS organisation to allow it; an inference profile "
        "needs every region that it routes to",
        example=_DENIAL + "with an explicit deny in a service control policy",
    ),
    Row(
        error=AccessDenied,
        pattern=_ACTION + r".*VPC endpoint policy",
        cause="the policy of the VPC endpoint does not allow {action} on {resource}",
        fix="add to the policy of the VPC endpoint: " + _STATEMENT,
        example=_DENIAL + "because no VPC endpoint policy allows the bedrock:InvokeModel action",
    ),
    Row(
        error=AccessDenied,
        pattern=_ACTION
        + r".*(?P<policy>permissions boundary|session policy|resource-based policy)",
        cause="the {policy} of the role does not allow {action} on {resource}",
        fix="add to the {policy}: " + _STATEMENT,
        example=_DENIAL + "because no permissions boundary allows the bedrock:InvokeModel action",
    ),
    Row(
        error=AccessDenied,
        pattern=_ACTION + r".*explicit deny",
        cause="a policy denies {action} on {resource} explicitly",
        fix="find the Deny statement in the policies of the role; it overrides every Allow",
        example=_DENIAL + "with an explicit deny in an identity-based policy",
    ),
    Row(
        error=AccessDenied,
        pattern=_ACTION,
        cause="the IAM role has no permission for {action} on {resource}",
        fix="add to its policy: "
        + _STATEMENT
        + "; an inference profile needs the ARN of the profile and that of the model in each "
        "region that it routes to",
        example=_DENIAL + "because no identity-based policy allows the bedrock:InvokeModel action",
    ),
    Row(
        error=AccessDenied,
        pattern=r"not authorized to perform: (?P<action>[\w:*-]+)",
        cause="the IAM role has no permission for {action}",
        fix="add {action} to its policy",
        example="User: arn:aws:iam::123456789012:user/app is not authorized to perform: "
        "bedrock:CallWithBearerToken",
    ),
    Row(
        error=AccessDenied,
        codes=_DENIED,
        pattern="have access to the model with the specified model id",
        cause="this account has no access to {model} in {region}",
        fix="enable the model in the Bedrock console for {region}; if it is enabled, look for a "
        "service control policy",
        example="You don't have access to the model with the specified model ID.",
    ),
    Row(
        error=AccessDenied,
        pattern="INVALID_PAYMENT_INSTRUMENT",
        cause="the AWS account has no valid payment instrument, so it cannot subscribe to {model}",
        fix="add one in the Billing console, and try again after 15 minutes",
        example="Model access is denied due to INVALID_PAYMENT_INSTRUMENT:A valid payment "
        "instrument must be provided.. Your AWS Marketplace subscription for this model cannot be "
        "completed at this time.",
    ),
    Row(
        error=AccessDenied,
        pattern="AWS Marketplace (?:actions|subscription)",
        cause="the AWS Marketplace subscription for {model} is missing, and this role may not "
        "make it",
        fix="allow the role aws-marketplace:Subscribe and aws-marketplace:ViewSubscriptions, or "
        "have an administrator call the model once; then try again after 15 minutes",
        example="Model access is denied due to IAM user or service role is not authorized to "
        "perform the required AWS Marketplace actions (aws-marketplace:ViewSubscriptions, "
        "aws-marketplace:Subscribe) to enable access to this model.",
    ),
    Row(
        error=AccessDenied,
        codes=("MPAgreementBeingCreated",),
        cause="AWS is still making the Marketplace agreement for {model}",
        fix="try again in some minutes",
        example="Your agreement for this model is being created.",
    ),
    Row(
        error=AccessDenied,
        pattern="use case details have not been submitted",
        cause="Anthropic requires a use case form for {model}, which this account has not "
        "submitted",
        fix="fill it out in the Bedrock console, under the model's catalogue page; it takes "
        "effect after 15 to 40 minutes",
        example="Model use case details have not been submitted for this account. Fill out the "
        "Anthropic use case details form before using the model.",
    ),
    Row(
        error=AccessDenied,
        codes=("FTUFormNotFilled",),
        cause="the vendor of {model} requires a use case form, which this account has not "
        "submitted",
        fix="fill it out in the Bedrock console, under the model's catalogue page; it takes "
        "effect after 15 to 40 minutes",
        example="",
    ),
    Row(
        error=AccessDenied,
        pattern="access to anthropic models is not allowed|unsupported countries, regions, or "
        "territories",
        cause="Anthropic does not serve {model} to this account",
        fix="check the country of the account, and of where the call comes from, with AWS support",
        example="Access to Anthropic models is not allowed for this account.",
    ),
    Row(
        error=AccessDenied,
        pattern="account is not authorized to invoke this api operation|^operation not allowed",
        cause="AWS does not let this account call {model} in {region}",
        fix="check that Bedrock is offered to the account in {region}; new accounts are unblocked "
        "by AWS support",
        example="Your account is not authorized to invoke this API operation.",
    ),
    # ── credentials ───────────────────────────────────────────────────────────────────────────────
    Row(
        error=CredentialsExpired,
        statuses=(400, 403),
        codes=("ExpiredTokenException", "ExpiredToken"),
        pattern="token .*expired",
        cause="the AWS credentials have expired",
        fix=_RENEW,
        example="The security token included in the request is expired",
    ),
    Row(
        error=CredentialsExpired,
        pattern="bearer token has expired",
        cause="the Bedrock API key in AWS_BEARER_TOKEN_BEDROCK has expired",
        fix="make a new key in the Bedrock console, or unset the variable to use the AWS "
        "credential chain",
        example="Bearer Token has expired",
    ),
    Row(
        error=CredentialsError,
        pattern="make sure your api key is valid",
        cause="Bedrock does not accept the API key in AWS_BEARER_TOKEN_BEDROCK for {region}",
        fix="check the key, and that it was made in {region}; or unset the variable to use the "
        "AWS credential chain",
        example="Authentication failed: Please make sure your API Key is valid.",
    ),
    Row(
        error=CredentialsError,
        pattern="security token included in the request is invalid",
        cause="AWS does not know the access key, or the session token does not belong to it",
        fix="`aws sts get-caller-identity` shows whether the credentials work; a temporary key "
        "needs its AWS_SESSION_TOKEN, and keys of one partition are not valid in another",
        example="The security token included in the request is invalid.",
    ),
    Row(
        error=CredentialsError,
        codes=_SIGNATURE,
        pattern="signature expired|signature not yet current",
        cause="the clock of this machine is more than five minutes wrong, so AWS refuses what it "
        "signs",
        fix="set the clock, or have it set by NTP",
        example="Signature expired: 20261122T101500Z is now earlier than 20261122T101900Z "
        "(20261122T102400Z - 5 min.)",
    ),
    Row(
        error=CredentialsError,
        codes=_SIGNATURE,
        pattern="credential should be scoped",
        cause="the request was signed for another region or service than the one that received it",
        fix="make `region:` and the endpoint agree; the call was signed for {region}",
        example="Credential should be scoped to a valid region, not 'us-east-2'.",
    ),
    Row(
        error=CredentialsError,
        codes=_SIGNATURE,
        cause="the signature is not the one that AWS calculates",
        fix="check the secret access key for missing or extra characters; a proxy that rewrites "
        "path, host or body breaks signatures too",
        example="The request signature we calculated does not match the signature you provided.",
    ),
    Row(
        error=CredentialsMissing,
        codes=("MissingAuthenticationTokenException", "MissingAuthenticationToken"),
        cause="the request reached AWS without credentials",
        fix="set AWS_PROFILE or AWS_ACCESS_KEY_ID, or AWS_BEARER_TOKEN_BEDROCK; a proxy may have "
        "removed the Authorization header",
        example="Missing Authentication Token",
    ),
    Row(
        error=CredentialsExpired,
        codes=("ExpiredTokenException", "ExpiredToken"),
        cause="the AWS credentials have expired",
        fix=_RENEW,
        example="",
    ),
    Row(
        error=CredentialsError,
        codes=(
            "UnrecognizedClientException",
            "InvalidClientTokenId",
            "InvalidAccessKeyId",
            "NotAuthorized",
        ),
        cause="AWS does not know these credentials",
        fix="`aws sts get-caller-identity` shows whether they work",
        example="",
    ),
    Row(
        error=CredentialsError,
        codes=("IncompleteSignatureException", "IncompleteSignature"),
        cause="the Authorization header did not arrive at AWS as it was sent",
        fix="look for a proxy that rewrites headers",
        example="Authorization header requires 'Signature' parameter.",
    ),
    Row(
        error=CredentialsError,
        codes=("RequestExpired", "RequestTimeTooSkewed"),
        cause="the request reached AWS too long after it was signed",
        fix="set the clock, or have it set by NTP",
        example="Request has expired.",
    ),
    # ── too much ──────────────────────────────────────────────────────────────────────────────────
    Row(
        error=Throttled,
        pattern="per day",
        is_retryable=False,
        cause="the account's daily quota for {model} is used up",
        fix="wait for the next day, use another model or region, or ask for more in " + _QUOTAS,
        example="Too many tokens per day, please wait before trying again.",
    ),
    Row(
        error=Throttled,
        codes=_THROTTLING,
        pattern="too many tokens",
        cause="the account's tokens per minute for {model} are used up",
        fix="wait a minute; a smaller `max_tokens` helps, because AWS counts it in full "
        "when the call begins; or ask for more in " + _QUOTAS,
        example="Too many tokens, please wait before trying again.",
    ),
    Row(
        error=Throttled,
        codes=_THROTTLING,
        pattern="too many requests",
        cause="the account's requests per minute for {model} are used up",
        fix="wait a minute, or ask for more in " + _QUOTAS,
        example="Too many requests, please wait before trying again.",
    ),
    Row(
        error=Unavailable,
        codes=("ModelNotReadyException",),
        cause="{model} is being loaded",
        fix="try again; an imported model that was not called recently takes up to five minutes to "
        "load",
        example="Model is not ready for inference. Please try again later.",
    ),
    Row(
        error=Throttled,
        codes=("ServiceQuotaExceededException",),
        is_retryable=False,
        cause="a quota of the account is used up: {message}",
        fix="ask for more in " + _QUOTAS,
        example="Your request exceeds the service quota for your account.",
    ),
    Row(
        error=Throttled,
        codes=_THROTTLING,
        cause="AWS throttles calls of {model}: {message}",
        fix="wait and try again, or ask for more in " + _QUOTAS,
        example="Rate exceeded",
    ),
    # ── the prompt is too long ────────────────────────────────────────────────────────────────────
    Row(
        error=ContextExceeded,
        pattern=r"prompt is too long: (?P<size>\d+)(?P<unit> tokens|) > (?P<limit>\d+)",
        cause="the prompt is too long for {model}: {size}{unit}, and the limit is {limit}",
        fix="shorten the conversation or choose a model with a larger context",
        example="prompt is too long: 227255 tokens > 200000 maximum",
    ),
    Row(
        error=ContextExceeded,
        pattern=r"too many total text bytes: (?P<size>\d+) > (?P<limit>\d+)",
        cause="the text of the prompt is too long for {model}: {size} bytes, and the limit is "
        "{limit}",
        fix="shorten the conversation",
        example="messages: too many total text bytes: 10000002 > 9000000",
    ),
    Row(
        error=ContextExceeded,
        pattern=r"exceed context limit: (?P<size>\d+ \+ \d+) > (?P<limit>\d+)",
        cause="prompt and `max_tokens` together are too long for {model}: {size}, and the limit "
        "is {limit}",
        fix="lower `max_tokens`, shorten the conversation or choose a model with a larger context",
        example="input length and `max_tokens` exceed context limit: 198000 + 8192 > 200000, "
        "decrease input length or `max_tokens` and try again",
    ),
    Row(
        error=ContextExceeded,
        pattern=r"maximum context length is (?P<limit>\d+)|max input tokens: (?P<limit2>\d+)",
        cause="the prompt is too long for {model}, which takes {limit}{limit2} tokens",
        fix="shorten the conversation or choose a model with a larger context",
        example="This model's maximum context length is 8192 tokens. Please reduce the length of "
        "the prompt",
    ),
    Row(
        error=ContextExceeded,
        pattern="input is too long|input tokens exceeds? maximum|input tokens exceeded",
        cause="the prompt is too long for {model}",
        fix="shorten the conversation or choose a model with a larger context",
        example="The model returned the following errors: Input is too long for requested model.",
    ),
    # ── the call ──────────────────────────────────────────────────────────────────────────────────
    Row(
        error=InvalidCall,
        pattern=r"maximum tokens you requested exceeds the model limit of (?P<limit>\d+)",
        cause="`max_tokens` is more than {model} can write",
        fix="max_tokens: {limit}, or less",
        example="The maximum tokens you requested exceeds the model limit of 4096. Try again with "
        "a maximum tokens value that is lower than 4096.",
    ),
    Row(
        error=InvalidCall,
        pattern=r"max_tokens: (?P<asked>\d+) > (?P<limit>\d+)",
        cause="`max_tokens` is {asked}, and {model} writes {limit} at most",
        fix="max_tokens: {limit}, or less",
        example="max_tokens: 9000 > 8192, which is the maximum allowed number of output tokens "
        "for this model",
    ),
    Row(
        error=InvalidCall,
        pattern=r"max_tokens.{1,3}must be greater than .{0,3}thinking\.budget_tokens",
        cause="`max_tokens` leaves {model} no room to answer after its reasoning",
        fix="set `max_tokens` above the reasoning budget",
        example="`max_tokens` must be greater than `thinking.budget_tokens`.",
    ),
    Row(
        error=InvalidCall,
        pattern="blocked by our content filters",
        cause="the content filter of {model} refused the request; no guardrail of the account did",
        fix="rephrase it, or choose another model",
        example="This request has been blocked by our content filters. Our filters automatically "
        "flagged this prompt because it may conflict with our AUP or AWS Responsible AI Policy.",
    ),
    Row(
        error=InvalidCall,
        pattern=r"extraneous key \[(?P<key>[^\]]{1,80})\]",
        cause="{model} has no parameter {key!r}",
        fix="leave it out; if it belongs to another family, `family:` or `base_model:` in the "
        "config is wrong",
        example="Malformed input request: #: extraneous key [max_tokens] is not permitted, please "
        "reformat your input and try again.",
    ),
    Row(
        error=InvalidCall,
        pattern=r"required key \[(?P<key>[^\]]{1,80})\] not found",
        cause="{model} requires {key!r}, and the request has none",
        fix="if the model belongs to another family, name it with `family:` or `base_model:` in "
        "the config",
        example="Malformed input request: #: required key [prompt] not found, please reformat "
        "your input and try again.",
    ),
    Row(
        error=InvalidCall,
        pattern=r"expected maxLength: (?P<limit>\d+), actual: (?P<value>\d+)",
        cause="a text has {value} characters, and {model} takes {limit}",
        fix="divide it; an embedding model that cuts texts does so below this number alone",
        example="Malformed input request: #/texts/0: expected maxLength: 2048, actual: 2500, "
        "please reformat your input and try again.",
    ),
    Row(
        error=InvalidCall,
        pattern=r"too many images and documents: (?P<images>\d+) \+ (?P<documents>\d+) > "
        r"(?P<limit>\d+)",
        cause="the request has {images} images and {documents} documents, and {model} takes "
        "{limit} together",
        fix="leave the oldest ones out",
        example="too many images and documents: 21 + 0 > 20",
    ),
    Row(
        error=InvalidCall,
        pattern=r"specified using the (?P<said>[\w/+.-]{1,40}) media type, but the image appears "
        r"to be an? (?P<found>[\w/+.-]{1,40}) image",
        cause="an image is labelled {said} and is {found}",
        fix="label it {found}",
        example="The model returned the following errors: messages.0.content.0.image.source."
        "base64: The image was specified using the image/png media type, but the image appears to "
        "be a image/jpeg image",
    ),
    Row(
        error=InvalidCall,
        pattern=r"#/(?P<key>[\w/]{1,80}): (?P<value>[\d.-]+) is not (?P<relation>less|greater) "
        r"or equal to (?P<limit>[\d.-]+)",
        cause="{key} is {value}, and {model} requires a value {relation} than or equal to {limit}",
        fix="{key}: {limit}",
        example="Malformed input request: #/max_gen_len: 8192 is not less or equal to 2048, "
        "please reformat your input and try again.",
    ),
    Row(
        error=InvalidCall,
        pattern="malformed input request",
        cause="{model} does not accept the body: {message}",
        fix="if the model belongs to another family, name it with `family:` or `base_model:` in "
        "the config",
        example="Malformed input request, please reformat your input and try again.",
    ),
    Row(
        error=InvalidCall,
        pattern="temperature.{1,8}top_p.{1,3}cannot both be specified",
        cause="{model} takes `temperature` or `top_p`, not both",
        fix="leave one of them out",
        example="`temperature` and `top_p` cannot both be specified for this model. Please use "
        "only one.",
    ),
    Row(
        error=Uncountable,
        pattern="support counting tokens",
        cause="Bedrock does not count tokens for {model}",
        fix="take the usage of an answer, or count with another model, in a region that hosts it",
        example="The provided model doesn't support counting tokens.",
    ),
    Row(
        error=InvalidCall,
        pattern=r"model doesn't support (?P<feature>[^.]{1,120})",
        cause="{model} does not support {feature}",
        fix="leave it out or choose another model",
        example="This model doesn't support the video content block that you provided. Update the "
        "content block and try again.",
    ),
    Row(
        error=InvalidCall,
        pattern="text content blocks must be non-empty|text field in the contentblock object .* "
        "is blank",
        cause="the request contains an empty text, which {model} does not accept",
        fix="leave empty blocks and messages out",
        example="messages: text content blocks must be non-empty",
    ),
    Row(
        error=InvalidCall,
        pattern="text block must be included when using documents",
        cause="a message holds a document and no text",
        fix="add a text block to that message",
        example="A text block must be included when using documents. Add a text block and retry "
        "your request.",
    ),
    Row(
        error=InvalidCall,
        pattern="conversation must start with a user message|roles must alternate|first message "
        "must use the user role",
        cause="{model} requires a conversation that begins with the user and alternates",
        fix="begin with a user message, and join consecutive messages of one role",
        example="A conversation must start with a user message. Try again with a conversation "
        "that starts with a user message.",
    ),
    Row(
        error=InvalidCall,
        pattern="toolconfig field must be defined|requires? tools? .{0,40}defined",
        cause="the conversation holds tool calls, and the request offers no tools",
        fix="offer the tools that were called, also when none may be called any more",
        example="The toolConfig field must be defined when using toolUse and toolResult content "
        "blocks.",
    ),
    Row(
        error=InvalidCall,
        pattern="tool_use.{1,40}without.{1,4}tool_result|toolresult blocks .* exceeds the number "
        "of tooluse",
        cause="tool calls and tool results of the conversation do not pair",
        fix="answer every tool call in the very next message, and nothing else",
        example="messages.2: `tool_use` ids were found without `tool_result` blocks immediately "
        "after: toolu_01",
    ),
    Row(
        error=InvalidCall,
        pattern=r"image (?:exceeds|dimensions exceed)",
        cause="an image is too large for {model}",
        fix="send it smaller: 3.75 MB and 8000 pixels a side are what every model with images "
        "takes",
        example="messages.0.content.1.image.source.base64: image exceeds 5 MB maximum: 6291456 "
        "bytes > 5242880 bytes",
    ),
    Row(
        error=InvalidCall,
        pattern="guardrail identifier or version .* does not exist",
        cause="there is no such guardrail, or no such version of it, in {region}",
        fix="check id, version and region of the guardrail",
        example="The guardrail identifier or version provided in the request does not exist.",
    ),
    Row(
        error=InvalidCall,
        pattern="model returned the following errors",
        cause="{model} refused the request: {message}",
        fix="the text after the colon is the model's own message; change what it names",
        example="The model returned the following errors: "
        "messages.2.content.2.document.source.type: Field required",
    ),
    # ── the model or AWS fails ────────────────────────────────────────────────────────────────────
    Row(
        error=Unavailable,
        codes=("ModelStreamErrorException",),
        pattern="invalid sequence as part of tooluse",
        is_retryable=False,
        cause="{model} began a tool call and could not end it",
        fix="try again; fewer tools, simpler schemas and a lower temperature make it rarer",
        example="Model produced invalid sequence as part of ToolUse. Please refer to the model "
        "tool use troubleshooting guide.",
    ),
    Row(
        error=Unavailable,
        codes=("ModelErrorException", "ModelStreamErrorException"),
        is_retryable=False,
        cause="{model} failed while it worked on the request: {message}",
        fix="try again; if the same request fails each time, change it",
        example="The system encountered an unexpected error during processing. Try your request "
        "again.",
    ),
    Row(
        error=ProviderTimeout,
        codes=("ModelTimeoutException",),
        cause="{model} took longer than Bedrock allows: {message}",
        fix="ask for less at a time, or stream; AxonFlow does not repeat such a call, because "
        "each one is billed",
        example="The model has timed out in processing the request. Try your request again.",
    ),
    Row(
        error=Unavailable,
        codes=("ServiceUnavailableException",),
        pattern="capacity limit",
        cause="Bedrock has no capacity for {model} in {region} now",
        fix="try again; an inference profile spreads calls over several regions",
        example="Service capacity limit has been reached. Please try again later.",
    ),
    Row(
        error=Unavailable,
        codes=("ServiceUnavailableException", "ServiceUnavailable"),
        cause="Bedrock is not available in {region} now: {message}",
        fix="try again; an inference profile spreads calls over several regions",
        example="The service is currently unavailable.",
    ),
    Row(
        error=Unavailable,
        statuses=(529,),
        cause="the vendor of {model} has no capacity now",
        fix="try again later",
        example="Overloaded",
    ),
    Row(
        error=Unavailable,
        codes=_INTERNAL,
        pattern="unexpected error during processing",
        cause="Bedrock failed while it worked on the request, and does not say why",
        fix="try again; if the same request fails each time, the request is the cause, for "
        "example a recursive schema",
        example="The system encountered an unexpected error during processing. Try your request "
        "again.",
    ),
    Row(
        error=Unavailable,
        codes=_INTERNAL,
        cause="Bedrock failed: {message}",
        fix="try again; if the same request fails each time, the request is the cause",
        example="An internal error has occurred.",
    ),
    # ── known by the code alone ───────────────────────────────────────────────────────────────────
    Row(
        error=InvalidCall,
        codes=("UnknownOperationException",),
        cause="the endpoint does not know the path that was called",
        fix="check the endpoint, AWS_ENDPOINT_URL_BEDROCK_RUNTIME first: it must be one of "
        "bedrock-runtime, without a path of its own",
        example="",
    ),
    Row(
        error=AccessDenied,
        codes=_DENIED,
        cause="AWS denies the call of {model} in {region}: {message}",
        fix="allow bedrock:InvokeModel and bedrock:InvokeModelWithResponseStream for the model in "
        "the role's policy",
        example="Access denied",
    ),
    Row(
        error=ModelNotFound,
        codes=_NOT_FOUND,
        cause="Bedrock does not find {model} in {region}: {message}",
        fix="check id, account and region: an ARN is found in its own region only",
        example="The requested resource was not found.",
    ),
    Row(
        error=InvalidCall,
        codes=(*_VALIDATION, "ConflictException"),
        cause="Bedrock refused the request: {message}",
        fix="change what the message names",
        example="Something else is wrong with this request.",
    ),
    # ── known by the status alone ─────────────────────────────────────────────────────────────────
    Row(
        error=CredentialsError,
        statuses=(401, 407),
        cause="the credentials were refused (HTTP {status}): {message}",
        fix="Bedrock never sends this status; check the proxy or gateway in front of it",
        example="Unauthorized",
    ),
    Row(
        error=AccessDenied,
        statuses=(403,),
        cause="the call was forbidden (HTTP {status}): {message}",
        fix="allow bedrock:InvokeModel in the role's policy; if a proxy answered, have it let the "
        "endpoint through",
        example="Forbidden",
    ),
    Row(
        error=ModelNotFound,
        statuses=(404,),
        cause="nothing was found for {model} in {region} (HTTP {status}): {message}",
        fix="check the id, the region and the endpoint",
        example="Not Found",
    ),
    Row(
        error=ProviderTimeout,
        statuses=(408, 504),
        cause="a proxy or gateway stopped waiting for the answer (HTTP {status}): {message}",
        fix="stream long answers, and raise the time limit of the proxy or load balancer",
        example="Gateway Timeout",
    ),
    Row(
        error=InvalidCall,
        statuses=(413,),
        cause="the request is too large (HTTP {status}): {message}",
        fix="Bedrock takes 25 MB; send smaller images and documents",
        example="Request Entity Too Large",
    ),
    Row(
        error=Throttled,
        statuses=(429,),
        cause="too many calls (HTTP {status}): {message}",
        fix="wait and try again",
        example="Slow down",
    ),
    Row(
        error=InvalidCall,
        statuses=range(400, 500),
        cause="the request was refused (HTTP {status}): {message}",
        fix="change what the message names",
        example="tools.0: Input tag 'web_search' does not match any of the expected tags",
    ),
    Row(
        error=Unavailable,
        statuses=range(500, 600),
        cause="the service failed (HTTP {status}): {message}",
        fix="try again; if the message is not AWS's, check the proxy or gateway in front of it",
        example="Bad Gateway",
    ),
    Row(
        error=Unavailable,
        is_retryable=False,
        cause="the response is not Bedrock's (HTTP {status}): {message}",
        fix="check the endpoint, AWS_ENDPOINT_URL_BEDROCK_RUNTIME first",
        example="",
    ),
)
