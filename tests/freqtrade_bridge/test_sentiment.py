"""Sentiment: what the outside world answers, right or wrong, and what was known when."""

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import ccxt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.feeds.sentiment import SentimentFeed, sentiment_client
from candlegraph.freqtrade_bridge.feeds.sentiment_record import (
    NEWEST,
    Record,
    Recorded,
    read_record,
    record_file,
    sentiment_of,
)
from candlegraph.freqtrade_bridge.loopback.configuration import offline_exchange
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.freqtrade_bridge.loopback.server import FixedClock, LoopbackExchange
from candlegraph.graph.schema.errors import SentimentError
from candlegraph.graph.settings.context import SentimentSettings
from candlegraph.graph.settings.places import SENTIMENT
from candlegraph.tools.market.sentiment import RANGES, load_markets, read_exchange, read_fear_greed, reading

PAIR = "BTC/USDT:USDT"
NOW = datetime(2025, 11, 15, 12, tzinfo=UTC)
EXCHANGE_SOURCES = [name for name in RANGES if name != "fear_greed"]


@pytest.fixture(scope="module")
def exchange():
    with LoopbackExchange([market_of(PAIR, sample_series(PAIR))], FixedClock(int(NOW.timestamp() * 1000))) as one:
        yield one


@pytest.fixture(scope="module")
def config(exchange):
    return {"exchange": offline_exchange(exchange.url, [PAIR]), "trading_mode": "futures"}


@pytest.fixture
def client(config):
    one = sentiment_client(config, 5)
    load_markets(one)
    return one


@pytest.mark.parametrize("source", EXCHANGE_SOURCES)
def test_an_exchange_answers_each_source_within_its_range_and_with_its_time(client, source):
    found = read_exchange(source, client, PAIR, NOW)
    low, high = RANGES[source]
    assert low <= found.value <= high
    assert abs(NOW - found.at) <= timedelta(minutes=10)
    assert found.source == "binance"


def test_histories_show_the_newest_value_last(client, exchange):
    found = read_exchange("open_interest", client, PAIR, NOW)
    assert len(found.past) == 5
    assert found.at == NOW


def test_the_index_is_read_newest_first_and_given_newest_last(exchange):
    found = read_fear_greed(f"{exchange.url}/fng/", 5)
    assert 0 <= found.value <= 100
    assert len(found.past) == 5
    assert found.label in ("Fear", "Neutral", "Greed")
    assert found.at == NOW.replace(hour=0)


def test_what_an_exchange_does_not_offer_is_said(client):
    client.has["fetchLongShortRatioHistory"] = False
    with pytest.raises(SentimentError, match="binance offers no fetchLongShortRatioHistory"):
        read_exchange("long_short_ratio", client, PAIR, NOW)


@pytest.mark.parametrize("source", RANGES)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -2.0, 1e400])
def test_a_value_out_of_range_is_refused(source, value):
    with pytest.raises(SentimentError, match=source):
        reading(source, [value], NOW, "test")


def test_a_label_is_cut_and_printable():
    found = reading("fear_greed", [5], NOW, "test", "a\x00b\u202ec" + "x" * 500)
    assert found.label.startswith("abcx")
    assert len(found.label) == 40


class Server:
    """Answers every request in one way: status, body, and seconds before it."""

    def __init__(self, status=200, body=b"{}", wait=0.0):
        owner = self
        self.hits, self.at_once, self.busy = 0, 0, 0
        self._lock = threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                with owner._lock:
                    owner.hits += 1
                    owner.busy += 1
                    owner.at_once = max(owner.at_once, owner.busy)
                time.sleep(wait)
                with owner._lock:
                    owner.busy -= 1
                try:
                    self.send_response(status)
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                except OSError:
                    pass  # the client has gone, as it should have

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_port}/"

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


def day(**changes):
    known = {"value": "50", "value_classification": "Neutral", "timestamp": str(int(NOW.timestamp()))}
    return json.dumps({"data": [known | changes]}).encode()


