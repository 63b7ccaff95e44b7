"""The dry-run bot while its model is down: stops go on, entries pause, and go on after a candle has succeeded."""

import json
import threading
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import script
from freqtrade.persistence import Trade
from virtual_dry_run import VirtualDryRun

from candlegraph.freqtrade_bridge.loopback.backtest import STRATEGIES
from candlegraph.freqtrade_bridge.loopback.markets import market_of
from candlegraph.freqtrade_bridge.loopback.sample_market import sample_series
from candlegraph.graph.schema.facts import parse_facts
from candlegraph.memory.books.ledger import Ledger

START = datetime(2025, 11, 15, 0, 30, 2, tzinfo=UTC)
CANDLE = timedelta(minutes=30)


class Model:
    """An endpoint that enters whenever flat, and can be down; `asked` counts requests."""

    def __init__(self):
        self.is_down, self.asked, self.thinks = False, 0, 0
        self.left = threading.Event()

    def answer(self, request):
        facts = parse_facts("\n".join(str(m["content"]) for m in request["messages"] if m["role"] == "user"))
        name, arguments = script.stay(facts) if facts.position else script.enter(facts, stop_atr=0.8)
        function = {"name": name, "arguments": json.dumps(arguments)}
        message = {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": function}],
        }
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}


@contextmanager
def serving(model):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.asked += 1
            model.left.wait(model.thinks)
            status = 500 if model.is_down else 200
            body = json.dumps({"error": {"message": "down"}} if model.is_down else model.answer(request)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        server.daemon_threads, server.handle_error = True, lambda *gone: None
        yield f"http://127.0.0.1:{server.server_port}/v1"
        model.left.set()
        server.shutdown()


@contextmanager
def bot(sample, model, place=0, **llm):
    with serving(model) as url:
        config = {
            "strategy": "CandleGraphStrategy",
            "strategy_path": str(STRATEGIES),
            "llm_config": {"api_base": url, "model": "m", "retry_times": 0, "breaker": {"failures": 1000}} | llm,
        }
        pair = sample.pairs[place]
        with VirtualDryRun(config, [market_of(pair, sample_series(pair))], START) as run:
            yield run


def rows_of(run):
    context = run.bot.strategy.session.context
    return Ledger(context.database).rows(context.namespace)


def candles(run, count):
    """Let so many candles be decided, and return their signals."""
    before = len(rows_of(run))
    while len(rows_of(run)) < before + count:
        run.step()
    return [row.signal for row in rows_of(run)[before:]]


def test_entries_pause_after_failed_candles_until_one_has_succeeded(sample, caplog):
    model = Model()
    model.is_down = True
    with bot(sample, model, pause_entries_after=2) as run:
        assert [(one.action, one.source) for one in candles(run, 2)] == [("wait", "fallback")] * 2
        assert "entries pause until a candle succeeds (llm_config.pause_entries_after)" in caplog.text
        model.is_down = False
        (first,) = candles(run, 1)
        assert (first.action, first.source) == ("wait", "veto")
        assert "enter_long refused: llm_config.pause_entries_after" in first.reason
        assert Trade.get_trades().all() == []
        assert "entries go on with the next candle" in caplog.text
        (second,) = candles(run, 1)
        assert (second.action, second.source) == ("enter_long", "model")
        run.step()
        assert len(Trade.get_trades().all()) == 1


def test_one_failed_candle_less_pauses_nothing(sample):
    model = Model()
    model.is_down = True
    with bot(sample, model, pause_entries_after=3) as run:
        candles(run, 2)
        model.is_down = False
        assert [one.action for one in candles(run, 1)] == ["enter_long"]


def test_while_the_model_is_down_a_position_is_held_and_its_stop_closes_it(sample):
    model, falls_soon = Model(), 1
    with bot(sample, model, falls_soon) as run:
        candles(run, 1)
        run.step()
        (trade,) = Trade.get_trades().all()
        model.is_down, before = True, len(rows_of(run))
        for _ in range(400):
            run.step()
            if not trade.is_open:
                break
        assert trade.exit_reason in ("stop_loss", "stoploss_on_exchange")
        held = [row for row in rows_of(run)[before:] if row.state == "long"]
        assert len(held) > 1
        assert {(row.signal.action, row.signal.source) for row in held} == {("hold", "fallback")}
        assert all(row.tries and "500" in row.tries[0].error for row in held)


@pytest.mark.parametrize("failures, requests", [(1000, 4), (2, 2)])
def test_an_endpoint_that_keeps_failing_is_left_alone(sample, failures, requests):
    model = Model()
    model.is_down = True
    with bot(sample, model, breaker={"failures": failures, "cooldown_seconds": 3600}) as run:
        candles(run, 4)
        assert model.asked == requests
        last = rows_of(run)[-1]
        assert ("left alone" in last.tries[0].error) == (requests == 2)


def test_after_the_cooldown_one_call_tries_again(sample):
    model = Model()
    model.is_down = True
    with bot(sample, model, breaker={"failures": 1, "cooldown_seconds": 0.2}) as run:
        candles(run, 1)
        model.is_down = False
        time.sleep(0.3)
        candles(run, 1)
        assert model.asked == 2
        assert rows_of(run)[-1].tries == ()


def test_a_model_that_hangs_costs_a_candle_its_deadline(sample):
    model = Model()
    model.thinks = 30
    with bot(sample, model, decision={"deadline_seconds": 0.6}) as run:
        run.step()
        started = time.monotonic()
        (signal,) = candles(run, 1)
        assert time.monotonic() - started < 5
        assert (signal.action, signal.source) == ("wait", "fallback")
        assert "no answer within" in rows_of(run)[-1].tries[0].error
