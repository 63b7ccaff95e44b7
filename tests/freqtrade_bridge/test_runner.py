"""The runner against a deadline: fast pairs are decided, a hanging one is its own outcome, a late one is collected."""

import asyncio
import time
from datetime import timedelta

from candlegraph.freqtrade_bridge.decisions.runner import Runner, decision_id
from candlegraph.graph.schema.errors import ModelError
from candlegraph.graph.state import CandleState
from candlegraph.memory.books.spending import Allowance


class Slow(Runner):
    """Decides by sleeping: the graph itself is tested elsewhere."""

    def __init__(self, context, seconds):
        super().__init__(context)
        self._seconds, self.contexts = seconds, {}

    async def _invoke(self, snapshot, context):
        self.contexts[snapshot.pair] = context
        seconds = self._seconds[snapshot.pair]
        if seconds is None:
            raise RuntimeError("planted")
        await asyncio.sleep(seconds)
        return CandleState(snapshot=snapshot)


def snapshots(make_snapshot, pairs):
    return {pair: make_snapshot().model_copy(update={"pair": pair}) for pair in pairs}


def test_pairs_are_decided_at_once_and_a_failure_stays_with_its_pair(make_snapshot, make_context):
    pairs = [f"P{i}/USDT:USDT" for i in range(20)]
    seconds = dict.fromkeys(pairs, 0.2) | {pairs[3]: None}
    found = Slow(make_context(), seconds).decide(snapshots(make_snapshot, pairs), None)
    assert "planted" in repr(found[pairs[3]].error)
    assert all(found[pair].state is not None for pair in pairs if pair != pairs[3])
    assert all(found[pair].latency_ms >= 190 for pair in pairs if pair != pairs[3])


def test_a_hanging_pair_does_not_hold_up_the_others_and_is_collected_later(make_snapshot, make_context):
    runner = Slow(make_context(), {"A": 0.01, "B": 1.0})
    found = runner.decide(snapshots(make_snapshot, ["A", "B"]), 0.3)
    assert found["A"].state is not None
    assert isinstance(found["B"].error, TimeoutError)
    time.sleep(1.0)
    late = runner.collect()
    assert late["B"][1].state is not None
    assert runner.collect() == {}


def test_a_late_decision_outlasts_the_decision_of_another_pair(make_snapshot, make_context):
    runner = Slow(make_context(), {"A": 0.5, "B": 0.01})
    assert runner.decide(snapshots(make_snapshot, ["A"]), 0.1)["A"].error is not None
    time.sleep(0.7)
    assert runner.decide(snapshots(make_snapshot, ["B"]), 5.0)["B"].state is not None
    assert set(runner.collect()) == {"A"}


def test_a_new_candle_drops_the_pending_decision_of_the_old_one(make_snapshot, make_context):
    runner = Slow(make_context(), {"A": 30.0})
    first = snapshots(make_snapshot, ["A"])
    runner.decide(first, 0.05)
    runner._seconds = {"A": 0.01}
    newer = {"A": first["A"].model_copy(update={"as_of": first["A"].as_of + timedelta(minutes=30)})}
    assert runner.decide(newer, 5.0)["A"].state.snapshot.as_of == newer["A"].as_of


def test_an_allowance_holds_for_the_decisions_of_its_candle_only(make_snapshot, make_context):
    runner = Slow(make_context(llm_config={"depth": "deep"}), {"A": 0.0})
    spent = runner.decide(snapshots(make_snapshot, ["A"]), None, Allowance(depth="fast", spent="a limit"))["A"]
    assert (spent.depth, runner.contexts["A"].depth, runner.contexts["A"].spent) == ("fast", "fast", "a limit")
    free = runner.decide(snapshots(make_snapshot, ["A"]), None)["A"]
    assert (free.depth, runner.contexts["A"].depth, runner.contexts["A"].spent) == ("deep", "deep", None)


def test_models_are_asked_until_shortly_before_the_deadline_so_that_the_graph_can_say_what_was_tried(
    make_snapshot, make_context, server
):
    server.script = [{"sleep": 5, "text": "late"}]
    context = make_context(llm_config={"api_base": server.url, "model": "m"})
    started = time.monotonic()
    found = Runner(context).decide(snapshots(make_snapshot, ["A"]), 1.0)["A"]
    assert time.monotonic() - started < 1.0
    assert isinstance(found.error, ModelError)
    assert [one.model for one in found.error.tries] == ["m"]


def test_an_id_belongs_to_run_pair_and_candle(make_snapshot):
    candle = make_snapshot().candle
    one = decision_id("dry_run", "A", candle)
    assert one == decision_id("dry_run", "A", candle)
    assert len({one, decision_id("live", "A", candle), decision_id("dry_run", "B", candle)}) == 3
