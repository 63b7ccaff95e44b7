"""`config.example.json` through freqtrade's own loader, without a subprocess or network."""

import json
from pathlib import Path

import pytest
from freqtrade.configuration.config_validation import validate_config_consistency, validate_config_schema
from freqtrade.configuration.load_config import load_from_files
from freqtrade.enums import RunMode
from freqtrade.resolvers import StrategyResolver

import candlegraph.freqtrade_bridge
from candlegraph.graph.settings.settings import settings_of

EXAMPLE = Path(__file__).parents[2] / "config.example.json"
STRATEGIES = Path(candlegraph.freqtrade_bridge.__path__[0]) / "strategies"


@pytest.mark.parametrize("runmode", [RunMode.DRY_RUN, RunMode.BACKTEST])
def test_freqtrade_accepts_the_example(runmode):
    config = load_from_files([str(EXAMPLE)]) | {"runmode": runmode, "strategy": "CandleGraphStrategy"}
    config |= {"strategy_path": str(STRATEGIES), "user_data_dir": Path("nowhere")}
    strategy = StrategyResolver.load_strategy(config)  # writes the strategy's attributes into the configuration
    validate_config_schema(config, preliminary=False)
    validate_config_consistency(config)
    assert config["dry_run"] is True
    assert strategy.stoploss == type(strategy).stoploss and strategy.minimal_roi == {}
    assert strategy.position_adjustment_enable and strategy.order_types["entry"] == "market"


def test_the_example_is_prudent_and_holds_no_secret():
    config = load_from_files([str(EXAMPLE)])
    rules = settings_of(config).risk_management
    assert rules.max_leverage == 10
    assert 1 <= rules.max_risk_per_trade_pct <= 2
    assert not rules.allow_add_to_loser
    assert rules.checks.claims == "block" and settings_of(config).llm_config.decision.reject_false_claims
    written = json.dumps(config)
    assert not any(name in written for name in ('"api_key"', '"key"', '"secret"', '"token"', '"password"'))
