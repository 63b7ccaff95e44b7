"""The bridge, deciding by a fixed rule, makes the trades of the vectorised strategy of that rule."""

import backtests

COLUMNS = [
    "pair", "is_short", "open_date", "close_date", "open_rate", "close_rate", "amount", "stake_amount", "leverage",
    "profit_abs", "profit_ratio", "funding_fees", "min_rate", "max_rate", "stop_loss_abs", "initial_stop_loss_abs",
    "enter_tag", "exit_reason",
]  # fmt: skip


def test_a_fixed_rule_gives_the_trades_of_its_vectorised_strategy(sample, tmp_path):
    pairs, timerange = sample.pairs[:2], "20251017-20251020"
    graph = backtests.run(sample.datadir, tmp_path / "graph", pairs, timerange, "RuleStrategy").trades
    vector = backtests.run(sample.datadir, tmp_path / "vector", pairs, timerange, "VectorStrategy").trades
    assert len(vector) >= 10
    assert set(vector["is_short"]) == {True, False}
    assert {"stop_loss", "graph_exit"} <= set(vector["exit_reason"])
    for column in COLUMNS:
        assert graph[column].tolist() == vector[column].tolist(), column
