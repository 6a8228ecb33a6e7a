"""Who may take a call: by what it names, by what its client and its request allow, and where."""

from __future__ import annotations

import tracemalloc
from collections.abc import Mapping
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from axonflow_core.errors import AxonFlowError, InvalidCall, RequestError, Throttled
from axonflow_core.governance.caller import Caller
from axonflow_core.messages import CompletionRequest, user
from axonflow_core.routing.router import Router
from axonflow_core.routing.rules import Strategy
from axonflow_core.routing.targets import ANYONE, Wish

from .places import HI, Place, router_of

MODELS = {"fast": [("b", "b-fast"), ("a", "a-fast")], "only": [("c", "c-1")]}


def targets(router: Router, wish: Wish = ANYONE) -> list[str]:
    return [str(target) for target in router.choose(wish, HI).targets]


def abc(**more: object) -> Router:
    a = Place("a", serves=("x", "both"))
    b = Place("b", serves=("y", "both"))
    return router_of(a, b, Place("c"), **more)  # type: ignore[arg-type]


def test_a_call_that_names_nothing_goes_to_every_provider_with_its_own_model() -> None:
    assert targets(abc()) == ["a a-model", "b b-model", "c c-model"]


def test_the_model_default_answers_a_call_that_names_nothing() -> None:
    router = abc(models={"default": [("c", "c-1"), ("a", "a-1")]})
    assert targets(router) == ["c c-1", "a a-1"]


def test_what_callers_allow_at_length_is_not_kept() -> None:
    router, names = abc(), tuple(f"{number:0500}" for number in range(200))
    tracemalloc.start()
    for number in range(100):
        allowed = (*(f"{number}-{name}" for name in names), "b")
        assert targets(router, Wish(allowed=allowed)) == ["b b-model"]
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 500_000  # the lists have 10 MB, and clients may send as many as they like


def test_a_named_model_has_its_targets_as_they_are_listed() -> None:
    assert targets(abc(models=MODELS), Wish(model="fast")) == ["b b-fast", "a a-fast"]


@pytest.mark.parametrize(
    ("wish", "expected"),
    [
        (Wish(provider="a"), ["a a-model"]),
        (Wish(provider="a", is_strict=True), ["a a-model"]),
        (Wish(provider="a", model="fast"), ["a a-fast", "b b-fast"]),
        (Wish(provider="a", model="fast", is_strict=True), ["a a-fast"]),
        (Wish(model="x"), ["a x"]),
        (Wish(model="both"), ["a both", "b both"]),
        (Wish(model="unknown"), ["c unknown"]),
        (Wish(provider="b", model="unknown"), ["b unknown"]),
        (Wish(provider="b", model="both"), ["b both", "a both"]),
        (Wish(provider="b", model="both", is_strict=True), ["b both"]),
    ],
    ids=str,
)
def test_what_is_named_decides(wish: Wish, expected: list[str]) -> None:
    assert targets(abc(models=MODELS), wish) == expected


def test_a_named_provider_is_followed_by_the_others_of_the_model_default() -> None:
    router = abc(models={"default": [("b", "b-1"), ("c", "c-1")]})
    assert targets(router, Wish(provider="c")) == ["c c-1", "b b-1"]
    assert targets(router, Wish(provider="a")) == ["a a-model", "b b-1", "c c-1"]
    assert targets(router, Wish(provider="a", is_strict=True)) == ["a a-model"]


def test_the_configuration_may_make_every_named_provider_the_only_one() -> None:
    router = abc(models=MODELS, rules={"strict_provider": True})
    assert targets(router, Wish(provider="a", model="fast")) == ["a a-fast"]
    assert targets(router, Wish(provider="a", model="fast", is_strict=False)) == [
        "a a-fast",
        "b b-fast",
    ]


