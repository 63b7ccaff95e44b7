"""Triage: no model where nothing has changed or a budget is spent; whatever changed asks one."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from candlegraph.agents.triage import RSI_LINES, average_crossed, change_of, crossed
from candlegraph.graph.schema.facts import ABSENT
from candlegraph.graph.schema.market import Level
from candlegraph.graph.settings.llm import Triage
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import Candles, snapshot_of

RULES = Triage(enabled=True, max_move_atr=0.5)


def with_main(snapshot, **changes):
    main = snapshot.main.model_copy(update=changes)
    return snapshot.model_copy(update={"timeframes": (main, *snapshot.timeframes[1:])})


def calm(snapshot):
    """Return the snapshot on a candle that did nothing: far from levels, every series as it was."""
    main, price = snapshot.main, snapshot.price
    atr = price * 0.005
    now = main.indicators.model_copy(
        update={"atr": atr, "rsi": 55.0, "adx": 25.0, "macd": 2.0, "macd_signal": 1.0}
        | {"ema_20": price * 0.99, "ema_50": price * 0.98}
    )
    past = main.past_indicators.model_copy(update={"rsi": (54.0,), "adx": (25.5,), "macd_histogram": (1.1,)})
    quiet = {"open": price, "high": price * 1.0001, "low": price * 0.9999, "past_closes": (price * 1.0002,)}
    return with_main(snapshot, **quiet, levels=(), indicators=now, past_indicators=past)


def changed(snapshot, **facts_changes):
    facts = facts_of(snapshot, tuple(one.timeframe for one in snapshot.timeframes), ())
    far = {"support": snapshot.price * 0.9, "resistance": snapshot.price * 1.1, "missing": ABSENT}
    return change_of(snapshot, facts.model_copy(update=far | facts_changes), RULES, 5.0)


@pytest.mark.parametrize("side", [None, "long", "short"])
def test_nothing_has_changed_on_a_calm_candle(side, make_snapshot):
    position = {} if side is None else {"stop": make_snapshot().price * (0.95 if side == "long" else 1.05)}
    assert changed(calm(make_snapshot(side, **position))) is None


def indicators(**changes):
    return lambda s: with_main(s, indicators=s.main.indicators.model_copy(update=changes))


def past(**changes):
    return lambda s: with_main(s, past_indicators=s.main.past_indicators.model_copy(update=changes))


CHANGES = {
    "a move": (lambda s: with_main(s, past_closes=(s.price * 1.004,)), "the close moved 0.80 ATR"),
    "no candle before": (lambda s: with_main(s, past_closes=()), "the last move is unknown"),
    "no ATR": (indicators(atr=None), "the last move is unknown"),
    "a level": (lambda s: with_main(s, levels=(Level(price=s.price, touches=2, kind="support"),)), "was touched"),
    "RSI": (past(rsi=(49.0,)), "RSI crossed 50"),
    "RSI unknown": (past(rsi=(None,)), "the last RSI is unknown"),
    "ADX": (past(adx=(19.0,)), "ADX crossed 20"),
    "MACD": (past(macd_histogram=(-0.1,)), "MACD histogram crossed 0"),
    "MACD unknown": (past(macd_histogram=()), "the last MACD histogram is unknown"),
    "EMA 20": (lambda s: indicators(ema_20=s.price * 1.00005)(s), "the close crossed EMA 20"),
    "EMA unknown": (indicators(ema_50=None), "the last EMA 50 is unknown"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_changed_asks_a_model(change, make_snapshot):
    alter, told = CHANGES[change]
    assert told in changed(alter(calm(make_snapshot())))


@pytest.mark.parametrize(
    "facts, told",
    [
        ({"missing": "rsi on 1d"}, "rsi on 1d is unavailable"),
        ({"support": "price"}, "was touched"),
    ],
)
def test_levels_of_other_timeframes_and_missing_indicators_count(facts, told, make_snapshot):
    snapshot = calm(make_snapshot())
    given = {name: snapshot.price if value == "price" else value for name, value in facts.items()}
    assert told in changed(snapshot, **given)


POSITIONS = {
    "new": ({"age_candles": 1}, "the position is new"),
    "stop near": ({"stop_share": 0.999}, "the stop is near"),
    "no stop": ({"stop": None}, "the stop is near"),
    "stop beyond": ({"stop_share": 1.03}, "the stop is near"),
    "stop touched": ({"stop_share": 0.97, "low_share": 0.969}, "the stop is near"),
    "target": ({"take_profit_share": 1.0}, "the target was touched"),
    "target jumped": ({"take_profit_share": 0.99}, "the target was touched"),
    "profit": ({"profit_pct": 4.95}, "the profit crossed 5 %"),
}


@pytest.mark.parametrize("case", POSITIONS)
def test_a_position_that_needs_a_look_asks_a_model(case, make_snapshot):
    given, told = POSITIONS[case]
    price = make_snapshot().price
    shares = {name.removesuffix("_share"): price * value for name, value in given.items() if name.endswith("_share")}
    plain = {name: value for name, value in given.items() if not name.endswith("_share")}
    low = {"low": shares.pop("low")} if "low" in shares else {}
    position = {"stop": price * 0.95, "profit_pct": 2.0} | plain | shares
    assert changed(with_main(calm(make_snapshot("long", **position)), **low)) == told


@pytest.mark.parametrize("side", ["long", "short"])
@pytest.mark.parametrize("distance, told", [(0.9, "the stop is near"), (1.1, None)])
def test_a_stop_is_near_within_one_atr(side, distance, told, make_snapshot):
    snapshot = calm(make_snapshot(side, profit_pct=2.0))
    behind = distance * snapshot.main.indicators.atr * (1 if side == "long" else -1)
    held = snapshot.position.model_copy(update={"stop": snapshot.price - behind})
    assert changed(snapshot.model_copy(update={"position": held})) == told


@pytest.mark.parametrize(
    "share, told", [(0.999, "the target was touched"), (1.01, "the target was touched"), (0.9, None)]
)
def test_the_target_of_a_short_lies_below(share, told, make_snapshot):
    price = make_snapshot().price
    position = {"stop": price * 1.05, "profit_pct": 2.0, "take_profit": price * share}
    assert changed(with_main(calm(make_snapshot("short", **position)), low=price * 0.998)) == told


def test_the_ema_of_the_candle_before_follows_from_its_recursion(make_snapshot, frames):
    main = make_snapshot().main
    closes = frames["30m"]["close"].ewm(span=20, adjust=False).mean()
    at = frames["30m"]["close"].eq(main.close).idxmax()
    weight = 2 / 21
    before = (closes[at] - weight * main.close) / (1 - weight)
    assert before == pytest.approx(closes[at - 1], rel=1e-9)
    crossing = (main.close > closes[at]) != (main.past_closes[-1] > closes[at - 1])
    exact = with_main(make_snapshot(), indicators=main.indicators.model_copy(update={"ema_20": float(closes[at])})).main
    assert (average_crossed(exact, 20) is not None) == crossing


@settings(max_examples=200, deadline=None)
@given(st.floats(1, 99), st.floats(1, 99))
def test_any_crossing_of_an_rsi_line_prevents_a_skip(calm_main, now, before):
    main = calm_main(now, before)
    expected = any((now > line) != (before > line) for line in RSI_LINES)
    assert (crossed(main) is not None) == expected


signed = st.floats(-5, 5).filter(lambda value: abs(value) > 1e-6)


@settings(max_examples=200, deadline=None)
@given(signed, signed, st.floats(1, 60), st.floats(1, 60))
def test_any_crossing_of_macd_or_adx_prevents_a_skip(make_snapshot, histogram, histogram_before, adx, adx_before):
    base = indicators(macd=histogram, macd_signal=0.0, adx=adx)(calm(make_snapshot()))
    main = past(macd_histogram=(histogram_before,), adx=(adx_before,))(base).main
    expected = (histogram > 0) != (histogram_before > 0) or (adx > 20) != (adx_before > 20)
    assert (crossed(main) is not None) == expected


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([20, 50]), st.floats(0.9, 1.1), st.floats(0.9, 1.1))
def test_any_crossing_of_an_average_prevents_a_skip(make_snapshot, length, average_before, close_before):
    base = calm(make_snapshot())
    weight, price = 2 / (length + 1), base.price
    average = weight * price + (1 - weight) * average_before * price
    main = indicators(**{f"ema_{length}": average})(with_main(base, past_closes=(close_before * price,))).main
    if abs(average_before - close_before) < 1e-9 or abs(average - price) < 1e-9 * price:
        return
    expected = (price > average) != (close_before > average_before)
    assert (average_crossed(main, length) is not None) == expected


def test_the_future_changes_no_answer(frames, make_snapshot, as_of):
    snapshot = make_snapshot()
    other = {name: frame.copy() for name, frame in frames.items()}
    for frame in other.values():
        frame.loc[frame["date"] >= as_of, ["open", "high", "low", "close", "volume"]] *= 3
    candles = {name: Candles(frame, name) for name, frame in other.items()}
    again = snapshot_of(snapshot.pair, as_of, candles, snapshot.account)
    names = tuple(one.timeframe for one in snapshot.timeframes)
    first, second = (change_of(one, facts_of(one, names, ()), RULES, 5.0) for one in (snapshot, again))
    assert again == snapshot and first == second


@pytest.fixture(scope="module")
def calm_main(make_snapshot):
    base = calm(make_snapshot())

    def make(now, before):
        return past(rsi=(before,))(indicators(rsi=now)(base)).main

    return make


def test_off_by_default_a_calm_candle_asks_too(run, make_context, make_snapshot, scripted, calling, right):
    model = scripted(calling(right("signal_wait")))
    assert run(make_context(model), calm(make_snapshot())).signal.source != "triage"
    assert model.seen


@pytest.mark.parametrize("side, action", [(None, "wait"), ("long", "hold")])
def test_a_skipped_candle_asks_nobody_and_is_named_so(side, action, run, make_context, make_snapshot, scripted):
    model = scripted()
    context = make_context(model, llm_config={"triage": {"enabled": True}})
    snapshot = make_snapshot(side, **({} if side is None else {"stop": make_snapshot().price * 0.9}))
    far = calm(snapshot)
    signal = run(context, far).signal
    assert (signal.action, signal.source, model.seen) == (action, "triage", [])


def test_a_spent_budget_asks_nobody_though_triage_is_off(run, make_context, make_snapshot, scripted):
    model = scripted()
    context = make_context(model).for_candle(spent="llm_config.budget.daily_cost: 2 of 2 spent")
    signal = run(context, make_snapshot()).signal
    assert (signal.action, signal.source, signal.reason) == ("wait", "budget", context.spent)
    assert model.seen == []


def test_a_rule_that_closes_positions_closes_a_skipped_one_too(run, make_context, make_snapshot, scripted):
    checks = {"profit_erosion": "block", "erosion_from_pct": 5, "erosion_share": 0.5}
    price = make_snapshot().price
    position = {"stop": price * 0.9, "mfe_pct": 20.0, "profit_pct": 2.0}
    blocks = {"llm_config": {"triage": {"enabled": True}}, "risk_management": {"checks": checks}}
    signal = run(make_context(scripted(), **blocks), calm(make_snapshot("long", **position))).signal
    assert (signal.action, signal.source) == ("exit", "veto")
    assert "profit_erosion" in signal.reason
