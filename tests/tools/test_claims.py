"""What a model may state: levels that are there, on their side of the price, and the facts' strength within a step."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from candlegraph.graph.schema.facts import parse_facts, render_facts
from candlegraph.graph.schema.market import Level
from candlegraph.graph.schema.numbers import written
from candlegraph.graph.schema.signal import Proposal
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.regime import strength_of
from candlegraph.tools.risk.claims import LEVEL_ATR, false_claims, levels_beside, real_level
from candlegraph.tools.risk.stops import BEHIND_LEVEL, derived_stop, stop_atr, stop_basis

KINDS = ("support", "resistance")
SHARES = st.lists(st.floats(0.7, 1.3).filter(lambda share: share != 1), max_size=8)
PRICES = st.floats(1e-6, 1e6)
CHEAP = 0.0000085
ABOUT = {"long": (1, "support"), "short": (-1, "resistance")}


@pytest.fixture(scope="module")
def market(make_snapshot):
    """Return a snapshot at `price` with an ATR of `atr` and levels spread over its timeframes."""
    known = make_snapshot()

    def make(price=100.0, levels=(), atr=1.0):
        views = []
        for number, view in enumerate(known.timeframes):
            own = tuple(
                Level(price=one, touches=1, kind="support" if one < price else "resistance")
                for one in levels[number :: len(known.timeframes)]
            )
            indicators = view.indicators.model_copy(update={"atr": atr})
            views.append(view.model_copy(update={"close": price, "levels": own, "indicators": indicators}))
        return known.model_copy(update={"timeframes": tuple(views)})

    return make


def key(kind, price):
    return {f"key_{kind}": price}


def test_the_message_names_the_levels_that_could_have_been_named(market):
    seen = market(90850.0, [90410.0, 89900.0, 91300.0], atr=200.0)
    assert false_claims({"key_support": 91200.0}, seen) == (
        "key_support 91200 is above the price 90850; the supports in the facts are 90410 and 89900",
    )
    assert false_claims({"key_resistance": 90700.0}, seen) == (
        "key_resistance 90700 is below the price 90850; the resistance in the facts is 91300",
    )
    assert false_claims({"key_support": 90700.0}, seen) == (
        "key_support 90700 is 1.4 ATR from the nearest support, at most 0.5; "
        "the supports in the facts are 90410 and 89900",
    )


def test_where_the_facts_show_no_level_only_its_side_can_be_false(market):
    seen = market(CHEAP, [], atr=1e-7)
    assert false_claims({"key_support": CHEAP / 2, "key_resistance": CHEAP * 2}, seen) == ()
    assert false_claims({"key_support": CHEAP * 2}, seen) == (
        "key_support 0.000017 is above the price 0.0000085; the facts show no support",
    )


@given(price=PRICES, shares=SHARES, atr=st.just(0.0) | st.floats(1e-9, 0.2), data=st.data())
def test_what_is_copied_from_the_facts_is_never_false(market, price, shares, atr, data):
    seen = market(price, [price * share for share in shares], atr * price)
    read = parse_facts(render_facts(facts_of(seen, (), ())))
    named = {kind: [float(written(one)) for one in levels_beside(kind, seen)] for kind in KINDS}
    stated = key("support", read.support) | key("resistance", read.resistance)
    assert false_claims(stated | {"trend_strength": read.trend_strength}, seen) == ()
    for kind in KINDS:
        if named[kind]:
            assert false_claims(key(kind, data.draw(st.sampled_from(named[kind]))), seen) == ()


@given(price=PRICES, shares=SHARES, atr=st.floats(0.001, 0.2), kind=st.sampled_from(KINDS), at=st.floats(0.5, 1.5))
def test_a_level_is_false_on_the_wrong_side_and_farther_from_every_real_one_than_is_stated(
    market, price, shares, atr, kind, at
):
    seen, named = market(price, [price * share for share in shares], atr * price), at * price
    wrong_side = (named > price) == (kind == "support")
    assume(abs(at - 1) > 1e-5)
    distances = [abs(one - named) / (atr * price) for one in levels_beside(kind, seen)]
    assume(all(abs(one - LEVEL_ATR) > 1e-6 for one in distances))
    is_far = bool(distances) and min(distances) > LEVEL_ATR
    found = false_claims(key(kind, named), seen)
    assert bool(found) == (wrong_side or is_far)
    shown = [written(one) for one in levels_beside(kind, seen)[:3]]
    assert all(one in found[0] for one in shown) if found else True


@pytest.mark.parametrize("stated", ["strong", "moderate", "weak"])
@pytest.mark.parametrize("adx, true", [(40.0, "strong"), (25.0, "moderate"), (10.0, "weak")])
def test_the_strength_may_be_one_step_off(make_snapshot, stated, adx, true):
    known = make_snapshot()
    views = [
        one.model_copy(update={"indicators": one.indicators.model_copy(update={"adx": adx})})
        for one in known.timeframes
    ]
    seen = known.model_copy(update={"timeframes": tuple(views)})
    assert strength_of(seen.timeframes) == true
    wrong = {stated, true} == {"strong", "weak"}
    told = (f"trend_strength {stated} is two steps off: the facts say {true}",) if wrong else ()
    assert false_claims({"trend_strength": stated}, seen) == told


@given(
    price=PRICES,
    shares=SHARES,
    atr=st.floats(0.001, 0.1),
    side=st.sampled_from(["long", "short"]),
    off=st.floats(-1, 1),
    data=st.data(),
)
def test_a_stop_that_nobody_gave_lies_beyond_a_real_level_that_was_named_and_else_where_it_did(
    market, price, shares, atr, side, off, data
):
    seen, sign, kind = market(price, [price * share for share in shares], atr * price), *ABOUT[side]
    real = levels_beside(kind, seen)
    named = price * 0.9 if not real else max(price / 1e3, data.draw(st.sampled_from(real)) + off * atr * price)
    entry = Proposal(action=f"enter_{side}", confidence=60, reason="x", **key(kind, named))
    facts = facts_of(seen, (), ())
    meant = real_level(kind, named, seen)
    stop = derived_stop(side, price, stop_basis(seen, facts, entry), 2.0)
    if meant is None:
        assert stop == derived_stop(side, price, stop_basis(seen, facts), 2.0)
    elif stop is not None:
        assert sign * (meant - stop) > 0 and sign * (named - stop) > 0 and sign * (price - stop) > 0
        assert sign * (price - stop) >= 0.5 * atr * price * (1 - 1e-9)


@pytest.mark.parametrize("side, named, stop", [("long", 92.0, 91.75), ("short", 108.0, 108.25), ("long", 92.3, 91.75)])
def test_a_stop_goes_as_far_as_the_level_that_was_named(market, side, named, stop):
    seen = market(100.0, [99.0, 92.0, 101.0, 108.0])
    entry = Proposal(action=f"enter_{side}", confidence=60, reason="x", **key(ABOUT[side][1], named))
    basis = stop_basis(seen, facts_of(seen, (), ()), entry)
    assert (stop_atr(seen), BEHIND_LEVEL) == (1.0, 0.25)
    assert derived_stop(side, 100.0, basis, 2.0) == stop
