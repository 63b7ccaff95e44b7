"""Whatever the model calls, whatever the account and the settings: the signal keeps every limit, and nothing is raised.

The calls are built from the schemas of the functions, so that a new argument or a wider range is tried by itself.
"""

import math
from collections import Counter
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, get_args, get_origin

import pytest
from examples import examples
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from candlegraph.agents.asking.transcript import BY_NAME, allowed_tools, call_fault
from candlegraph.agents.reviewer import review
from candlegraph.graph.schema.market import Account
from candlegraph.graph.schema.signal import SIDE_OF, Proposal, TradeSignal
from candlegraph.graph.settings.risk import Block, RiskManagement
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.risk.gate import EntryPlan, Limits, size_entry
from candlegraph.tools.risk.stops import stop_basis
from candlegraph.tools.signals import TERMINAL_NAMES

BOUNDS = ("ge", "gt", "le", "lt", "min_length")
NEAR, DUST = 1 + 1e-9, 1e-12
"""What rounding may add."""
FEE = Limits(rules=RiskManagement()).fee_ratio
PRICES = ("key_support", "key_resistance", "stop_loss", "take_profit")
LIKELY = {
    "confidence_score": st.floats(50, 100),
    "leverage": st.floats(1, 20),
    "stake_amount": st.floats(1, 1e4),
    "adjustment_pct": st.floats(5, 50),
}
"""Arguments that get past the first limits, so that the later ones are tried too; anything else comes as well."""
SHARES = st.floats(0.9, 1.1) | st.floats(0.01, 10)
ROUND_FIGURES = [1e-8, 0.5, 66.0, 1e5]
ENTRIES = ["signal_entry_long", "signal_entry_short"]


def values_of(kind, metadata=()):
    """Return a strategy of everything that an annotation with pydantic's metadata admits."""
    if get_origin(kind) is Annotated:
        inner, *notes = get_args(kind)
        return values_of(inner, [*metadata, *(one for note in notes for one in getattr(note, "metadata", [note]))])
    if get_origin(kind) in (Union, UnionType):
        return st.one_of([values_of(one, metadata) for one in get_args(kind)])
    if kind is NoneType:
        return st.none()
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, Block):
        return blocks(kind)
    return plain_values(kind, {name: getattr(one, name) for one in metadata for name in BOUNDS if hasattr(one, name)})


def plain_values(kind, known):
    """Return a strategy of texts, booleans or numbers within known bounds."""
    if kind is str:
        return st.text(min_size=known.get("min_length", 0), max_size=60)
    if kind is bool:
        return st.booleans()
    low, high = known.get("ge", known.get("gt")), known.get("le", known.get("lt"))
    if kind is int:
        return st.integers(low, high)
    ends = {"exclude_min": "gt" in known, "exclude_max": "lt" in known}
    return st.floats(low, high, allow_nan=False, allow_infinity=False, allow_subnormal=False, **ends)


def admitted(model):
    """Return a strategy of everything that each field of a model admits."""
    return {name: values_of(field.annotation, field.metadata) for name, field in model.model_fields.items()}


@st.composite
def blocks(draw, block, **narrowed):
    """Return any configuration: a few keys, or none, are changed to anything that they admit."""
    keys = admitted(block) | narrowed
    changed = draw(st.lists(st.sampled_from(sorted(keys)), unique=True, max_size=6))
    return block(**{name: draw(keys[name]) for name in changed})


