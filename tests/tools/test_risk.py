"""The risk gate: whatever is proposed, every limit holds, and nothing is ever raised."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.market import Account
from candlegraph.graph.settings.risk import RiskManagement
from candlegraph.tools.risk.gate import EntryPlan, Limits, size_add, size_entry, size_held
from candlegraph.tools.risk.stops import StopBasis

NEAR = 1 + 1e-9
RATE, ATR = 100.0, 1.5
ACCOUNT = Account(equity=10_000, free=8_000, open_positions=1)
PRICES = st.floats(1e-8, 1e6)
RULES = st.builds(
    RiskManagement,
    max_leverage=st.floats(1, 100),
    max_position_pct=st.floats(0.1, 100),
    max_open_trades=st.integers(3, 8),
    max_risk_per_trade_pct=st.floats(0.01, 100),
    stop_atr_multiple=st.floats(0.1, 20),
    liquidation_buffer=st.floats(0, 0.5) | st.floats(0, 0.99),
    maintenance_margin_pct=st.floats(0, 5) | st.floats(0, 49),
    allow_add_to_loser=st.booleans(),
    allow_model_freedom=st.booleans(),
    default_leverage=st.floats(1, 100),
    max_total_exposure=st.floats(0.01, 100),
    min_confidence=st.floats(0, 100),
    max_daily_loss_pct=st.floats(0.1, 100),
    emergency_stop_loss=st.floats(-1, -0.01),
)
LIMITS = st.builds(
    Limits,
    rules=RULES,
    fee_ratio=st.floats(0, 0.01),
    exchange_max_leverage=st.floats(1, 125) | st.just(math.inf),
    min_stake=st.floats(0, 20),
    max_stake=st.just(math.inf) | st.floats(0, 1e6),
    proposed_stake=st.none() | st.floats(0, 1e6),
)
ACCOUNTS = st.builds(
    lambda free, used, **rest: Account(equity=free + used, free=free, used=used, **rest),
    free=st.floats(100, 1e6) | st.floats(0, 1e6),
    used=st.floats(0, 1e6),
    open_positions=st.integers(0, 4),
    slots=st.none() | st.integers(0, 8),
    exposure=st.just(0.0) | st.floats(0, 1e7),
    day_profit_pct=st.just(0.0) | st.floats(-100, 100),
    drawdown_pct=st.just(0.0) | st.floats(0, 100),
    halted=st.sampled_from([None, None, None, "emergency stop"]),
)
SIDES = st.sampled_from(["long", "short"])


@st.composite
def entries(draw):
    """Return a schema-valid entry with the rate it comes at; stops may lie anywhere, and mostly near."""
    rate = draw(PRICES)
    stop = draw(st.none() | st.floats(0.9, 1.1).map(lambda share: rate * share) | PRICES)
    stake = draw(st.none() | st.floats(1e-6, 1e7))
    plan = EntryPlan(
        side=draw(SIDES),
        leverage=draw(st.floats(1, 100)),
        stake=stake,
        stop=stop,
        take_profit=draw(st.none() | st.floats(0.5, 1.5).map(lambda share: rate * share)),
        confidence=draw(st.floats(1, 100)),
    )
    near = st.none() | st.floats(0.9, 1.1).map(lambda share: rate * share)
    atr = draw(st.none() | st.just(0.0) | st.floats(1e-5, 0.5).map(lambda share: rate * share))
    return plan, rate, StopBasis(atr=atr, support=draw(near), resistance=draw(near))


@settings(max_examples=100, deadline=None)
@given(entry=entries(), account=ACCOUNTS, limits=LIMITS)
def test_a_sized_entry_keeps_every_limit(entry, account, limits):
    plan, rate, basis = entry
    sized = size_entry(plan, account, rate, basis, limits)
    if sized.refusal:
        assert sized.stake == 0
        assert sized.clamps[-1].after == 0
        assert sized.refusal.key == sized.clamps[-1].key
        return
    rules = limits.rules
    distance = abs(rate - sized.stop) / rate
    assert account.open_positions < min(rules.max_open_trades, 99 if account.slots is None else account.slots)
    assert account.halted is None
    assert account.drawdown_pct < -100 * rules.emergency_stop_loss
    assert account.day_profit_pct > -rules.max_daily_loss_pct
    assert plan.confidence >= rules.min_confidence
    sign = 1 if sized.side == "long" else -1
    assert sized.take_profit is None or sign * (sized.take_profit - rate) > 0
    assert sized.stake * sized.leverage + account.exposure <= rules.max_total_exposure * account.equity * NEAR
    if not rules.allow_model_freedom:
        assert sized.leverage <= rules.default_leverage
        assert limits.proposed_stake is None or sized.stake <= limits.proposed_stake
    assert sized.leverage == int(sized.leverage) >= 1
    assert sized.leverage <= min(rules.max_leverage, limits.exchange_max_leverage)
    assert 0 < sized.stop < rate if sized.side == "long" else sized.stop > rate
    to_liquidation = 1 / sized.leverage - rules.maintenance_margin_pct / 100
    assert distance <= to_liquidation * (1 - rules.liquidation_buffer) * NEAR + 1e-12
    is_guess = plan.stake is None and limits.proposed_stake is None  # Freqtrade is going to propose another
    assert is_guess or max(limits.min_stake, 0) <= sized.stake
    assert sized.stake <= min(account.free, limits.max_stake)
    assert sized.stake > 0
    assert sized.stake <= rules.max_position_pct / 100 * account.equity
    loss = sized.stake * sized.leverage * (distance + 2 * limits.fee_ratio)
    assert loss <= rules.max_risk_per_trade_pct / 100 * account.equity * NEAR


@settings(max_examples=200, deadline=None)
@given(entry=entries(), account=ACCOUNTS, limits=LIMITS)
def test_nothing_is_raised_and_every_lowered_number_names_its_key(entry, account, limits):
    plan, rate, basis = entry
    sized = size_entry(plan, account, rate, basis, limits)
    assert sized.leverage <= plan.leverage
    assert plan.stake is None or sized.stake <= plan.stake
    assert all(clamp.key and clamp.reason for clamp in sized.clamps)
    lowered = {clamp.after for clamp in sized.clamps}
    assert sized.leverage == plan.leverage or sized.leverage in lowered or sized.refusal
    assert sized.stop == plan.stop or sized.stop in lowered or sized.refusal
    if plan.stake is not None:
        assert sized.stake == plan.stake or sized.stake in lowered


@settings(max_examples=100, deadline=None)
@given(entry=entries(), account=ACCOUNTS, limits=LIMITS)
def test_a_second_pass_changes_nothing(entry, account, limits):
    plan, rate, basis = entry
    once = size_entry(plan, account, rate, basis, limits)
    assert once.refusal or size_entry(once, account, rate, basis, limits) == once


@settings(max_examples=100, deadline=None)
@given(entry=entries(), account=ACCOUNTS, limits=LIMITS)
def test_a_side_and_the_market_around_it_may_be_mirrored(entry, account, limits):
    """Stops at equal distance cost both sides the same."""
    plan, rate, _ = entry
    stop = rate * 0.9529
    plan = plan.model_copy(update={"take_profit": None})
    long = size_entry(plan.model_copy(update={"side": "long", "stop": stop}), account, rate, StopBasis(), limits)
    mirrored = plan.model_copy(update={"side": "short", "stop": 2 * rate - stop})
    short = size_entry(mirrored, account, rate, StopBasis(), limits)
    assert (long.refusal is None) == (short.refusal is None)
    assert short.leverage == pytest.approx(long.leverage)
    assert short.stake == pytest.approx(long.stake)


def entry(side="long", leverage=10.0, stake=1000.0, stop=98.0):
    return EntryPlan(side=side, leverage=leverage, stake=stake, stop=stop)


def limits(**rules):
    return Limits(rules=RiskManagement(**rules))


def sized(plan=None, account=ACCOUNT, atr=ATR, **rules):
    return size_entry(plan or entry(), account, RATE, StopBasis(atr=atr), limits(**rules))


def account(**changes):
    return ACCOUNT.model_copy(update=changes)


def test_an_entry_within_the_limits_is_left_as_it_is():
    assert sized() == entry()


def position_size(make_position, **rules):
    """Return the addition to a losing position."""
    losing = make_position("long", price=RATE, entry_price=102, stop=97, profit_pct=-10)
    return added(100, losing, ACCOUNT, RATE, limits(**rules))


def added(*arguments, **known):
    """Return what may be added, and the clamps."""
    plan = size_add(*arguments, **known)
    assert (plan.stake == 0) == (plan.refusal is not None)
    return plan.stake, plan.clamps


TABLE = {
    "max_leverage": (sized, {"max_leverage": 3}, "leverage", 3, "max_leverage"),
    "max_position_pct": (sized, {"max_position_pct": 5}, "stake", 500, "max_position_pct"),
    "max_open_trades": (sized, {"max_open_trades": 1}, "stake", 0, "max_open_trades"),
    "max_risk_per_trade_pct": (
        sized,
        {"max_risk_per_trade_pct": 1},
        "stake",
        pytest.approx(100 / (10 * 0.021)),
        "max_risk_per_trade_pct",
    ),
    "stop_atr_multiple": (
        lambda **rules: sized(entry(stop=None), **rules),
        {"stop_atr_multiple": 3},
        "stop",
        95.5,
        "stop_atr_multiple",
    ),
    "liquidation_buffer": (sized, {"liquidation_buffer": 0.9}, "leverage", 4, "liquidation_buffer"),
    "max_total_exposure": (sized, {"max_total_exposure": 0.5}, "stake", 500, "max_total_exposure"),
    "min_confidence": (
        lambda **rules: sized(entry().model_copy(update={"confidence": 60}), **rules),
        {"min_confidence": 61},
        "stake",
        0,
        "min_confidence",
    ),
    "max_daily_loss_pct": (
        lambda **rules: sized(account=account(day_profit_pct=-4), **rules),
        {"max_daily_loss_pct": 4},
        "stake",
        0,
        "max_daily_loss_pct",
    ),
    "emergency_stop_loss": (
        lambda **rules: sized(account=account(drawdown_pct=8), **rules),
        {"emergency_stop_loss": -0.08},
        "stake",
        0,
        "emergency_stop_loss",
    ),
    "default_leverage": (
        lambda **rules: sized(allow_model_freedom=False, **rules),
        {"default_leverage": 2},
        "leverage",
        2,
        "default_leverage",
    ),
    "allow_model_freedom": (
        lambda **rules: sized(entry(leverage=12), **rules),
        {"allow_model_freedom": False},
        "leverage",
        10,
        "default_leverage",
    ),
    "maintenance_margin_pct": (sized, {"maintenance_margin_pct": 20}, "leverage", 4, "liquidation_buffer"),
}


@pytest.mark.parametrize("key", TABLE)
def test_changing_a_key_changes_the_entry_and_names_what_limited_it(key):
    act, change, field, value, named = TABLE[key]
    before, after = act(), act(**change)
    assert getattr(before, field) != getattr(after, field)
    assert getattr(after, field) == value
    assert named in [clamp.key for clamp in after.clamps]


def test_adding_to_a_loser_needs_its_key(make_position):
    refused, clamps = position_size(make_position)
    assert (refused, [clamp.key for clamp in clamps]) == (0, ["allow_add_to_loser"])
    assert position_size(make_position, allow_add_to_loser=True) == (100, ())


@pytest.mark.parametrize(
    "side, stop, atr, expected",
    [
        ("long", 98, 1.5, 98),
        ("long", None, 1.5, 97),
        ("long", 100, 1.5, 97),
        ("long", 103, 1.5, 97),
        ("short", 103, 1.5, 103),
        ("short", None, 1.5, 103),
        ("short", 98, 1.5, 103),
        ("long", 98, None, 98),
        ("long", None, None, None),
        ("long", None, 0.0, None),
        ("long", None, 60.0, None),
    ],
)
def test_a_stop_is_on_the_losing_side_or_derived_or_the_entry_is_refused(side, stop, atr, expected):
    result = sized(entry(side, stop=stop, leverage=1), atr=atr)
    assert result.stop == expected
    assert (result.refusal is None) == (expected is not None)
    assert ("stop_atr_multiple" in [c.key for c in result.clamps]) == (stop != expected or expected is None)


@pytest.mark.parametrize("leverage, whole", [(7.9, 7), (1.0, 1), (1.99, 1), (10, 10)])
def test_leverage_is_cut_to_a_whole_number_and_says_so(leverage, whole):
    result = sized(entry(leverage=leverage))
    assert result.leverage == whole
    assert ("whole_number" in [clamp.key for clamp in result.clamps]) == (leverage != whole)


def test_a_stop_beyond_liquidation_even_without_leverage_is_refused():
    result = sized(entry(stop=15.0))
    assert result.refusal.key == "liquidation_buffer"
    assert result.stake == 0


@pytest.mark.parametrize(
    "change, key",
    [
        ({"exchange_max_leverage": 4}, "exchange"),
        ({"max_stake": 300}, "exchange"),
        ({"fee_ratio": 0.04}, "max_risk_per_trade_pct"),
    ],
)
def test_what_the_exchange_says_limits_too(change, key):
    result = size_entry(
        entry(), ACCOUNT, RATE, StopBasis(atr=ATR), Limits(rules=RiskManagement()).model_copy(update=change)
    )
    assert [clamp.key for clamp in result.clamps] == [key]


def test_a_stake_below_the_exchange_minimum_is_refused_and_never_raised():
    result = size_entry(entry(stake=4), ACCOUNT, RATE, StopBasis(atr=ATR), Limits(rules=RiskManagement(), min_stake=5))
    assert (result.stake, result.refusal.line) == (0, "exchange: stake 4 is below the minimum 5")


def test_a_stake_nobody_asked_for_is_the_share_of_a_free_slot():
    assert sized(entry(stake=None, leverage=1)).stake == 8000 / 4
    assert sized(entry(stake=None, leverage=1), max_open_trades=3).stake == 8000 / 2


def test_without_freedom_freqtrades_stake_is_a_limit_too():
    rules = RiskManagement(allow_model_freedom=False)
    result = size_entry(entry(), ACCOUNT, RATE, StopBasis(atr=ATR), Limits(rules=rules, proposed_stake=250))
    assert (result.stake, [clamp.key for clamp in result.clamps]) == (250, ["allow_model_freedom"])


def test_a_halted_account_opens_and_adds_nothing(make_position):
    halted = account(halted="emergency stop")
    assert sized(account=halted).refusal.line == "emergency_stop_loss: emergency stop"
    winner = make_position("long", price=RATE, profit_pct=5, stop=97)
    stake, clamps = added(100, winner, halted, RATE, limits())
    assert (stake, clamps[-1].key, clamps[-1].reason) == (0, "emergency_stop_loss", "emergency stop")


@pytest.mark.parametrize("slots, refused", [(None, False), (2, False), (1, True), (0, True)])
def test_the_lower_number_of_slots_counts(slots, refused):
    assert (sized(account=account(slots=slots)).refusal is not None) == refused


@pytest.mark.parametrize("side, target, kept", [("long", 99, None), ("long", 100, None), ("short", 101, None)])
def test_a_target_on_the_losing_side_is_dropped_with_a_clamp(side, target, kept):
    result = sized(entry(side, stop=98.0 if side == "long" else 102.0).model_copy(update={"take_profit": target}))
    assert result.take_profit is kept
    assert [clamp.key for clamp in result.clamps] == ["take_profit"]


def test_free_funds_limit_the_stake():
    result = sized(entry(stake=4000, leverage=1), Account(equity=10_000, free=700, open_positions=1))
    assert (result.stake, [clamp.key for clamp in result.clamps]) == (700, ["free"])


def test_the_profit_target_passes_through():
    assert sized(entry().model_copy(update={"take_profit": 130.0})).take_profit == 130


@settings(max_examples=200, deadline=None)
@given(data=st.data(), side=SIDES, account=ACCOUNTS, limits=LIMITS, leverage=st.integers(1, 50), held=st.floats(1, 1e5))
def test_the_whole_position_keeps_every_limit_after_an_addition(
    make_position, data, side, account, limits, leverage, held
):
    share = st.floats(0.5, 1.5)
    rate, stop = (data.draw(share) * 100 for _ in range(2))
    position = make_position(
        side, entry_price=100, stop=stop, leverage=leverage, stake=held, profit_pct=data.draw(st.floats(-50, 50))
    )
    wanted = data.draw(st.floats(0.01, 1.0)) * held
    stake, clamps = added(wanted, position, account, rate, limits, confidence=data.draw(st.floats(1, 100)))
    assert 0 <= stake <= wanted
    assert stake == wanted or clamps[-1].after == stake
    if stake == 0:
        assert clamps
        return
    rules, sign = limits.rules, 1 if side == "long" else -1
    assert rules.allow_add_to_loser or position.profit_pct >= 0
    assert sign * (rate - stop) > 0
    assert limits.min_stake <= stake <= min(account.free, limits.max_stake)
    assert held + stake <= rules.max_position_pct / 100 * account.equity * NEAR
    assert stake * leverage + account.exposure <= rules.max_total_exposure * account.equity * NEAR
    moves = [(held, sign * (100 - stop) / 100), (stake, sign * (rate - stop) / rate)]
    loss = leverage * sum(stake * (move + 2 * limits.fee_ratio) for stake, move in moves)
    assert loss <= rules.max_risk_per_trade_pct / 100 * account.equity * NEAR


ADD_TABLE = [
    ({"stop": None}, {}, 0, "stop_atr_multiple"),
    ({"stop": 101}, {}, 0, "stop_atr_multiple"),
    ({"profit_pct": -0.1}, {}, 0, "allow_add_to_loser"),
    ({}, {"max_position_pct": 6}, 100, "max_position_pct"),
    ({}, {"max_position_pct": 5}, 0, "max_position_pct"),
    ({"stop": 90, "entry_price": 90}, {"max_risk_per_trade_pct": 1}, None, "max_risk_per_trade_pct"),
]


@pytest.mark.parametrize("changes, rules, expected, key", ADD_TABLE)
def test_an_addition_is_lowered_by_the_limit_of_the_whole_position(make_position, changes, rules, expected, key):
    position = make_position("long", price=RATE, **{"stake": 500, "leverage": 5, "stop": 97} | changes)
    result, clamps = added(400, position, ACCOUNT, RATE, limits(**rules))
    assert key in [clamp.key for clamp in clamps]
    assert result == expected if expected is not None else 0 < result < 400


def test_an_addition_within_the_limits_is_left_as_it_is(make_position):
    assert added(400, make_position("long", price=RATE, stop=97), ACCOUNT, RATE, limits()) == (400, ())


@pytest.mark.parametrize("side, stop", [("long", 100.0), ("long", 104.0), ("short", 100.0), ("short", 96.0)])
def test_nothing_is_added_beyond_the_stop_even_where_trading_is_free(make_position, side, stop):
    position = make_position(side, price=RATE, stop=stop)
    stake, clamps = added(100, position, ACCOUNT, RATE, Limits(rules=RiskManagement(), fee_ratio=0))
    assert (stake, clamps[0].reason) == (0, "the price is beyond the stop")


@pytest.mark.parametrize(
    ("rules", "stake", "key"),
    [
        ({}, 2_000, None),
        ({"max_position_pct": 8}, 800, "max_position_pct"),
        ({"max_risk_per_trade_pct": 1}, pytest.approx(100 / (5 * 0.021)), "max_risk_per_trade_pct"),
        ({"max_total_exposure": 0.8}, 1_200, "max_total_exposure"),
    ],
)
def test_a_position_that_a_person_enlarged_is_brought_back_to_the_lowest_limit(make_position, rules, stake, key):
    position = make_position(price=100.0, entry_price=100.0, stop=98.0, stake=2_000.0, leverage=5)
    account = Account(equity=10_000, free=8_000, open_positions=2, exposure=12_000)
    known = RiskManagement(**{"max_position_pct": 100, "max_risk_per_trade_pct": 100} | rules)
    sized = size_held(position, account, Limits(rules=known, fee_ratio=0.0005))
    assert sized.stake == stake
    assert [clamp.key for clamp in sized.clamps] == ([] if key is None else [key])
