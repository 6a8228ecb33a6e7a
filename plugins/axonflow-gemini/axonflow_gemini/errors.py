"""Every failure of the Gemini API that the provider tells apart: code, cause, fix.

Source: Gemini API, "Troubleshooting" and "Rate limits", November 2026; google-gemini/gemini-cli
issues 8437 and 14811 for the words.
"""

from __future__ import annotations

from axonflow_core.errors import (
    AccessDenied,
    AxonFlowError,
    ContextExceeded,
    CredentialsError,
    InvalidCall,
    ModelNotFound,
    ProviderTimeout,
    Throttled,
    Unavailable,
)
from axonflow_core.plugin_spec import ErrorEntry, find_fix

from .codec.errors import DAILY, WRONG_KEY

KEY_FIX = (
    "check the key: credentials: {api_key: ${GOOGLE_API_KEY}}; https://aistudio.google.com/apikey"
)

CATALOGUE: tuple[ErrorEntry, ...] = (
    ErrorEntry(
        code=CredentialsError.code,
        cause="the API key is not valid; Google answers 400 and not 401",
        fix=KEY_FIX,
        native_codes=(WRONG_KEY, "UNAUTHENTICATED"),
        statuses="400, 401",
        example="API key not valid. Please pass a valid API key.",
        issue="400 API key not valid",
    ),
    ErrorEntry(
        code=CredentialsError.code,
        cause="no API key arrived, or Google blocked it because it was found in public",
        fix="make a new key, and give it in credentials: {api_key: ${GOOGLE_API_KEY}}",
        native_codes=("PERMISSION_DENIED",),
        statuses="403",
        example="Your API key was reported as leaked. Please use another API key.",
    ),
    ErrorEntry(
        code=ModelNotFound.code,
        cause="there is no model MODEL, it has been shut down, or it lacks the operation",
        fix="`axonflow models --provider gemini` lists the models; those of Gemini 2.0 ended on "
        "1 June 2026",
        native_codes=("NOT_FOUND",),
        statuses="404",
        example="models/gemini-2.0-flash is not found for API version v1beta, or is not supported "
        "for generateContent.",
        issue="404 model is not found for API version v1beta",
    ),
    ErrorEntry(
        code=Throttled.code,
        cause="the project's quota of a day is used up, or the model has none in the free tier",
        fix="wait for midnight in California, enable billing for the project, or name another "
        "provider: the call is not repeated",
        native_codes=(DAILY,),
        statuses="429",
        example="You exceeded your current quota, please check your plan and billing details.",
        issue="429 quota of a day",
    ),
    ErrorEntry(
        code=Throttled.code,
        cause="more requests or tokens a minute than the project's tier has",
        fix="the call is repeated automatically, no sooner than Google asks; spread the calls, or "
        "raise the tier in AI Studio",
        native_codes=("RESOURCE_EXHAUSTED",),
        statuses="429",
        example="Resource has been exhausted (e.g. check quota).",
        is_retryable=True,
        issue="429 RESOURCE_EXHAUSTED",
    ),
    ErrorEntry(
        code=Throttled.code,
        cause="the prepaid credits of the billing account are used up",
        fix="add credits, or turn auto-reload on; the call is not repeated",
        native_codes=("RESOURCE_EXHAUSTED",),
        statuses="402",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        cause="the free tier, or the API itself, is not offered where the call comes from",
        fix="enable billing for the project, or call from a country that Google lists: "
        "ai.google.dev/gemini-api/docs/available-regions",
        native_codes=("FAILED_PRECONDITION",),
        statuses="400",
        example="User location is not supported for the API use.",
        issue="User location is not supported",
    ),
    ErrorEntry(
        code=AccessDenied.code,
        cause="the key may not use this model or this API",
        fix="enable the Generative Language API for the key's project, and look at the key's "
        "restrictions",
        native_codes=("PERMISSION_DENIED",),
        statuses="403",
    ),
    ErrorEntry(
        code=ContextExceeded.code,
        cause="the prompt is longer than the model's context",
        fix="shorten the conversation; `axonflow models` tells the limits",
        native_codes=("INVALID_ARGUMENT",),
        statuses="400",
        example="The input token count (1200000) exceeds the maximum number of tokens allowed "
        "(1048576).",
    ),
    ErrorEntry(
        code=InvalidCall.code,
        cause="a parameter, a schema or the order of turns is one that the model does not take",
        fix="the message names the member; with Gemini 3 every call of a tool goes back with its "
        "thoughtSignature",
        native_codes=("INVALID_ARGUMENT", "OUT_OF_RANGE", "UNIMPLEMENTED"),
        statuses="400, 501",
        example="Function call is missing a thought_signature in functionCall parts.",
        issue="missing a thought_signature",
    ),
    ErrorEntry(
        code=ProviderTimeout.code,
        cause="the model took longer than Google allows",
        fix="shorten the prompt, ask for less thinking, or stream the answer",
        native_codes=("DEADLINE_EXCEEDED", "CANCELLED"),
        statuses="504, 499",
    ),
    ErrorEntry(
        code=Unavailable.code,
        cause="the model is overloaded, or Google's service failed",
        fix="the call is repeated automatically; name a second provider to fail over to",
        native_codes=("UNAVAILABLE", "INTERNAL", "ABORTED"),
        statuses="503, 500, 502, 409",
        example="The model is overloaded. Please try again later.",
        is_retryable=True,
        issue="503 The model is overloaded",
    ),
)


def hint(error: AxonFlowError) -> str | None:
    """The fix of an error: of the entry with its name, else of the first with its status."""
    name = getattr(error, "native_code", None)
    named = [entry for entry in CATALOGUE if name in entry.native_codes]
    return find_fix(named, error) or find_fix(CATALOGUE, error)
