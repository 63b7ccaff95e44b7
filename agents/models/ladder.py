"""From rung to rung until one answers: attempts with pauses, then the next model, all inside one deadline.

first model: attempt, pause, attempt … -> fallback models the same way -> ModelError, with all that was tried
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from candlegraph.agents.models.breaker import AdmittedCall, Circuit
from candlegraph.agents.models.failures import Failure, failure_of
from candlegraph.agents.models.rung import Rung
from candlegraph.graph.schema.calls import Try
from candlegraph.graph.schema.errors import ModelError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds; doubled from attempt to attempt."""
MOST_PATIENCE = 120.0
"""Seconds; an endpoint that asks for a longer pause is passed over, also where no deadline ends it (a backtest)."""


@dataclass(frozen=True)
class Inquiry:
    """One request on its way down the ladder; `deadline` in seconds of the monotonic clock, None = none."""

    messages: list[BaseMessage]
    tools: tuple[dict[str, Any], ...]
    deadline: float | None = None
    late_counts: bool = False
    """A late answer is still worth something: what is under way at the deadline may end."""
    tries: list[Try] = field(default_factory=list)


@dataclass(frozen=True)
class Turn:
    """One rung's turn: attempts and pauses end at `until`, so that the rungs after it keep their share."""

    rung: Rung
    until: float
    is_last: bool


class Ladder:
    """The models of one role, and the circuits of their endpoints."""

    def __init__(
        self,
        rungs: tuple[Rung, ...],
        circuits: Callable[[str], Circuit],
        secrets: tuple[str, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rungs = rungs
        self._circuits = circuits
        self._secrets = secrets
        self._clock = clock

    async def ask(self, asked: Inquiry) -> tuple[AIMessage, Rung]:
        """Return the first answer and who gave it; raise ModelError when nobody did."""
        for place, rung in enumerate(self.rungs):
            answer = await self._on(self._turn(rung, len(self.rungs) - place, asked), asked)
            if answer is not None:
                return answer, rung
        failed = Counter(f"{one.model}: {one.error}" for one in asked.tries)
        said = "; ".join(f"{one} ({count} times)" if count > 1 else one for one, count in failed.items())
        raise ModelError(f"no model answered: {said}", tuple(asked.tries))

    def _turn(self, rung: Rung, rungs_left: int, asked: Inquiry) -> Turn:
        now = self._clock()
        share = float("inf") if asked.deadline is None else (asked.deadline - now) / rungs_left
        return Turn(rung, now + share, is_last=rungs_left == 1)

    async def _on(self, turn: Turn, asked: Inquiry) -> AIMessage | None:
        """Return the rung's answer, None once it has failed for good; the circuit learns of the end."""
        # Not by the endpoint alone: a model out of its quota must not close the way to its fallback beside it.
        circuit = self._circuits(f"{turn.rung.endpoint} {turn.rung.settings.model}")
        call = await self._admitted(turn, circuit)
        if call is None:
            asked.tries.append(self._left_alone(turn.rung, circuit))
            return None
        try:
            ended = await self._attempts(turn, asked)
        except asyncio.CancelledError:
            circuit.abandoned(call)
            raise
        if isinstance(ended, AIMessage):
            circuit.succeeded()
            return ended
        self._tell(circuit, call, ended)
        return None

    async def _admitted(self, turn: Turn, circuit: Circuit) -> AdmittedCall | None:
        """Return the call that the circuit admits; where no model comes after, the end of its probe is waited for.

        Else the first candle after an outage would be decided for one pair only.
        """
        call = circuit.admits(self._clock())
        while call is None and turn.is_last and circuit.probe is not None and self._clock() < turn.until:
            end = asyncio.wait_for(circuit.probe.ended.wait(), turn.until - self._clock())
            await asyncio.gather(end, return_exceptions=True)
            call = circuit.admits(self._clock())
        return call

    def _tell(self, circuit: Circuit, call: AdmittedCall, failure: Failure | None) -> None:
        if failure is None:
            circuit.abandoned(call)
        elif failure.is_endpoints:
            circuit.failed(call, self._clock())
        else:
            circuit.succeeded()  # it refused this request, so it is there

    async def _attempts(self, turn: Turn, asked: Inquiry) -> AIMessage | Failure | None:
        """Return the rung's answer or its last failure; None if there was no time to ask."""
        failure: Failure | None = None
        attempts = turn.rung.settings.retry_times + 1
        for number in range(attempts):
            if self._clock() >= turn.until:
                break
            started = self._clock()
            result = await self._attempt(turn, asked)
            if isinstance(result, AIMessage):
                return result
            failure = failure_of(result, self._secrets, datetime.now(UTC))
            asked.tries.append(self._try(turn.rung, failure.text, self._clock() - started))
            pause = pause_after(failure, number)
            if number + 1 == attempts or pause is None or self._clock() + pause >= turn.until:
                break  # the next model is asked now instead
            await asyncio.sleep(pause)
        if failure is None:
            asked.tries.append(self._try(turn.rung, "no time was left to ask", 0.0))
        return failure

    async def _attempt(self, turn: Turn, asked: Inquiry) -> AIMessage | BaseException:
        """Return the answer, or what was raised."""
        limit = turn.rung.settings.timeout
        if not (asked.late_counts and turn.is_last):
            limit = min(limit, turn.until - self._clock())
        work = asyncio.wait_for(turn.rung.ask(asked.messages, asked.tools), limit)
        result = (await asyncio.gather(work, return_exceptions=True))[0]
        if isinstance(result, TimeoutError):
            return TimeoutError(f"no answer within {limit:.3g} s")
        return result

    def _left_alone(self, rung: Rung, circuit: Circuit) -> Try:
        seconds = circuit.opens_in(self._clock())
        when = f"tried again in {seconds:.0f} s" if seconds else "another call tries whether it is back"
        return self._try(rung, f"left alone after failures, {when}", 0.0)

    @staticmethod
    def _try(rung: Rung, error: str, seconds: float) -> Try:
        return Try(model=rung.settings.model, error=error, seconds=max(0.0, seconds))


def pause_after(failure: Failure, number: int) -> float | None:
    """Return the seconds between the attempt of this number, from 0, and the next; None where no next may help."""
    own = min(FIRST_PAUSE * 2**number, LONGEST_PAUSE)
    pause = own if failure.retry_after is None else failure.retry_after
    return pause if failure.is_retryable and pause <= MOST_PATIENCE else None
