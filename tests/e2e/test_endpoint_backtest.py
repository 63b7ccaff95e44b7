"""A paid backtest whose endpoint fails in the middle: it keeps what it has, says how to go on, or waits if it may."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import backtests
import pytest
from freqtrade.exceptions import FreqtradeException

from candlegraph.agents.models.policy_server import completion
from candlegraph.freqtrade_bridge.report.summary import Summary, doubt_of, summary_rows
from candlegraph.graph.schema.errors import BridgeError, DoubtfulRun
from candlegraph.memory.books.ledger import Ledger

DAY = "20251010-20251011"


class Failing:
    """The rule over HTTP, out of order from request `last` on, for `count` requests."""

    def __init__(self, last, count):
        self.bad, self.asked = range(last, last + count), 0

    def answer(self, request):
        self.asked += 1
        if self.asked - 1 in self.bad:
            return 402, {"error": {"message": "Insufficient Balance"}}
        return 200, completion(request)


@contextmanager
def serving(model):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            status, answer = model.answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


@pytest.fixture
def backtest(sample, tmp_path):
    """Return a way to run a day of one pair: `backtest(url, key=value)`."""

    def go(url, **llm):
        config = {"api_base": url, "model": "m", "retry_times": 0, "cassette": str(tmp_path / "c.sqlite")} | llm
        return backtests.run(sample.datadir, tmp_path / "user", sample.pairs[:1], DAY, llm_config=config)

    return go


def test_a_backtest_that_stops_keeps_its_answers_and_the_next_run_pays_for_none_of_them(backtest, tmp_path, caplog):
    model = Failing(10, 1)
    with serving(model) as url:
        with pytest.raises(BridgeError) as caught:
            backtest(url, mode="record")
        assert isinstance(caught.value, FreqtradeException)  # told in a line, without a traceback
        said = str(caught.value)
        assert "402" in said and "Insufficient Balance" in said and f"{url}/chat/completions" in said
        assert "10 decisions before it are in the ledger" in said and "cost: " in said
        assert "run the same command again" in said and "on_failure = 'wait'" in said
        assert not any(one.exc_info for one in caplog.records)
        (namespace,) = Ledger(tmp_path / "user" / "rag" / "candlegraph.sqlite").namespaces()
        assert namespace in said
        rest = len(backtest(url, mode="record").decisions()) - 10
    assert model.asked == 11 + rest


def test_a_backtest_that_is_to_wait_goes_on_and_counts_what_failed(backtest):
    with serving(Failing(10, 5)) as url:
        rows = backtest(url, on_failure="wait", breaker={"failures": 1000}).decisions()
    failed = [row for row in rows if row.error is not None]
    assert len(rows) > 40 and len(failed) == 5
    assert {(row.signal.action, row.signal.source) for row in failed} == {("wait", "fallback")}


def summary(**changes):
    known = dict.fromkeys(Summary.model_fields, 0)
    names = ("actions", "sources", "clamps", "fates", "warnings", "remembered", "faults", "notes")
    counts = {name: {} for name in names}
    return Summary.model_construct(
        **(known | counts | {"model": "m", "calls": "", "cost": "", "currency": ""} | changes)
    )


@pytest.mark.parametrize("fallbacks, is_doubted", [(0, False), (20, False), (21, True)])
def test_a_run_is_doubted_aloud_where_more_than_a_fifth_of_its_decisions_fell_back(fallbacks, is_doubted):
    told = doubt_of(summary(asked=100, fallbacks=fallbacks, faults={"cut_off": 30}, failed=2))
    assert (told is not None) is is_doubted
    assert told is None or all(one in told for one in ("21 of 100", "21%", "cut_off 30", "no answer 2"))
    assert DoubtfulRun.status not in (0, 1, 2)


def test_the_table_counts_failed_decisions_and_wrappings_where_there_are_any():
    assert not {"failed decisions", "wrappings undone"} & dict(summary_rows(summary())).keys()
    rows = dict(summary_rows(summary(failed=3, notes={"name in a wrapping": 4})))
    assert (rows["failed decisions"], rows["wrappings undone"]) == ("3, hold or wait instead", "name in a wrapping 4")
