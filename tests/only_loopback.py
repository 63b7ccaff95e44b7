"""Freqtrade's own command line where there is no network but loopback: data, a backtest, a dry-run, live orders.

`unshare -rn sh -c 'ip link set lo up && python tests/only_loopback.py FOLDER'` prints what was done.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import conftest  # noqa: F401  # no proxy, no tracing
import httpx
from virtual_live import WALLET

from candlegraph.freqtrade_bridge.commands.trade import own_api
from candlegraph.freqtrade_bridge.loopback.account.server import AccountExchange
from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES, STRATEGY
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange, offline_sentiment
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.loopback.server import LoopbackExchange
from candlegraph.freqtrade_bridge.loopback.trade import shifted, weeks_to

BTC = "BTC/USDT:USDT"
BEGIN = datetime(2025, 11, 15, tzinfo=UTC)
WAITS, DAYS, STEPS = 180, 16, ("dry-run", "live")
INTERRUPTED = 130
"""What freqtrade ends with at Ctrl-C."""
STRATEGY_WORDS = ["--strategy", STRATEGY, "--strategy-path", str(STRATEGIES)]


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def refuse_a_network():
    """Say which interfaces there are, and that nothing outside can be reached."""
    names = [name for _, name in socket.if_nameindex()]
    assert names == ["lo"], f"expected loopback only, were {names}"
    try:
        socket.create_connection(("1.1.1.1", 443), 3)
    except OSError as e:
        say(f"interfaces: {', '.join(names)}; 1.1.1.1: {e.strerror}")


def freqtrade(*words):
    return [sys.executable, "-m", "freqtrade", *map(str, words)]


def done(*words):
    """Run a command of freqtrade's to its end."""
    began = time.monotonic()
    ended = subprocess.run(freqtrade(*words), capture_output=True, text=True, timeout=600, check=False)
    assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr[-2000:]
    say(f"freqtrade {words[0]}: status 0, {time.monotonic() - began:.0f} s")


@contextmanager
def running(name, api, log, *words):
    """Run a bot while the block lasts; yield a client of its API once it answers."""
    heeding = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # what runs in the background ignores it
    url, auth = f"http://127.0.0.1:{api['listen_port']}/api/v1", (api["username"], api["password"])
    with log.open("w") as out, httpx.Client(base_url=url, auth=auth, timeout=30) as client:
        process = subprocess.Popen(freqtrade("trade", *words), stdout=out, stderr=out, preexec_fn=heeding)
        try:
            wait(lambda: "Bot heartbeat" in log.read_text(), f"{name}: no loop")
            yield client
            process.send_signal(signal.SIGINT)
            status = process.wait(60)
        finally:
            process.kill()
    say(f"freqtrade trade ({name}): status {status}")
    assert status == INTERRUPTED, log.read_text()[-3000:]


def wait(is_true, what):
    end = time.monotonic() + WAITS
    while not is_true():
        assert time.monotonic() < end, f"{what} within {WAITS} s"
        time.sleep(0.5)


def trade_live(client, exchange):
    """Enter and leave as a person does over the API: position and stop must be on the exchange, then neither."""
    asked = client.post("/forceenter", json={"pair": BTC, "side": "long"})
    assert asked.status_code == 200, asked.text
    wait(lambda: exchange.books.positions and any(one.is_open for one in exchange.books.algos.values()), "no stop")
    say(f"  on the exchange: {exchange.books.summary()}")
    client.post("/forceexit", json={"tradeid": "all"})
    wait(lambda: not exchange.books.positions, "still a position")
    wait(lambda: not any(one.is_open for one in exchange.books.algos.values()), "still a stop")
    say(f"  after the exit: {exchange.books.summary()}; {len(exchange.log)} signed requests")


def written(folder, name, public, exchange, api=None, *, is_live):
    """Write a configuration; return its path as freqtrade's option."""
    keys = {"exchange": exchange, "context_config": offline_sentiment({}, public.url), "dry_run": not is_live}
    keys |= {"force_entry_enable": True, "db_url": f"sqlite:///{folder}/{name}.sqlite"}
    path = folder / f"{name}.json"
    path.write_text(json.dumps(base_config() | keys | ({} if api is None else {"api_server": api})))
    return ["-c", path, "--userdir", folder]


def main(folder):
    refuse_a_network()
    now, market = datetime.now(UTC), market_of(BTC, sample_series(BTC))
    markets = [shifted(market, weeks_to(now, BEGIN, [market]))]
    first, last = (f"{day:%Y%m%d}" for day in (now - timedelta(days=DAYS), now))
    with LoopbackExchange(markets) as public, AccountExchange(markets, WALLET, folder) as exchange:
        plain = offline_exchange(public.url, [BTC])
        config = written(folder, "data", public, plain, is_live=False)
        done("download-data", *config, "--timerange", f"{first}-{last}", "--timeframes", "30m", "1h", "4h", "1d")
        done("backtesting", *config, *STRATEGY_WORDS, "--timerange", f"{last}-", "--cache", "none")
        for name, block in zip(STEPS, (plain, exchange.freqtrade_block()), strict=True):
            api = own_api()
            config = written(folder, name, public, block, api, is_live=name == "live")
            with running(name, api, folder / f"{name}.log", *config, *STRATEGY_WORDS) as client:
                if name == "live":
                    trade_live(client, exchange)


if __name__ == "__main__":
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    main(Path(sys.argv[1]).resolve())