BAD = {
    "server error": {"status": 503},
    "rate limit": {"status": 429},
    "page": {"body": b"<html>maintenance</html>"},
    "truncated": {"body": day()[:-5]},
    "no data": {"body": b"{}"},
    "empty data": {"body": b'{"data": []}'},
    "a list": {"body": b"[]"},
    "not a number": {"body": day(value="high")},
    "NaN": {"body": day(value="nan")},
    "out of range": {"body": day(value="101")},
    "no time": {"body": day(timestamp="")},
    "nothing": {"body": b""},
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_answer_is_one_error_with_its_reason(fault):
    with Server(**BAD[fault]) as server, pytest.raises(SentimentError, match=r"\w"):
        read_fear_greed(server.url, 5)


def test_a_server_that_is_slow_or_gone_is_one_error():
    with Server(body=day(), wait=1) as server:
        url = server.url
        with pytest.raises(SentimentError, match="(?i)time"):
            read_fear_greed(url, 0.1)
    with pytest.raises(SentimentError, match="refused"):
        read_fear_greed(url, 1)


@pytest.mark.parametrize("fault", ["server error", "page", "nothing"])
def test_a_bad_exchange_makes_its_values_unavailable_and_raises_nothing(fault, config, tmp_path):
    with Server(**BAD[fault]) as server:
        bad = {"exchange": offline_exchange(server.url.rstrip("/"), [PAIR]), "trading_mode": "futures"}
        settings = SentimentSettings(fear_greed_url=server.url, timeout=2)
        feed = SentimentFeed(settings, tmp_path, sentiment_client(bad, 2))
        found = feed.of({PAIR: NOW}, NOW)[PAIR]
    assert set(found.unavailable) == set(RANGES)
    assert all(found.unavailable.values())
    assert not list(tmp_path.rglob("*.jsonl"))


def test_pairs_and_sources_are_asked_at_once_and_a_slow_one_costs_the_deadline_only(config, tmp_path):
    with Server(body=day(), wait=0.5) as server:
        settings = SentimentSettings(fear_greed_url=server.url, timeout=0.2)
        feed = SentimentFeed(settings, tmp_path, sentiment_client(config, 5))
        found = feed.of({PAIR: NOW}, NOW)[PAIR]
        assert (
            "no answer within 0.2 s" in found.unavailable["fear_greed"]
            or "timed out" in found.unavailable["fear_greed"]
        )
        time.sleep(1)
        later = feed.of({PAIR: NOW + timedelta(minutes=30)}, NOW + timedelta(minutes=30))[PAIR]
    assert set(found.unavailable) == {"fear_greed"}
    assert set(later.unavailable) <= {"fear_greed"}


def test_a_fresh_value_is_not_asked_for_again(exchange, config, tmp_path):
    settings = SentimentSettings(fear_greed_url=f"{exchange.url}/fng/", cache_seconds=3600)
    feed = SentimentFeed(settings, tmp_path, sentiment_client(config, 5))
    feed.of({PAIR: NOW}, NOW)
    before = exchange.app.state.hits.copy()
    feed.of({PAIR: NOW + timedelta(minutes=30)}, NOW + timedelta(minutes=30))
    assert exchange.app.state.hits == before
    feed.of({PAIR: NOW + timedelta(minutes=60)}, NOW + timedelta(minutes=60))
    assert exchange.app.state.hits["GET /fng/"] == before["GET /fng/"] + 1


def test_what_is_served_live_is_what_a_backtest_reads_at_the_same_candle(exchange, config, tmp_path):
    settings = SentimentSettings(fear_greed_url=f"{exchange.url}/fng/")
    live = SentimentFeed(settings, tmp_path, sentiment_client(config, 5))
    shown = {}
    for number in range(3):
        as_of = NOW + timedelta(minutes=30 * number)
        shown[as_of] = live.of({PAIR: as_of}, as_of)[PAIR]
    hits = exchange.app.state.hits.copy()
    back = SentimentFeed(settings, tmp_path, None)
    assert {as_of: back.of({PAIR: as_of}, as_of)[PAIR] for as_of in shown} == shown
    assert all(one.unavailable == {} for one in shown.values())
    before = back.of({PAIR: NOW - timedelta(minutes=30)}, NOW - timedelta(minutes=30))[PAIR]
    assert set(before.unavailable) == set(RANGES)
    assert exchange.app.state.hits == hits


def recorded(minutes, value=1.0, known=None):
    at = NOW + timedelta(minutes=minutes)
    return Recorded(value=value, at=at, source="test", known_at=NOW + timedelta(minutes=known or minutes))


LINES = st.lists(
    st.builds(
        lambda at, late, value: recorded(at, value, at + late),
        st.integers(-300, 300),
        st.integers(0, 60),
        st.floats(0, 100),
    ),
    max_size=30,
)


@given(lines=LINES, later=LINES, minutes=st.integers(-300, 300), seed=st.randoms())
def test_what_becomes_known_later_changes_nothing_and_the_order_of_lines_neither(lines, later, minutes, seed):
    as_of = NOW + timedelta(minutes=minutes)
    known = [one for one in lines if one.known_at <= as_of]
    future = [one for one in later if one.known_at > as_of]
    mixed = known + future
    seed.shuffle(mixed)
    age = timedelta(minutes=90)
    assert Record(mixed).as_of(as_of, age) == Record(known).as_of(as_of, age)


def test_a_running_bot_keeps_the_newest_values_and_shows_what_all_of_them_would(exchange, config, tmp_path):
    times = [NOW + timedelta(minutes=30 * number) for number in range(NEWEST)]
    lines = [recorded(-30 * number, number % 7).model_dump_json() for number in reversed(range(1, 3 * NEWEST))]
    folder = tmp_path / SENTIMENT
    folder.mkdir(parents=True)
    record_file(folder, "book_imbalance", PAIR).write_text("\n".join(lines) + "\n")
    settings = SentimentSettings(sources=["book_imbalance"], timeout=30)
    live = SentimentFeed(settings, tmp_path, sentiment_client(config, 30))
    shown, kept = {}, set()
    for as_of in times:
        shown[as_of] = live.of({PAIR: as_of}, as_of)
        kept.add(len(live._records["book_imbalance", PAIR]._values))
    assert kept == {NEWEST}
    back = SentimentFeed(settings, tmp_path, None)
    assert {as_of: back.of({PAIR: as_of}, as_of) for as_of in times} == shown
    assert len(back._records["book_imbalance", PAIR]._values) == 3 * NEWEST - 1 + len(times)


def test_what_a_clock_that_was_ahead_has_recorded_drives_no_newer_value_out():
    record = Record([recorded(10_000 + number) for number in range(2 * NEWEST)])
    record.add(recorded(0, 7.0))
    assert record.as_of(NOW, timedelta(hours=1)).value == 7.0


def test_a_torn_or_foreign_line_is_left_out_and_said(tmp_path, caplog):
    path = record_file(tmp_path, "open_interest", PAIR)
    good = recorded(0, 7.0).model_dump_json()
    path.write_text(f'{good}\n{{"value": "x"}}\nnot json\n{good[:20]}')
    assert read_record(path).as_of(NOW, timedelta(hours=1)).value == 7.0
    assert len(caplog.records) == 3


@pytest.mark.parametrize("name, minutes, there", [("open_interest", 180, True), ("open_interest", 181, False)])
def test_an_old_value_is_unavailable_and_a_day_old_index_is_not(name, minutes, there):
    records = {source: Record([recorded(-minutes)]) for source in RANGES}
    found = sentiment_of(records, NOW, SentimentSettings())
    assert (getattr(found, name) is not None) == there
    assert found.fear_greed is not None
    assert there or "181 minutes old" in found.unavailable[name]


def test_only_configured_sources_are_shown():
    found = sentiment_of({"funding_rate": Record()}, NOW, SentimentSettings(sources=["funding_rate"]))
    assert set(found.unavailable) == {"funding_rate"}


def test_a_client_carries_no_key(config):
    ccxt_config = config["exchange"]["ccxt_config"] | {"apiKey": "planted", "secret": "planted"}
    planted = {"key": "planted", "secret": "planted", "ccxt_config": ccxt_config}
    config = config | {"exchange": config["exchange"] | planted}
    client = sentiment_client(config, 3)
    assert not client.apiKey
    assert not client.secret
    assert isinstance(client, ccxt.Exchange)