def test_an_id_that_no_provider_knows_is_asked_of_the_default_provider_where_it_may() -> None:
    places = Place("a"), Place("b"), Place("c", serves=())
    router = router_of(*places, rules={"default_provider": "b"})
    assert targets(router, Wish(model="new")) == ["b new"]
    assert targets(router_of(*places, rules={"default_provider": "c"}), Wish(model="new")) == [
        "a new"
    ]
    of_client = Wish(model="new", client="acme", providers=("a", "c"))
    assert targets(router, of_client) == ["a new"]


@pytest.mark.parametrize(
    ("wish", "message", "hint"),
    [
        (Wish(provider="z"), "there is no provider 'z'", "a, b, c"),
        (Wish(provider="z", client="acme"), "acme may not use the provider 'z'", "a, b, c"),
        (
            Wish(provider="a", client="acme", providers=("b",)),
            "acme may not use the provider 'a'",
            "name one of these: b",
        ),
        (Wish(client="acme", providers=()), "acme may not use any provider", "its `providers:`"),
        (
            Wish(model="x", client="acme", models=("y*",)),
            "acme may not use the model x",
            "its `models:`",
        ),
        (Wish(provider="c", model="fast"), "the model fast has no target at c", "b, a"),
        (
            Wish(model="only", allowed=("a",)),
            "no target may take the call: c c-1: the request does not allow the provider",
            "",
        ),
    ],
    ids=str,
)
def test_where_nobody_may_take_a_call_the_error_says_why(
    wish: Wish, message: str, hint: str
) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        abc(models=MODELS).choose(wish, HI)
    assert hint in (caught.value.hint or "")


def test_a_client_may_use_a_named_model_by_its_name_or_by_the_ids_behind_it() -> None:
    router = abc(models=MODELS)
    by_name = Caller(client="acme", tenant="acme", models=("fast",)).wish(model="fast")
    by_id = Caller(client="acme", tenant="acme", models=("b-*",)).wish(model="fast")
    assert targets(router, by_name) == ["b b-fast", "a a-fast"]
    assert targets(router, by_id) == ["b b-fast"]
    (skipped,) = router.choose(by_id, HI).candidates.skipped
    assert (skipped.provider, skipped.reason) == ("a", "the client may not use the model")


def test_a_prompt_that_is_longer_than_a_window_is_tried_there_last() -> None:
    class Small(Place):
        def context_tokens(self, model: str) -> int | None:
            return 8_000

    router = router_of(Small("a"), Place("b"))
    assert targets(router) == ["a a-model", "b b-model"]
    long = CompletionRequest((user("x" * 40_000),))
    assert [target.provider for target in router.choose(request=long).targets] == ["b", "a"]


# ── laws ──────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(("a", "b", "c"))
ERRORS = st.sampled_from((Throttled("slow"), Throttled("slow"), None, InvalidCall("bad")))
NAMED = st.dictionaries(
    st.sampled_from(("fast", "default")),
    st.lists(st.tuples(NAMES, st.sampled_from(("1", "2"))), min_size=1, max_size=4),
)
WISHES = st.builds(
    Wish,
    provider=st.none() | NAMES,
    model=st.none() | st.sampled_from(("fast", "new", "x", "a-x")),
    is_strict=st.none() | st.booleans(),
    allowed=st.none() | st.lists(NAMES).map(tuple),
    providers=st.just(("*",)) | st.lists(NAMES).map(tuple),
)


@settings(max_examples=100)
@given(
    NAMED,
    WISHES,
    st.fixed_dictionaries(dict.fromkeys("abc", ERRORS)),
    st.sampled_from(Strategy),
    st.integers(0, 99),
)
async def test_a_model_id_only_ever_reaches_a_provider_that_it_belongs_to(
    named: Mapping[str, list[tuple[str, str]]],
    wish: Wish,
    fails: Mapping[str, AxonFlowError | None],
    strategy: Strategy,
    seed: int,
) -> None:
    """Ids carry the name of their provider: `a-1`. What else is sent is the caller's own id, to
    one provider that the caller named or that says nothing against it."""
    places = {name: Place(name, fails=fails[name], serves=(f"{name}-x",)) for name in "abc"}
    models = {name: [(p, f"{p}-{n}") for p, n in targets] for name, targets in named.items()}
    router = router_of(*places.values(), models=models, strategy=strategy, seed=seed)
    with suppress(AxonFlowError):
        await router.complete(HI, wish)
    foreign = [
        (name, model)
        for name, place in places.items()
        for model in place.asked
        if not model.startswith(f"{name}-")
    ]
    assert len(foreign) <= 1
    for name, model in foreign:
        assert model == wish.model
        assert wish.provider in (None, name)
    for name, place in places.items():
        if place.asked:
            assert wish.allowed is None or name in wish.allowed
            assert "*" in wish.providers or name in wish.providers
            assert wish.is_strict is not True or wish.provider in (None, name)


