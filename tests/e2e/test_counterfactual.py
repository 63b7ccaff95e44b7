"""The counterfactual table against stock freqtrade: the same entries, forced, once more in another setting."""

from dataclasses import replace
from pathlib import Path

import forced
import numpy as np
import pandas as pd
import pytest
from forced import CANDLE, Market, Setting

from candlegraph.memory.counterfactual.outcomes import table_of
from candlegraph.memory.counterfactual.path import moment
from candlegraph.memory.counterfactual.table import Alternative

FURTHER = 48


def until(paths, alternative):
    """Return when each replay ends at the latest, as docs/learning.md says it."""
    for (pair, entered), path in paths.items():
        last = path.end if path.ending.kind == "exit" else path.end + FURTHER
        if alternative.kind == "later":
            last = path.end + int(alternative.value) * (path.ending.kind == "exit")
        if alternative.kind == "time":
            last = int(alternative.value)
        yield pair, entered, entered + last * CANDLE


def setting_of(base, kind, value):
    changes = {
        "stop": {"stop": value},
        "target": {"target": value * base.stop},
        "leverage": {"leverage": base.leverage * value},
        "entry": {"entry": int(value)},
    }
    return replace(base, **changes.get(kind, {}))


def compare(market, folder, base, alternatives):
    """Return how many outcomes were compared, by kind of end, and what differs."""
    trades = forced.run(market, folder, base)
    paths = forced.paths(market, trades, base)
    tables = {key: table_of(path, moment(path.candles.time[-1] + CANDLE)) for key, path in paths.items()}
    counted, wrong = {}, forced.unlike_the_trade(tables)
    for alternative in map(Alternative._make, alternatives):
        found = {key: forced.outcome_of(table, alternative) for key, table in tables.items()}
        other = setting_of(base, *alternative)
        again = forced.run(market, folder, other, until(paths, alternative))
        wrong += [f"{alternative}: {one}" for one in forced.differing(found, again, other.entry)]
        for one in found.values():
            if one is not None and one.end != "none":
                counted[alternative, one.end] = counted.get((alternative, one.end), 0) + 1
    return counted, wrong


def test_an_outcome_is_the_trade_that_freqtrade_makes_of_that_setting(sample, tmp_path):
    market = Market(sample.datadir, sample.pairs[:1], "20251003-20251016")
    counted, wrong = compare(market, tmp_path, Setting(spacing=17, hold=6), [("stop", 2.0)])
    assert wrong == []
    assert {end for _, end in counted} >= {"stop", "target", "exit"}
    assert sum(counted.values()) >= 20


ALTERNATIVES = [
    *(("stop", value) for value in (0.5, 1.5, 2.0, 3.0)),
    *(("target", value) for value in (1.0, 3.0)),
    ("later", 3.0), ("time", 12.0), ("entry", 1.0), ("entry", 3.0), ("leverage", 0.5), ("leverage", 2.0),
]  # fmt: skip
LEAST = {"entry": 200, "later": 10, "time": 10}
"""Trades that have such an outcome: some would not have been entered, some had no exit of their own."""


@pytest.mark.slow
def test_hundreds_of_real_trades_agree_in_every_setting(real, tmp_path):
    market = Market(real, ("BTC/USDT:USDT", "ETH/USDT:USDT"), "20240701-20240901")
    counted, wrong = compare(market, tmp_path, Setting(spacing=16), ALTERNATIVES)
    assert wrong == []
    for kind, value in ALTERNATIVES:
        of_it = {end: many for (one, end), many in counted.items() if one == (kind, value)}
        assert sum(of_it.values()) >= LEAST.get(kind, 300), (kind, value)
    assert {end for _, end in counted} == {"stop", "target", "exit", "horizon", "time"}


@pytest.mark.slow
@pytest.mark.parametrize("stake", [1_000, 400_000], ids=["first tier", "second tier"])
def test_liquidations_agree(real, tmp_path, stake):
    market = Market(real, ("BTC/USDT:USDT", "ETH/USDT:USDT"), "20250401-20250601")
    base = Setting(stop=6.0, target=4.0, leverage=12.5 if stake > 1_000 else 50, stake=stake, spacing=31)
    counted, wrong = compare(market, tmp_path, base, [("leverage", 2.0), ("leverage", 0.5), ("target", 1.0)])
    assert wrong == []
    assert counted[Alternative("leverage", 2.0), "liquidation"] >= 10


@pytest.mark.slow
def test_gaps_agree(real, tmp_path):
    market = Market(gapped(real, tmp_path / "gaps"), ("BTC/USDT:USDT", "ETH/USDT:USDT"), "20250401-20250601")
    counted, wrong = compare(market, tmp_path, Setting(spacing=41), ALTERNATIVES)
    assert wrong == []
    assert sum(counted.values()) >= 1_000


def gapped(source: Path, target: Path) -> Path:
    """Copy the candles with a step (sd 0.8 %) before every fifth one, so that levels are jumped over."""
    (target / "futures").mkdir(parents=True)
    for path in (source / "futures").glob("*"):
        frame = pd.read_feather(path)
        if path.stem.endswith("30m-futures"):
            steps = np.random.default_rng(5).normal(0, 0.008, len(frame)) * (np.arange(len(frame)) % 5 == 0)
            factor = np.exp(np.cumsum(steps) - np.arange(len(frame)) * steps.sum() / len(frame))
            for name in ("open", "high", "low", "close"):
                frame[name] = (frame[name] * factor).round(1)
        frame.to_feather(target / "futures" / path.name)
    return target
