"""Freqtrade's own API of a bot in this process, as FreqUI asks it."""

from fastapi import FastAPI
from fastapi.testclient import TestClient
from freqtrade.rpc import RPC
from freqtrade.rpc.api_server import api_trading
from freqtrade.rpc.api_server.deps import get_config, get_rpc


def asked(run, path, **parameters):
    """Return what the API answers."""
    app = FastAPI()
    app.include_router(api_trading.router)
    app.dependency_overrides[get_rpc] = lambda: RPC(run.bot)
    app.dependency_overrides[get_config] = lambda: run.bot.config
    answer = TestClient(app).get(path, params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()
