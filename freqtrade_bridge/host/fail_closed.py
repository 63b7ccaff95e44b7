"""The one broad `except`: freqtrade replaces a failing callback's answer by its own default (a whole slot, 1x, True).

So every callback fails closed: it answers with the value given here, the failure is kept, and a backtest stops at it.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from candlegraph.graph.schema.errors import BridgeError, ModelError

logger = logging.getLogger(__name__)
Method = TypeVar("Method", bound=Callable[..., Any])


def fail_closed(answer: Any = None) -> Callable[[Method], Method]:
    """Decorate a strategy callback so that an exception gives `answer` and is kept in `self.failure`."""

    def decorate(method: Method) -> Method:
        @wraps(method)
        def guarded(self: Any, *args: Any, **kwargs: Any) -> Any:
            try:
                return method(self, *args, **kwargs)
            except Exception as error:  # noqa: BLE001  anything may fail in here, and the position must outlive it
                remember(self, method.__name__, kwargs, error)
                return answer

        # Freqtrade looks for `after_fill` with getfullargspec, which does not follow __wrapped__.
        guarded.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]
        return cast(Method, guarded)

    return decorate


def remember(strategy: Any, callback: str, arguments: dict[str, Any], error: Exception) -> None:
    """Log the failure with pair and time; the first one is kept, and the backtest hook raises it."""
    if isinstance(error, BridgeError):
        failure = error
    else:
        where = f"{arguments.get('pair') or getattr(arguments.get('trade'), 'pair', 'all pairs')}"
        failure = BridgeError(f"{where} at {arguments.get('current_time')}: {callback} failed: {error!r}")
        failure.__cause__ = error
    # An outage is told in its message; the trace of anything else is what it is looked for by.
    logger.error("%s", failure, exc_info=None if isinstance(error.__cause__, ModelError) else error)
    if strategy.failure is None:
        strategy.failure = failure
