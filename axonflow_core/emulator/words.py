"""What an emulated vendor refuses of a call, in its own words. The defaults are plain; a provider
replaces those that its vendor words otherwise."""

from __future__ import annotations

from collections.abc import Callable

from axonflow_core.endpoint.refusals import VendorError
from axonflow_core.frozen import frozen

from .quotas import Quota


def _unknown_model(model: str) -> VendorError:
    return VendorError(status=404, message=f"The model {model!r} does not exist.")


def _wrong_kind(model: str, operation: str) -> VendorError:
    return VendorError(status=400, message=f"The model {model!r} does not support {operation}.")


def _too_long(tokens: int, limit: int) -> VendorError:
    return VendorError(
        status=400, message=f"The prompt has {tokens} tokens, and the model takes {limit}."
    )


def _too_much_output(asked: int, limit: int) -> VendorError:
    return VendorError(
        status=400, message=f"The model writes at most {limit} tokens, and {asked} are asked for."
    )


def _bad_length(length: int) -> VendorError:
    return VendorError(status=400, message=f"The model has no vectors of {length} dimensions.")


def _bad_schema(name: str) -> VendorError:
    return VendorError(status=400, message=f"The schema of {name!r} is no JSON schema.")


def _throttled(quota: Quota) -> VendorError:
    return VendorError(status=429, message=f"The limit of {quota} was reached.")


@frozen(kw_only=True)
class Words:
    """The refusals of an emulated vendor."""

    unknown_model: Callable[[str], VendorError] = _unknown_model
    """The id of a model that there is not."""
    wrong_kind: Callable[[str, str], VendorError] = _wrong_kind
    """The id of a model and the operation that it does not have."""
    too_long: Callable[[int, int], VendorError] = _too_long
    """The tokens of a prompt, and how many the model takes."""
    too_much_output: Callable[[int, int], VendorError] = _too_much_output
    """The limit of output tokens that is asked for, and the model's own."""
    bad_length: Callable[[int], VendorError] = _bad_length
    """The length of vectors that the model does not make."""
    bad_schema: Callable[[str], VendorError] = _bad_schema
    """The name of a tool, or `output`, whose schema is none."""
    throttled: Callable[[Quota], VendorError] = _throttled
    """The quota that was exceeded."""
