"""What screening costs, as ratios of work of the same process. `tests.bench policies` has the
bars."""

from __future__ import annotations

from functools import partial

import pytest
from costs import MARGIN, cpu_us, is_little, is_within

from axonflow_core.frozen import evolve
from axonflow_core.policy.detectors import DETECTORS
from axonflow_core.policy.detectors.detector import Detector
from axonflow_core.policy.patterns import united
from axonflow_core.policy.rules import Phase
from axonflow_core.policy.searches import MAX_SPANS
from axonflow_core.policy.views import View, views_of

from ..bench import policies as bench
from . import hostile, noise

KB, MB = bench.KB, bench.MB


@pytest.mark.thorough
def test_noise_is_slower_than_english_for_an_automaton_of_all_hints() -> None:
    """The control: what the bars hold away is there, and is measured."""
    hints = tuple(dict.fromkeys(one.hint for one in DETECTORS if one.hint))
    noisy = noise.KINDS["random printable"](20 * KB).encode()
    find, each = united(hints), [united((hint,)) for hint in hints]
    together = cpu_us(lambda: list(find.finditer(noisy)))
    alone = cpu_us(lambda: [one.search(noisy) for one in each])
    assert together > alone


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "size", "with_secrets", "allowed"), bench.WARM)
def test_a_clean_text_costs_what_it_may(
    name: str, size: int, with_secrets: bool, allowed: float
) -> None:
    policy, text = bench.policy(with_secrets=with_secrets), noise.english(size)
    evaluate = partial(policy.evaluate, Phase.REQUEST, {"text": text})
    evaluate()
    assert is_within(evaluate, allowed), name


@pytest.mark.thorough
def test_the_first_text_of_a_process_is_no_surprise() -> None:
    taken = bench.cold_run()
    assert taken.pop("MB") < bench.COLD_MB
    slow = {kind: us for kind, us in taken.items() if not is_little(us, bench.COLD_US)}
    assert not slow


DEAR = frozenset(
    "phone payment_card iban us_ssn sql_injection dangerous_statement dangerous_command "
    "generic_api_key kubernetes_secret_yaml crypto_wallet jwt_base64 square_access_token".split()
)
"""Types that took longest before they were bounded."""
SEARCHED = [
    pytest.param(
        detector,
        id=detector.type,
        marks=pytest.mark.exhaustive
        if number % 12 and detector.type not in DEAR
        else pytest.mark.thorough,
    )
    for number, detector in enumerate({one.finder(): one for one in DETECTORS}.values())
]
"""Every detector; thoroughly, every twelfth, and those."""


@pytest.mark.parametrize("detector", SEARCHED)
def test_no_text_is_hostile_to_a_detector(detector: Detector) -> None:
    """Neither its automata, fall-backs included, nor the checks of what they match: what was made
    against it costs what a megabyte may, whether anything is found or it is given up."""
    find = detector.finder()
    for name, text in hostile.texts(detector, MB):
        search = partial(bench.searched, find, bench.view_of(text, MB))
        assert is_within(search, bench.HOSTILE_US), name


@pytest.mark.thorough
def test_a_detector_that_may_refuse_without_end_takes_longer_than_it_may() -> None:
    """The control: the texts are hostile, and what they cost is measured."""
    card = next(one for one in DETECTORS if one.type == "payment_card")
    view = View(noise.repeated("4111 ", MB).encode())
    bound_us, unbound_us = (
        cpu_us(partial(bench.searched, one.finder(), view))
        for one in (card, evolve(card, cost_us=1))
    )
    assert unbound_us > 3 * bound_us


@pytest.mark.parametrize("detector", SEARCHED)
def test_no_simple_text_is_hostile_to_a_detector(detector: Detector) -> None:
    find = detector.finder()
    for name, text in noise.hostile(detector.keywords, MB // 16):
        view = View(text.encode())
        assert is_within(partial(bench.searched, find, view), bench.HOSTILE_US), name
        assert len(bench.searched(find, view)) <= MAX_SPANS


@pytest.mark.thorough
@pytest.mark.parametrize("name", noise.KINDS)
def test_ten_times_the_text_costs_ten_times_as_much(name: str) -> None:
    policy = bench.policy()
    texts = [noise.KINDS[name](size) for size in (30 * KB, 300 * KB)]
    for text in texts:
        policy.evaluate(Phase.REQUEST, {"text": text})
    costs = [
        min(cpu_us(partial(policy.evaluate, Phase.REQUEST, {"text": text})) for _ in range(3))
        for text in texts
    ]
    short, long = costs
    assert long < 10 * MARGIN * short


@pytest.mark.timely
@pytest.mark.thorough
def test_the_forms_of_a_long_text_are_those_of_its_parts() -> None:
    views = views_of(noise.english(MB) + " %41 " + noise.english(MB))
    assert sum(len(view.data) for view in views[1:]) < 10 * KB
