"""What a paid backtest is told before it asks; and every key blanked."""

from datetime import timedelta

import backtests
import pytest

from candlegraph.freqtrade_bridge.decisions.estimate import ANSWER_TOKENS, candles_in, estimate_of, is_paid, lines
from candlegraph.freqtrade_bridge.host.keys import blank_secrets
from candlegraph.graph.settings.settings import settings_of

HALF_HOUR = timedelta(minutes=30)
PRICES = {"m": {"input": 2.0, "output": 8.0}}


def given(**llm):
    return settings_of({"llm_config": {"api_base": "http://127.0.0.1:9", "model": "m", "prices": PRICES} | llm})


@pytest.mark.parametrize(
    "timerange, count",
    [("20250301-20250302", 48), ("20250301-20250401", 31 * 48), ("20250301-", None), ("-20250301", None), ("", None)],
)
def test_candles_are_counted_where_both_ends_are_named(timerange, count):
    assert candles_in(timerange, HALF_HOUR) == count


@pytest.mark.parametrize("depth, calls", [("fast", 100), ("balanced", 105), ("deep", 405)])
def test_calls_follow_the_depth(depth, calls):
    assert estimate_of(given(depth=depth), pairs=2, candles=50).calls == {"m": calls}


def test_the_cost_is_an_upper_bound_by_the_price_table():
    found = estimate_of(given(), pairs=1, candles=100)
    assert found.cost == pytest.approx(100 * (6000 * 2.0 + ANSWER_TOKENS * 8.0) / 1e6)
    assert (found.tokens_in, found.tokens_out) == (600_000, 100 * ANSWER_TOKENS)


def test_an_unknown_price_is_said_and_not_guessed():
    told = lines(estimate_of(given(prices={}), 1, 100))
    assert "Cost: unknown, llm_config.prices has no price of m." in told


def test_the_budget_that_will_end_it_is_named():
    told = lines(estimate_of(given(budget={"run_cost": 0.01}), 1, 100))
    assert any("llm_config.budget.run_cost = 0.01 may be reached" in line for line in told)


@pytest.mark.parametrize(
    "llm, paid",
    [
        ({}, True),
        ({"mode": "replay"}, False),
        ({"mode": "record"}, True),
        ({"provider": "policy", "model": "policy", "api_base": None}, False),
        ({"provider": "local", "api_base": None}, False),
        ({"depth": "deep", "provider": "policy", "roles": {"bull": {"provider": "openai", "model": "x"}}}, True),
        ({"depth": "fast", "provider": "policy", "roles": {"bull": {"provider": "openai", "model": "x"}}}, False),
    ],
)
def test_only_what_may_cost_money_is_announced(llm, paid):
    assert is_paid(given(**llm)) is paid


@pytest.mark.filterwarnings("ignore::Warning")
def test_stock_freqtrade_backtesting_prints_it_before_the_first_call(tmp_path, caplog, server):
    from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market

    sample = write_sample_market(tmp_path / "sample")
    server.script = [{"status": 401}]
    llm = {"api_base": server.url, "model": "m", "retry_times": 0, "prices": PRICES}
    with pytest.raises(Exception, match="the decision failed"):
        backtests.run(sample.datadir, tmp_path / "u", sample.pairs[:2], "20251115-20251117", llm_config=llm)
    told = caplog.text
    assert "Estimate: 192 decisions, up to 192 calls (m 192)" in told
    assert told.index("Estimate: ") < told.index("no decision after")


def test_every_key_in_the_configuration_is_blanked_wherever_it_stands():
    def block():
        return {
            "api_key": "k1",
            "fallbacks": [{"api_key": "k2"}, {"model": "x"}],
            "roles": {"bull": {"api_key": "k3"}, "bear": {}},
        }

    def rag():
        return {"rag_config": {"embedding": {"api_key": "k4", "model": "e"}, "database_url": "k5", "spaces": {}}}

    def blocks():
        return {"llm_config": block(), "experience_config": rag()}

    config = {**blocks(), "original_config": blocks()}
    blank_secrets(config)
    assert not [key for key in ("k1", "k2", "k3", "k4", "k5") if key in str(config)]
    assert config["experience_config"]["rag_config"]["embedding"]["model"] == "e"
    assert config["llm_config"]["fallbacks"][1] == {"model": "x"}


@pytest.mark.parametrize("config", [{}, {"llm_config": None}, {"llm_config": {}}, {"original_config": None}])
def test_a_configuration_without_keys_is_left_alone(config, caplog):
    blank_secrets(config)
    assert caplog.text == ""


def test_the_review_of_closed_trades_counts_too():
    paid = {"model": "m", "api_base": "http://127.0.0.1:9"}
    rule = {"model": "policy", "roles": {"reviewer": paid}}
    assert not is_paid(settings_of({"llm_config": rule}))
    reviewed = settings_of({"llm_config": rule, "experience_config": {"reflection": {"mode": "llm"}}})
    assert is_paid(reviewed)
    assert estimate_of(reviewed, pairs=2, candles=50).calls == {"m": 5}