ANY_VALUE = {name: admitted(BY_NAME[name].args_schema) for name in TERMINAL_NAMES}
RULES = blocks(RiskManagement, protections=st.just(()))
"""Protections are Freqtrade's."""
CALM = st.builds(lambda equity: Account(equity=equity, free=equity, open_positions=0), equity=st.floats(1000, 1e6))
ACCOUNTS = CALM | st.builds(
    lambda free, used, **rest: Account(equity=free + used, free=free, used=used, **rest),
    free=st.floats(100, 1e6) | st.floats(0, 1e12),
    used=st.just(0.0) | st.floats(0, 1e12),
    exposure=st.just(0.0) | st.floats(0, 1e12),
    open_positions=st.integers(0, 1) | st.integers(0, 200),
    slots=st.none() | st.integers(0, 200),
    day_profit_pct=st.just(0.0) | st.floats(-100, 1000),
    drawdown_pct=st.just(0.0) | st.floats(0, 100),
    halted=st.sampled_from([None, None, None, "emergency stop"]),
)


@st.composite
def calls(draw, name, snapshot):
    """Return arguments of `name` that its schema admits; prices mostly near the market, or anywhere."""
    arguments = {}
    for key, anything in ANY_VALUE[name].items():
        near = SHARES.map(lambda share: share * snapshot.price)
        likely = near if key in PRICES else LIKELY.get(key, anything)
        arguments[key] = draw(likely | anything)
    if "key_support" in arguments:
        low, high = sorted((arguments["key_support"], arguments["key_resistance"]))
        low, high = (low, high) if low < high else (1.0, 2.0)
        arguments |= {"key_support": low, "key_resistance": high}
    if arguments.get("adjustment_pct") == 0:
        arguments["adjustment_pct"] = 50
    if arguments.get("adjustment_pct", 0) > 0 and arguments["confidence_score"] is None:
        arguments["confidence_score"] = 60.0  # an addition is measured by it
    return arguments | {"pair": snapshot.pair}


@st.composite
def positions(draw, make_position, price):
    """Return any open trade, mostly a healthy one."""
    side = draw(st.sampled_from(["long", "short"]))
    healthy = make_position(side, price)
    return make_position(
        side,
        price,
        leverage=draw(st.integers(1, 10) | st.integers(1, 125)),
        stake=draw(st.floats(1, 100) | st.floats(1, 1e4) | st.floats(1e-6, 1e12)),
        entry_price=draw(st.just(healthy.entry_price) | SHARES.map(lambda share: share * price)),
        stop=draw(st.just(healthy.stop) | st.none() | SHARES.map(lambda share: share * price)),
        planned_risk_ratio=draw(st.none() | st.floats(1e-4, 1)),
        profit_pct=draw(st.floats(0, 50) | st.floats(-100, 1000)),
        mfe_pct=draw(st.just(3.0) | st.floats(-100, 1000)),
        age_candles=draw(st.integers(0, 100) | st.integers(0, 100_000)),
        past_reasons=tuple(draw(st.lists(st.sampled_from(["x 1", "X  2", "else"]), max_size=12))),
    )


@st.composite
def snapshots(draw, base, make_position, held):
    """Return `base` at any price, with any ATR, account and, if `held`, position."""
    price = draw(st.sampled_from(ROUND_FIGURES) | st.floats(1e-8, 1e6))
    shares = [draw(st.floats(0.001, 0.05) | st.sampled_from([None, 0.0, 0.5])) for _ in base.timeframes]
    views = []
    for view, share in zip(base.timeframes, shares, strict=True):
        scaled = view.indicators.model_copy(update={"atr": None if share is None else share * price})
        shown = tuple(one.model_copy(update={"price": one.price * price / base.price}) for one in view.levels)
        views.append(view.model_copy(update={"close": price, "indicators": scaled, "levels": shown}))
    return base.model_copy(
        update={
            "timeframes": tuple(views),
            "account": draw(ACCOUNTS),
            "position": draw(positions(make_position, price)) if held else None,
            "candles_since_loss": draw(st.none() | st.integers(0, 2000)),
        }
    )


def assert_entry_allowed(account, confidence, rules):
    """Fail if nothing may be opened or enlarged now."""
    assert account.halted is None
    assert account.drawdown_pct < -100 * rules.emergency_stop_loss
    assert account.day_profit_pct > -rules.max_daily_loss_pct
    assert confidence >= rules.min_confidence