REGIONS = ("eu-central-1", "eu-west-1", "us-east-1", "us-*", "eu-*", "*")
TOLD = st.none() | st.lists(st.sampled_from(REGIONS), max_size=3).map(tuple)
ALLOWED = st.lists(
    st.sampled_from(("eu-central-1", "eu-*", "us-*", "us-east-1", "*")), min_size=1, max_size=3
).map(tuple)


def is_inside(region: str, rules: tuple[str, ...]) -> bool:
    """Whether `region`, with all that its `*` stands for, is inside of one of the rules."""
    return any(
        region == rule or (rule.endswith("*") and region.startswith(rule[:-1])) for rule in rules
    )


@given(
    st.fixed_dictionaries(dict.fromkeys("abc", TOLD)),
    ALLOWED,
    ALLOWED,
    st.sampled_from(Strategy),
    st.fixed_dictionaries(dict.fromkeys("abc", ERRORS)),
)
async def test_no_call_leaves_the_regions_of_the_operator_or_of_the_client(
    told: Mapping[str, tuple[str, ...] | None],
    allowed: tuple[str, ...],
    of_client: tuple[str, ...],
    strategy: Strategy,
    fails: Mapping[str, AxonFlowError | None],
) -> None:
    places = [
        Place(
            name,
            fails=fails[name],
            regions={} if (regions := told[name]) is None else {f"{name}-model": regions},
        )
        for name in "abc"
    ]
    router = router_of(*places, strategy=strategy, rules={"regions": allowed})
    wish = Wish(regions=of_client, client="acme")
    receipt = None
    with suppress(AxonFlowError):
        receipt = (await router.complete(HI, wish)).receipt
    for place in places:
        regions = told[place.name]
        is_free = regions is not None and all(
            is_inside(region, allowed) and is_inside(region, of_client) for region in regions
        )
        assert is_free or not place.asked
    if receipt is not None:
        assert receipt.choice is not None
        assert receipt.choice.regions
        assert all(is_inside(region, allowed) for region in receipt.choice.regions)


async def test_without_the_filter_calls_leave_the_regions() -> None:
    """The control of the law above."""
    a = Place("a", regions={"a-model": ("us-east-1",)})
    await router_of(a, Place("b")).complete(HI)
    assert a.asked == ["a-model"]


def test_where_a_call_may_not_be_processed_the_error_says_where_it_would_be() -> None:
    a = Place("a", regions={"a-model": ("eu-central-1", "us-east-1")})
    router = router_of(a, Place("b"), rules={"regions": ("eu-*",)})
    with pytest.raises(RequestError) as caught:
        router.choose(request=HI)
    assert caught.value.message == (
        "no target may take the call: a a-model: it may be processed in us-east-1; "
        "b b-model: it does not say in which regions it is processed"
    )
    assert (
        caught.value.hint == "name a model that stays within `routing: {regions: …}`, or widen that"
    )


async def test_the_record_of_a_call_has_the_rule_that_it_kept_to() -> None:
    a = Place("a", regions={"a-model": ("eu-central-1",)})
    receipt = (await router_of(a, rules={"regions": ("eu-*",)}).complete(HI)).receipt
    assert receipt is not None
    assert receipt.choice is not None
    assert receipt.choice.regions == ("eu-*",)
