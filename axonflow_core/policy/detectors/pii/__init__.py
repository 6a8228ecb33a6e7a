"""Personal data: numbers of people and of what is theirs, and addresses."""

from __future__ import annotations

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.pii import cards, contact, us

DETECTORS: tuple[Detector, ...] = (*us.DETECTORS, *cards.DETECTORS, *contact.DETECTORS)
