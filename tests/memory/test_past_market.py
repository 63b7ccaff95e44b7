"""Imported trades get the market at their entry, and best and worst price, from candles; and nothing of the future."""

from datetime import timedelta

import pandas as pd
import pytest
from embedding_server import EmbeddingServer
from freqtrade.data.history import get_datahandler
from freqtrade.enums import CandleType

from candlegraph.agents.prompt.case_text import case_line
from candlegraph.agents.prompt.phrases import WORDS
from candlegraph.graph.schema.market import Account
from candlegraph.graph.settings.context import ContextConfig
from candlegraph.graph.settings.experience import Embedding, RagConfig
from candlegraph.memory.embeddings.wording import words_of
from candlegraph.memory.learning.setups import Setup
from candlegraph.memory.store import ExperienceMemory, close_memory
from candlegraph.memory.transfer.ancestor import LoggedTrade, logged_from
from candlegraph.memory.transfer.files import store
from candlegraph.memory.transfer.past_market import PastMarkets
from candlegraph.tools.market.candle_files import read_candles
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.frames import duration, snapshot_of
from candlegraph.tools.market.scene import scene_of
from candlegraph.tools.market.situation import situation_of, space_of

PAIR, SEEN = "BTC/USDT:USDT", ContextConfig()
LENGTHS = {name: pd.Timedelta(duration(name)) for name in SEEN.timeframes}
MARKET = ("regime", "trend_strength", "entry_rsi", "scene", "situation", "space")
EXCURSIONS = ("mfe_pct", "mae_pct", "excursions_known")


def written(folder, frames, changed=lambda timeframe, frame: frame):
    """Write the candles as freqtrade does, each timeframe changed; return the folder."""
    (folder / "futures").mkdir(parents=True)
    handler = get_datahandler(folder, "feather")
    for timeframe, frame in frames.items():
        handler.ohlcv_store(PAIR, timeframe, changed(timeframe, frame.copy()), CandleType.FUTURES)
    return folder


def multiplied(frame, rows, factor=3.0):
    prices = ["open", "high", "low", "close"]
    frame.loc[rows, prices] = frame.loc[rows, prices] * factor
    return frame


@pytest.fixture(scope="module")
def datadir(tmp_path_factory, frames):
    return written(tmp_path_factory.mktemp("candles") / "data", frames)


@pytest.fixture(scope="module")
def entry(frames, as_of):
    """Return a price at which the trade may have been entered just after the close of `as_of`."""
    main = frames["30m"]
    return float(main.loc[main["date"] == pd.Timestamp(as_of), "open"].iloc[0])


@pytest.fixture(scope="module")
def logged(as_of, entry):
    """Return a factory of trades in the ancestor's own shape, entered some seconds after a close."""

    def make(after=timedelta(seconds=7), held=timedelta(hours=6), **changes):
        opened = as_of + after
        line = {
            "timestamp": (opened + held).isoformat(), "trade_id": 900, "pair": PAIR, "side": "long",
            "entry_time": opened.isoformat(), "entry_price": entry, "entry_reason": "趋势向上",
            "exit_time": (opened + held).isoformat(), "exit_price": entry * 1.001, "exit_reason": "exit_signal",
            "profit_pct": 1.0, "profit_abs": 1.0, "leverage": 10.0, "stake_amount": 100.0, "duration_minutes": 480,
            "max_drawdown": -1.0, "lessons": "成功 long | 大幅盈利，策略非常有效", "trade_score": 80, "metadata": {},
        }  # fmt: skip
        return logged_from(line | changes, fee=0.0005)

    return make


def rebuilt(folder, one, seen=SEEN):
    return PastMarkets(folder, seen).rebuilt(one.trade, fee=0.0005)


def told(found, names):
    return {name: getattr(found.trade, name) for name in names}


def test_the_market_is_the_one_that_the_bot_sees_at_the_last_close_before_the_entry(datadir, logged, as_of):
    candles = {name: read_candles(datadir, PAIR, name) for name in SEEN.timeframes}
    snapshot = snapshot_of(PAIR, as_of, candles, Account(equity=1000, free=1000, open_positions=0))
    facts = facts_of(snapshot, SEEN.timeframes, SEEN.required_indicators)
    found = rebuilt(datadir, logged())
    assert found.no_market is None
    assert told(found, MARKET) == {
        "regime": facts.regime,
        "trend_strength": facts.trend_strength,
        "entry_rsi": snapshot.main.indicators.rsi,
        "scene": scene_of(snapshot, facts),
        "situation": situation_of(facts),
        "space": space_of(facts),
    }
    assert told(rebuilt(datadir, logged(after=timedelta(minutes=29))), MARKET) == told(found, MARKET)


def test_no_candle_that_had_not_closed_at_the_entry_changes_the_market(datadir, frames, logged, as_of, tmp_path):
    later = lambda name, frame: multiplied(frame, frame["date"] + LENGTHS[name] > pd.Timestamp(as_of))  # noqa: E731
    other = written(tmp_path / "later", frames, later)
    one = logged(after=timedelta(minutes=20))
    assert told(rebuilt(other, one), MARKET) == told(rebuilt(datadir, one), MARKET)
    assert rebuilt(other, one).trade.situation is not None
    last = lambda name, frame: multiplied(frame, frame["date"] + LENGTHS[name] == pd.Timestamp(as_of), 1.001)  # noqa: E731
    control = rebuilt(written(tmp_path / "control", frames, last), one)
    assert control.trade.situation != rebuilt(datadir, one).trade.situation


