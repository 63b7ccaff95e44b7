"""Freqtrade's own keys: conflicts are refused, the rest follows our configuration."""

import pytest

from candlegraph.freqtrade_bridge.host.keys import OURS, order_types, protections, refuse_conflicts, slots
from candlegraph.freqtrade_bridge.strategies.CandleGraphStrategy import CandleGraphStrategy
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.settings.risk import Protection, RiskManagement
from candlegraph.graph.settings.settings import settings_of


@pytest.mark.parametrize(
    "key, value, instead",
    [
        ("stoploss", -0.1, "risk_management.stop_atr_multiple"),
        ("minimal_roi", {"0": 0.1}, "take_profit"),
        ("trailing_stop", True, "risk_management.trailing_after_r"),
        ("order_types", {"entry": "limit"}, "risk_management.stop_on_exchange"),
        ("use_custom_stoploss", False, "only True is valid"),
        ("margin_mode", "cross", "only 'isolated' is valid"),
        ("startup_candle_count", 30, "only 600 is valid"),
    ],
)
def test_a_key_that_would_replace_the_strategys_is_refused_with_what_to_use(key, value, instead):
    with pytest.raises(ConfigError, match=f"config: {key} = ") as caught:
        refuse_conflicts({"original_config": {key: value}})
    assert instead in str(caught.value)


def test_the_strategys_own_values_may_be_written_down():
    refuse_conflicts({"original_config": dict(OURS)})
    refuse_conflicts({})


@pytest.mark.parametrize("key", [key for key in OURS if hasattr(CandleGraphStrategy, key)])
def test_the_list_says_what_the_strategy_has(key):
    assert getattr(CandleGraphStrategy, key) == OURS[key]


@pytest.mark.parametrize(
    "exchange, mode, wanted, rests",
    [
        ("binance", "futures", True, True),
        ("binance", "futures", False, False),
        ("bybit", "futures", True, True),
        ("hyperliquid", "futures", True, False),
        ("an exchange of no one", "spot", True, False),
    ],
)
def test_the_stop_rests_on_the_exchange_where_freqtrade_can_put_it(exchange, mode, wanted, rests):
    config = {"exchange": {"name": exchange}, "trading_mode": mode}
    assert order_types(config, RiskManagement(stop_on_exchange=wanted))["stoploss_on_exchange"] == rests


@pytest.mark.parametrize("theirs, lower", [(3, 3), (9, 5), (-1, 5), (float("inf"), 5), (0, 0)])
def test_the_lower_number_of_slots_counts(theirs, lower):
    assert slots({"max_open_trades": theirs}, RiskManagement(max_open_trades=5)) == lower


def test_a_protection_carries_only_the_keys_that_freqtrade_reads():
    rules = RiskManagement(protections=[{"method": "CooldownPeriod", "stop_duration_candles": 4}])
    assert protections(rules) == [{"method": "CooldownPeriod", "stop_duration_candles": 4}]
    (guard,) = protections(RiskManagement(protections=[{"method": "StoplossGuard"}]))
    assert set(guard) == Protection(method="StoplossGuard").read_keys
    assert "calculation_mode" not in guard


def test_a_protections_dead_key_is_refused():
    with pytest.raises(ConfigError, match="CooldownPeriod does not read trade_limit"):
        settings_of({"risk_management": {"protections": [{"method": "CooldownPeriod", "trade_limit": 4}]}})
