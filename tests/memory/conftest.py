from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from candlegraph.graph.schema.experience import ClosedTrade, Experience, RecordedDecision
from candlegraph.graph.settings.experience import RagConfig
from candlegraph.memory.learning.report import experience_of
from candlegraph.memory.store import ExperienceMemory, close_memory, open_memory

START = datetime(2025, 1, 1, tzinfo=UTC)


def trade(number: int = 0, **changes: Any) -> ClosedTrade:
    """Return an orderly small winner, opened `number` hours after the start, closed an hour later."""
    opened_at = START + timedelta(hours=number)
    facts: dict[str, Any] = {
        "namespace": "backtest:a",
        "trade_key": str(number),
        "pair": "BTC/USDT:USDT",
        "side": "long",
        "leverage": 5,
        "stake": 100,
        "entry_price": 100,
        "exit_price": 101,
        "planned_stop": 95,
        "opened_at": opened_at,
        "closed_at": opened_at + timedelta(hours=1),
        "known_at": changes.get("closed_at", opened_at + timedelta(hours=1)),
        "candle_minutes": 30,
        "profit_pct": 4,
        "profit_abs": 4,
        "mfe_pct": 5,
        "mae_pct": -2,
        "exit_reason": "exit_signal",
        "liquidated": False,
        "forced": False,
        "entry_reason": "pullback to support",
        "regime": "trend_up",
        "trend_strength": "strong",
        "entry_rsi": 45,
        "situation": (1.0, float(number), 0.5),
        "space": "test-1",
        "model_score": None,
        "model": "policy",
        "prompt_version": "1",
        "decision_id": f"decision-{number}",
        "events": (),
    }
    return ClosedTrade(**(facts | changes))


def recorded(number: int = 0, **changes: Any) -> RecordedDecision:
    opened_at = START + timedelta(hours=number)
    facts: dict[str, Any] = {
        "namespace": "backtest:a",
        "key": f"recorded-{number}",
        "pair": "BTC/USDT:USDT",
        "side": "long",
        "decision_type": "hold",
        "reason": "trend intact",
        "confidence": 0.8,
        "current_profit_pct": 7,
        "known_at": opened_at + timedelta(minutes=30),
        "opened_at": opened_at,
        "entry_price": 100,
        "situation": (1.0, 0.0, 0.5),
        "space": "test-1",
        "regime": "trend_up",
        "decision_id": "d",
    }
    return RecordedDecision(**(facts | changes))


@pytest.fixture(scope="session")
def make_trade() -> Callable[..., ClosedTrade]:
    return trade


@pytest.fixture(scope="session")
def make_recorded() -> Callable[..., RecordedDecision]:
    return recorded


@pytest.fixture(scope="session")
def make_experience() -> Callable[..., Experience]:
    return lambda number=0, **changes: experience_of(trade(number, **changes))


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "rag" / "memory.db"
    yield file
    close_memory(file)


@pytest.fixture
def memory(path: Path, rag: RagConfig) -> ExperienceMemory:
    return open_memory(path, rag)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a module that says `BOTH_DATABASES = True` on both."""
    if getattr(metafunc.module, "BOTH_DATABASES", False) and "rag" in metafunc.fixturenames:
        metafunc.parametrize("rag", ["sqlite", "postgres"], indirect=True)


@pytest.fixture
def rag(request: pytest.FixtureRequest) -> RagConfig:
    """Return where the memory is: in the file, or in a Postgres of its own."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return RagConfig()
    return RagConfig(database_url=request.getfixturevalue("database_url"))