def assert_entry_keeps_the_limits(signal, stake, proposal, snapshot, rules):
    """Fail unless the entry with `stake` is within every limit, and nowhere above the proposal."""
    account, price = snapshot.account, snapshot.price
    assert_entry_allowed(account, proposal.confidence, rules)
    assert account.open_positions < min(rules.max_open_trades, math.inf if account.slots is None else account.slots)
    assert signal.side == SIDE_OF[proposal.action]
    assert signal.leverage == int(signal.leverage) >= 1
    assert signal.leverage <= min(proposal.leverage, rules.max_leverage)
    assert rules.allow_model_freedom or signal.leverage <= rules.default_leverage
    sign = 1 if signal.side == "long" else -1
    assert sign * (price - signal.stop) > 0
    assert signal.take_profit in (None, proposal.take_profit)
    assert signal.take_profit is None or sign * (signal.take_profit - price) > 0
    distance = abs(price - signal.stop) / price
    to_liquidation = 1 / signal.leverage - rules.maintenance_margin_pct / 100
    assert distance <= to_liquidation * (1 - rules.liquidation_buffer) * NEAR + DUST
    assert 0 < stake <= min(account.free, rules.max_position_pct / 100 * account.equity)
    assert proposal.stake is None or stake <= proposal.stake
    loss = stake * signal.leverage * (distance + 2 * FEE)
    assert loss <= rules.max_risk_per_trade_pct / 100 * account.equity * NEAR + DUST
    assert account.exposure + stake * signal.leverage <= rules.max_total_exposure * account.equity * NEAR + DUST


def assert_addition_keeps_the_limits(signal, proposal, snapshot, rules):
    """Fail unless the whole position after the addition is within every limit."""
    account, position, price = snapshot.account, snapshot.position, snapshot.price
    assert_entry_allowed(account, proposal.confidence, rules)
    assert rules.allow_add_to_loser or position.profit_pct >= 0
    sign = 1 if position.side == "long" else -1
    assert sign * (price - position.stop) > 0
    added = position.stake * signal.adjustment_pct / 100
    assert 0 < added <= account.free * NEAR
    assert position.stake + added <= rules.max_position_pct / 100 * account.equity * NEAR + DUST
    parts = [(position.stake, position.entry_price), (added, price)]
    loss = sum(stake * position.leverage * (sign * (start - position.stop) / start + 2 * FEE) for stake, start in parts)
    assert loss <= rules.max_risk_per_trade_pct / 100 * account.equity * NEAR + DUST
    assert account.exposure + added * position.leverage <= rules.max_total_exposure * account.equity * NEAR + DUST


def ordered_stake(signal, proposed_stake, state, rules):
    """Return the stake of an entry as the order would size it, None where it is refused there."""
    if signal.stake is not None:
        return signal.stake
    snapshot = state.snapshot
    plan = EntryPlan(**signal.model_dump(include={"side", "leverage", "stake", "stop", "take_profit", "confidence"}))
    limits = Limits(rules=rules, proposed_stake=proposed_stake)
    sized = size_entry(plan, snapshot.account, snapshot.price, stop_basis(snapshot, state.facts), limits)
    assert sized.refusal or (sized.stop, sized.leverage) == (signal.stop, signal.leverage)
    return None if sized.refusal else sized.stake


def signal_for(name, arguments, state, rules):
    """Return proposal and signal of a call, as the graph makes them."""
    settings = Settings(risk_management=rules)
    allowed = {one.name for one in allowed_tools(state)}
    assert call_fault(name, arguments, allowed, state) is None
    message = BY_NAME[name].invoke({"name": name, "args": arguments, "id": "1", "type": "tool_call"})
    proposal = Proposal.model_validate(message.artifact)
    signal = review(proposal, state, settings)
    assert TradeSignal.model_validate(signal.model_dump()) == signal
    assert signal.confidence <= proposal.confidence
    assert (signal.source == "veto") == (signal.action != proposal.action)
    return proposal, signal