def test_no_candle_that_had_not_closed_at_the_exit_changes_best_and_worst(datadir, frames, logged, as_of, tmp_path):
    one = logged(held=timedelta(hours=6, minutes=10))
    after = lambda name, frame: multiplied(frame, frame["date"] >= pd.Timestamp(as_of + timedelta(hours=6)))  # noqa: E731
    other = rebuilt(written(tmp_path / "after", frames, after), one)
    assert told(other, EXCURSIONS) == told(rebuilt(datadir, one), EXCURSIONS)
    assert other.trade.excursions_known


@pytest.mark.parametrize(("side", "sign"), [("long", 1), ("short", -1)])
@pytest.mark.parametrize("late", [False, True])
def test_best_and_worst_are_those_of_the_whole_candles_net_of_both_fees(
    datadir, frames, logged, as_of, side, sign, late
):
    begin, end = pd.Timestamp(as_of), pd.Timestamp(as_of + timedelta(hours=6))
    main = frames["30m"].set_index("date")
    inside = main.loc[begin : end - LENGTHS["30m"]]
    if late:  # of the entry's candle only the close is known to belong to the trade
        inside = pd.concat([inside.iloc[:1].assign(high=inside["close"], low=inside["close"]), inside.iloc[1:]])
    one = logged(after=timedelta(minutes=5) if late else timedelta(0), held=end - begin, side=side)
    fills = [one.trade.entry_price, one.trade.exit_price]
    high, low = max(*inside["high"], *fills), min(*inside["low"], *fills)
    nets = [1000 * sign * (price / fills[0] - 1) - 0.5 * (1 + price / fills[0]) for price in (high, low)]
    found = rebuilt(datadir, one).trade
    assert (found.mfe_pct, found.mae_pct) == pytest.approx((max(nets), min(nets)))
    assert found.mae_pct <= found.profit_pct <= found.mfe_pct


def test_a_position_that_lived_lost_no_more_than_its_margin(datadir, logged):
    assert rebuilt(datadir, logged(leverage=400)).trade.mae_pct == -100


@pytest.mark.parametrize(
    ("changes", "why", "is_market_known"),
    [
        ({"pair": "SOL/USDT:USDT"}, "no candle file", False),
        ({"after": timedelta(days=300)}, "no closed 30m candle|no 30m candle had closed just before", False),
        ({"after": -timedelta(days=450)}, "too few candles before the entry for", False),
        ({"after": timedelta(hours=8), "entry_price": 1.0, "exit_price": 1.1}, "more than 4 ATR away", False),
        ({"held": timedelta(minutes=20)}, "over before a whole 30m candle had closed", True),
        ({"held": timedelta(days=60)}, "candles between entry and exit are missing", True),
    ],
)
def test_what_candles_do_not_tell_stays_unknown_and_is_said(datadir, logged, frames, changes, why, is_market_known):
    if changes.get("after", timedelta(0)) < timedelta(0):
        early = frames["30m"].set_index("date").loc[pd.Timestamp(logged(**changes).trade.opened_at).floor("30min")]
        changes = changes | {"entry_price": early["open"], "exit_price": early["open"]}
    one = logged(**changes)
    found = rebuilt(datadir, one)
    assert (found.no_market is None) == is_market_known
    problem = (found.no_excursions if is_market_known else found.no_market) or ""
    assert any(part in problem for part in why.split("|")) and one.trade.pair in problem
    assert (found.trade.situation is not None) == is_market_known
    if found.no_excursions:
        assert told(found, EXCURSIONS) == {name: getattr(one.trade, name) for name in EXCURSIONS}
        assert not found.trade.excursions_known


def test_a_gap_while_it_was_held_leaves_best_and_worst_unknown(frames, logged, as_of, tmp_path):
    def without_one(name, frame):
        at = pd.Timestamp(as_of + timedelta(hours=3))
        return frame[frame["date"] != at].reset_index(drop=True) if name == "30m" else frame

    found = rebuilt(written(tmp_path / "gap", frames, without_one), logged())
    assert (found.no_market, found.trade.excursions_known) == (None, False)


def test_a_rebuilt_trade_is_a_case_and_its_line_says_where_it_is_from(memory, datadir, logged, as_of):
    found = rebuilt(datadir, logged())
    store(memory.engine, [LoggedTrade(found.trade, "成功").experience])
    later = as_of + timedelta(days=1)
    [case] = memory.recall(
        found.trade.situation, found.trade.space, as_of=later, namespaces=["ancestor"], k=5, threshold=0.9
    )
    line = case_line(case, WORDS["en"])
    assert ", imported from the earlier system, score" in line
    assert f"best {found.trade.mfe_pct:+.1f} %, worst {found.trade.mae_pct:+.1f} %, closed by decision" in line
    assert "由旧系统导入" in case_line(case, WORDS["zh"])
    assert (
        memory.recall(
            found.trade.situation, found.trade.space, as_of=as_of, namespaces=["ancestor"], k=5, threshold=0.0
        )
        == ()
    )


def test_without_a_market_the_words_carry_a_trade_and_nothing_unknown_is_told(tmp_path, logged, as_of):
    with EmbeddingServer() as server:
        rag = RagConfig(embedding=Embedding(provider="openai", api_base=server.url, api_key="k"))
        memory = ExperienceMemory(tmp_path / "memory.db", rag)
        store(memory.engine, [logged(entry_reason="breakout above resistance").experience])
        memory.embed_waiting(10, now=as_of)
        words = words_of(Setup("long"), reason="breakout above resistance")
        [case] = memory.recall(
            (), "", as_of=as_of + timedelta(days=1), namespaces=["ancestor"], k=5, threshold=0.0, words=words
        )
        close_memory(memory.path)
    line = case_line(case, WORDS["en"])
    assert "entered in an unknown market" in line
    assert "held 6.0 h, best and worst not known, closed by decision" in line
    assert "最佳与最差未知" in case_line(case, WORDS["zh"])
