"""From rung to rung until one answers: attempts with pauses, then the next model, all inside one deadline.

first model: attempt, pause, attempt … -> fallback models the same way -> ModelError, with all that was tried
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import AIMessage, BaseMessage

from candlegraph.agents.models.breaker import Circuit
from candlegraph.agents.models.failures import Failure, failure_of
from candlegraph.agents.models.rung import Rung
from candlegraph.graph.calls import Try
from candlegraph.graph.errors import ModelError

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds; doubled from attempt to attempt."""


@dataclass(frozen=True)
class Asked:
    """One request on its way down the ladder; `deadline` in seconds of the monotonic clock, None = none."""

    messages: list[BaseMessage]
    tools: tuple[dict[str, Any], ...]
    deadline: float | None = None
    late_counts: bool = False
    """A late answer is still worth something: what is under way at the deadline may end."""
    tries: list[Try] = field(default_factory=list)

    def left(self, now: float) -> float:
        """Return the seconds until the deadline."""
        return float("inf") if self.deadline is None else self.deadline - now


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

    async def ask(self, asked: Asked) -> tuple[AIMessage, Rung]:
        """Return the first answer and who gave it; raise ModelError when nobody did."""
        for place, rung in enumerate(self.rungs):
            answer = await self._on(rung, len(self.rungs) - place, asked)
            if answer is not None:
                return answer, rung
        said = "; ".join(f"{one.model}: {one.error}" for one in asked.tries)
        raise ModelError(f"no model answered: {said}", tuple(asked.tries))

    async def _on(self, rung: Rung, rungs_left: int, asked: Asked) -> AIMessage | None:
        """Return the rung's answer, None once it has failed for good; the circuit learns of the end."""
        circuit = self._circuits(rung.endpoint)
        if not circuit.admits(self._clock()):
            left = circuit.opens_in(self._clock())
            asked.tries.append(self._try(rung, f"left alone after failures, tried again in {left:.0f} s", 0.0))
            return None
        try:
            answer, last = await self._attempts(rung, rungs_left, asked)
        except asyncio.CancelledError:
            circuit.abandoned()
            raise
        if answer is not None or last is None or not last.is_endpoints:
            circuit.succeeded() if answer is not None else circuit.abandoned()
        else:
            circuit.failed(self._clock())
        return answer

    async def _attempts(self, rung: Rung, rungs_left: int, asked: Asked) -> tuple[AIMessage | None, Failure | None]:
        failure: Failure | None = None
        pauses = self._pauses(rung.settings.retry_times)
        while asked.left(self._clock()) > 0:
            started = self._clock()
            result = await self._attempt(rung, rungs_left, asked)
            if isinstance(result, AIMessage):
                return result, None
            failure = failure_of(result, self._secrets, datetime.now(UTC))
            asked.tries.append(self._try(rung, failure.text, self._clock() - started))
            pause = next(pauses, None)
            if pause is None or not failure.is_retryable:
                break
            pause = pause if failure.retry_after is None else failure.retry_after
            if pause >= asked.left(self._clock()):
                break  # the next model is asked now instead
            await asyncio.sleep(pause)
        if failure is None:
            asked.tries.append(self._try(rung, "no time was left to ask", 0.0))
        return None, failure

    async def _attempt(self, rung: Rung, rungs_left: int, asked: Asked) -> AIMessage | BaseException:
        """Return the answer, or what was raised; an attempt leaves the models after it their share of the time."""
        limit = rung.settings.timeout
        if not (asked.late_counts and rungs_left == 1):
            limit = min(limit, asked.left(self._clock()) / rungs_left)
        work = asyncio.wait_for(rung.ask(asked.messages, asked.tools), limit)
        result = (await asyncio.gather(work, return_exceptions=True))[0]
        if isinstance(result, TimeoutError):
            return TimeoutError(f"no answer within {limit:.3g} s")
        return result

    @staticmethod
    def _pauses(times: int) -> Iterator[float]:
        for number in range(times):
            yield min(FIRST_PAUSE * 2**number, LONGEST_PAUSE)

    @staticmethod
    def _try(rung: Rung, error: str, seconds: float) -> Try:
        return Try(model=rung.settings.model, error=error, seconds=max(0.0, seconds))
