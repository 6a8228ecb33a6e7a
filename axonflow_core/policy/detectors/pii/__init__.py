"""Personal data: numbers of people and of what is theirs, and addresses.

A number is found by its check digits, where it has them, and by the words before it, where it has
not. Names and postal addresses are not found: that takes a model of the language.
"""

from __future__ import annotations

from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.detectors.pii import (
    accounts,
    cards,
    contact,
    india,
    national,
    papers,
    phones,
    us,
)

DETECTORS: tuple[Detector, ...] = (
    *us.DETECTORS,
    *cards.DETECTORS,
    *accounts.DETECTORS,
    *india.DETECTORS,
    *national.DETECTORS,
    *papers.DETECTORS,
    *phones.DETECTORS,
    *contact.DETECTORS,
)
