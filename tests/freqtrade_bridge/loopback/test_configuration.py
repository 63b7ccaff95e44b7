import json

import ccxt

from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange


def test_no_api_of_ccxt_is_left_on_the_internet() -> None:
    block = offline_exchange("http://127.0.0.1:1", ["BTC/USDT:USDT"])
    assert set(block["ccxt_config"]["urls"]["api"]) == set(ccxt.binance().urls["api"])


def test_configuration_is_json_and_every_call_gives_a_new_one() -> None:
    config = base_config() | {"exchange": offline_exchange("http://127.0.0.1:1", ["BTC/USDT:USDT"])}
    assert json.loads(json.dumps(config)) == config
    config["entry_pricing"]["price_side"] = "same"
    assert config["exit_pricing"]["price_side"] == base_config()["entry_pricing"]["price_side"] == "other"


def test_orders_are_market_orders_on_the_other_side_of_the_book() -> None:
    config = base_config()
    assert config["order_types"]["entry"] == config["order_types"]["exit"] == "market"
    assert config["dry_run"] is True
