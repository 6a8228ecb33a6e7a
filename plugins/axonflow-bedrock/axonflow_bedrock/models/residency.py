"""Where a call is processed, as far as model id and region say it: for the operator's rule about
regions, so nothing here is narrower than the truth.

A call of a model on demand stays in its region. An inference profile sends it to any region of its
geography, and AWS adds regions to these as it likes; so a geography stands here as the beginning of
all its regions' names, and not as a list that would be out of date without a word. A `global.`
profile may go anywhere. What an application profile or a prompt router stands for, its id does not
say.

Source: AWS user guide, "Geographic cross-Region inference" and "Supported Regions and models for
inference profiles", November 2026.
"""

from __future__ import annotations

from collections.abc import Mapping

from axonflow_core.provider import EVERYWHERE

from .model_id import Kind, ModelId

_DESTINATIONS: Mapping[str, frozenset[str]] = {
    "us": frozenset(("us-*",)),
    "us-gov": frozenset(("us-gov-*",)),
    "eu": frozenset(("eu-*",)),
    "apac": frozenset(("ap-*",)),
    "jp": frozenset(("ap-northeast-*",)),
    "au": frozenset(("ap-southeast-*",)),
    "in": frozenset(("ap-south-*",)),
    "ca": frozenset(("ca-*",)),
    "global": EVERYWHERE,
}
"""Geography -> the regions that its profiles may send a call to. The region of the call itself,
which may be another country's, comes on top."""
_IN_THEIR_REGION = frozenset(
    {
        Kind.FOUNDATION_MODEL,
        Kind.PROVISIONED_MODEL,
        Kind.IMPORTED_MODEL,
        Kind.CUSTOM_MODEL,
        Kind.CUSTOM_MODEL_DEPLOYMENT,
        Kind.SAGEMAKER_ENDPOINT,
    }
)


def regions_of(model: ModelId, region: str) -> frozenset[str] | None:
    """Every region that a call of `model` from `region` may be processed in; None where its id does
    not say."""
    own = frozenset((region,))
    if model.geo is not None:
        destinations = _DESTINATIONS.get(model.geo)
        return None if destinations is None else own | destinations
    return own if model.kind in _IN_THEIR_REGION else None