def any_situation(data, make_snapshot, make_position, held, required):
    """Return a state before the reviewer, and any settings."""
    snapshot = data.draw(snapshots(make_snapshot(), make_position, held), label="snapshot")
    facts = facts_of(snapshot, Settings().context_config.timeframes, required)
    return CandleState(snapshot=snapshot, facts=facts), data.draw(RULES, label="rules")


def tried(number):
    """Return the settings of a property that draws much; what failed is shown as drawn, the seed is fixed."""
    return settings(
        max_examples=examples(number),
        deadline=None,
        derandomize=True,
        phases=(Phase.explicit, Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )


@pytest.mark.parametrize("name", ENTRIES)
def test_any_entry_call_ends_within_every_limit_or_as_a_wait(make_snapshot, make_position, name):
    seen = Counter()

    @tried(500)
    @given(data=st.data())
    def holds(data):
        state, rules = any_situation(data, make_snapshot, make_position, held=False, required=("ema_20",))
        arguments = data.draw(calls(name, state.snapshot), label="call")
        proposal, signal = signal_for(name, arguments, state, rules)
        assert signal.action in (proposal.action, "wait")
        if signal.action == "wait":
            assert signal.reason.startswith(f"{proposal.action} refused: ")
            return
        proposed_stake = data.draw(st.none() | st.floats(0, 1e12), label="freqtrade's stake")
        stake = ordered_stake(signal, proposed_stake, state, rules)
        seen[signal.stake is None] += 1
        if stake is not None:
            assert_entry_keeps_the_limits(signal, stake, proposal, state.snapshot, rules)

    holds()
    assert min(seen[True], seen[False]) >= 3, f"too few entries passed to prove anything: {seen}"


def test_any_adjustment_ends_within_every_limit_or_as_a_hold(make_snapshot, make_position):
    seen = Counter()

    @tried(500)
    @given(data=st.data())
    def holds(data):
        state, rules = any_situation(data, make_snapshot, make_position, held=True, required=())
        arguments = data.draw(calls("adjust_position", state.snapshot), label="call")
        proposal, signal = signal_for("adjust_position", arguments, state, rules)
        seen[signal.action, proposal.adjustment_pct > 0] += 1
        if proposal.adjustment_pct < 0:
            assert (signal.action, signal.adjustment_pct) == ("adjust", proposal.adjustment_pct)
        elif signal.action == "adjust":
            assert signal.adjustment_pct <= proposal.adjustment_pct
            assert_addition_keeps_the_limits(signal, proposal, state.snapshot, rules)
        else:
            assert (signal.action, signal.adjustment_pct) == ("hold", None)

    holds()
    assert seen["adjust", True] >= 5 and seen["hold", True] >= 5, f"too few additions: {seen}"


@pytest.mark.parametrize("name, action", [("signal_hold", "hold"), ("signal_exit", "exit"), ("signal_wait", "wait")])
def test_any_other_call_opens_nothing_and_an_exit_is_never_held_back(make_snapshot, make_position, name, action):
    @tried(100)
    @given(data=st.data())
    def holds(data):
        held = name != "signal_wait"
        state, rules = any_situation(data, make_snapshot, make_position, held, required=())
        _, signal = signal_for(name, data.draw(calls(name, state.snapshot), label="call"), state, rules)
        assert signal.action == action or (action, signal.action) == ("hold", "exit")
        assert (signal.leverage, signal.stake, signal.stop, signal.adjustment_pct) == (None,) * 4
        assert signal.trade_id == (state.snapshot.position.trade_id if held else None)

    holds()


def test_every_terminal_function_is_tried():
    assert {*ENTRIES, "adjust_position", "signal_hold", "signal_exit", "signal_wait"} == TERMINAL_NAMES
