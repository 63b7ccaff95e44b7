import json

import ccxt

from candlegraph.freqtrade_bridge.host.keys import refuse_conflicts
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange, offline_sentiment


def test_no_api_of_ccxt_is_left_on_the_internet() -> None:
    block = offline_exchange("http://127.0.0.1:1", ["BTC/USDT:USDT"])
    assert set(block["ccxt_config"]["urls"]["api"]) == set(ccxt.binance().urls["api"])


def test_configuration_is_json_and_every_call_gives_a_new_one() -> None:
    config = base_config() | {"exchange": offline_exchange("http://127.0.0.1:1", ["BTC/USDT:USDT"])}
    assert json.loads(json.dumps(config)) == config
    config["entry_pricing"]["price_side"] = "same"
    assert config["exit_pricing"]["price_side"] == base_config()["entry_pricing"]["price_side"] == "other"


def test_it_is_a_dry_run_and_leaves_the_strategys_keys_alone() -> None:
    config = base_config()
    assert config["dry_run"] is True
    refuse_conflicts({"original_config": config})


def test_the_index_is_read_from_the_loopback_exchange_and_the_rest_is_kept() -> None:
    given = {"context_config": {"language": "zh", "sentiment": {"timeout": 3}}}
    assert offline_sentiment(given, "http://127.0.0.1:1") == {
        "language": "zh",
        "sentiment": {"timeout": 3, "fear_greed_url": "http://127.0.0.1:1/fng/"},
    }
