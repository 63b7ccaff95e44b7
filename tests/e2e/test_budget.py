"""Money and tokens in real backtests: counted by the price table, and a limit that degrades, then stops the asking."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import backtests
import pytest

from candlegraph.agents.models.policy_server import completion

DAY = "1763164800-1763208000"
"""Twelve hours of 2025-11-15."""
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 400},
}
PRICE = {"input": 1000.0, "output": 4000.0, "cached_input": 250.0}
COST = (600 * 1000.0 + 400 * 250.0 + 100 * 4000.0) / 1e6


@contextmanager
def metered():
    """Serve the policy rule with a stated usage."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1

        def do_POST(self):
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            body = json.dumps(completion(request) | {"usage": USAGE}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v1"
        server.shutdown()


def decided(sample, tmp_path, name="one", timerange=DAY, **llm):
    with metered() as url:
        config = {"api_base": url, "model": "m"} | llm
        result = backtests.run(sample.datadir, tmp_path / name, sample.pairs[:1], timerange, llm_config=config)
        return result.decisions()


def test_money_is_counted_by_the_price_table(sample, tmp_path):
    rows = decided(sample, tmp_path, prices={"m": PRICE})
    assert len(rows) > 20
    single = [row for row in rows if row.calls == 1]
    assert single and all(row.cost == pytest.approx(COST) for row in single)
    dearer = decided(sample, tmp_path, "two", prices={"m": PRICE | {"output": 8000.0}})
    assert dearer[0].cost == pytest.approx(COST + 0.4)
    whole = decided(sample, tmp_path, "three", prices={"m": {name: PRICE[name] for name in ("input", "output")}})
    assert whole[0].cost == pytest.approx(COST + 400 * 750 / 1e6)


def test_without_a_price_the_money_is_unknown_and_not_nothing(sample, tmp_path):
    assert {row.cost for row in decided(sample, tmp_path)} == {None}


LIMITS = {
    "run_cost": 10 * COST,
    "daily_cost": 10 * COST,
    "monthly_cost": 10 * COST,
    "daily_tokens": 11_000,
}


@pytest.mark.parametrize("limit", LIMITS)
def test_a_limit_first_makes_the_depth_fast_and_then_asks_no_model(limit, sample, tmp_path):
    llm = {"depth": "deep", "prices": {"m": PRICE}, "budget": {limit: LIMITS[limit], "degrade_at": 0.5}}
    rows = decided(sample, tmp_path, **llm)
    first_day = [row for row in rows if row.as_of.day == rows[0].as_of.day]
    depths = [row.depth for row in first_day]
    assert depths == sorted(depths), "deep before fast"
    assert {"deep", "fast"} == set(depths)
    asking = [row for row in first_day if row.signal.source != "budget"]
    silent = [row for row in first_day if row.signal.source == "budget"]
    assert silent and all(row.calls == 0 for row in silent)
    assert all(f"llm_config.budget.{limit}" in row.signal.reason for row in silent)
    assert asking == first_day[: len(asking)]
    spent = sum(row.cost for row in asking) / COST
    assert 10 <= spent <= 10 + asking[-1].calls


def test_a_new_day_has_a_new_budget(sample, tmp_path):
    llm = {"prices": {"m": PRICE}, "budget": {"daily_cost": 10 * COST}}
    rows = decided(sample, tmp_path, timerange="20251115-20251117", **llm)
    asked = [row for row in rows if row.signal.source != "budget"]
    assert len({row.as_of.date() for row in asked}) >= 2
    assert len(asked) < len(rows)


def test_the_share_at_which_the_depth_becomes_fast(sample, tmp_path):
    def deep_rows(share):
        budget = {"run_cost": 20 * COST, "degrade_at": share}
        llm = {"depth": "deep", "prices": {"m": PRICE}, "budget": budget}
        return sum(row.depth == "deep" for row in decided(sample, tmp_path, f"at{share}", **llm))

    assert deep_rows(0.25) < deep_rows(0.75)
