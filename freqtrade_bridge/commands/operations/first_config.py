"""The configuration and the secrets of a new bot, made from four answers; pure but for the passwords."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from candlegraph.graph.schema.errors import ConfigError

CURRENCIES = {
    "binance": "USDT",
    "bitget": "USDT",
    "bybit": "USDT",
    "gate": "USDT",
    "hyperliquid": "USDC",
    "krakenfutures": "USD",
    "okx": "USDT",
}
"""The exchanges on which Freqtrade trades futures with isolated margin, each with the currency of its contracts."""
LOGINS = {
    "bitget": ("KEY", "SECRET", "PASSWORD"),
    "hyperliquid": ("WALLET_ADDRESS", "PRIVATE_KEY"),
    "okx": ("KEY", "SECRET", "PASSWORD"),
}
"""What an account is opened with, where it is not key and secret."""
ADDRESS, PORT = "127.0.0.1", 8086
POLICY, LOCAL = "policy", "local"
BASE = re.compile(r"[A-Z0-9]{1,20}")
COMMON: dict[str, Any] = {
    "break_even_after_r": 1,
    "trailing_after_r": 2,
    "checks": {"reward_to_risk": "block", "cooldown": "block", "against_trend": "block"},
    "protections": [
        {"method": "CooldownPeriod", "stop_duration_candles": 2},
        {"method": "StoplossGuard", "lookback_period_candles": 48, "trade_limit": 3, "stop_duration_candles": 12},
    ],
}
KEYS = (
    "max_leverage",
    "max_position_pct",
    "max_open_trades",
    "max_risk_per_trade_pct",
    "max_total_exposure",
    "min_confidence",
    "max_daily_loss_pct",
    "emergency_stop_loss",
)
PROFILES: dict[str, tuple[float, ...]] = {
    "prudent": (3, 10, 2, 0.5, 1, 65, 2, -0.08),
    "normal": (5, 20, 3, 1, 2, 60, 4, -0.15),
    "bold": (10, 25, 5, 2, 4, 55, 6, -0.25),
}
"""Values of KEYS: a prudent account of 1,000 loses about 5 at a stop, and halts when 80 are gone from its peak."""
HEADER = """\
// Written by `candlegraph init`. A dry-run: real prices, no orders. No secret belongs in here, they are in .env.
// docs/configuration.md says what else can be set; `candlegraph check -c {name}` whether it is sound.
"""
SECRETS_HEADER = """\
# Secrets of the bot beside this file, readable by you alone. Every candlegraph command that is given -c reads them;
# what the shell sets wins. Plain freqtrade does not read them: set -a; . ./.env; set +a
# The key of the model's endpoint, llm_config.api_base; the rule and the local model need none.
CANDLEGRAPH_API_KEY=
# Keys of {exchange}, for "dry_run": false alone. Never give them the right to withdraw.
{keys}
# Of Freqtrade's API and FreqUI; the user is candlegraph.
"""


@dataclass(frozen=True)
class NewBot:
    """What a person wants of the new bot."""

    exchange: str
    pairs: tuple[str, ...]
    model: str
    api_base: str | None
    risk: str


def pairs_of(words: Sequence[str], exchange: str) -> tuple[str, ...]:
    """Return the contracts that the words name, BTC or BTC/USDT:USDT; raise ConfigError for another form."""
    currency = CURRENCIES[exchange]
    tail = f"/{currency}:{currency}"
    found = [word.upper().removesuffix(tail) for word in words]
    for word, base in zip(words, found, strict=True):
        if not BASE.fullmatch(base):
            raise ConfigError(f"init: pair {word!r}: expected one like BTC or BTC{tail}, as {exchange} names it")
    return tuple(f"{base}{tail}" for base in dict.fromkeys(found))


def config_of(answers: NewBot, dry_run_wallet: float = 1000) -> dict[str, Any]:
    """Return the configuration; it holds no secret."""
    pricing = {"price_side": "other", "use_order_book": True, "order_book_top": 1}
    rules = dict(zip(KEYS, PROFILES[answers.risk], strict=True))
    return {
        "bot_name": "candlegraph",
        "dry_run": True,
        "dry_run_wallet": dry_run_wallet,
        "trading_mode": "futures",
        "margin_mode": "isolated",
        "stake_currency": CURRENCIES[answers.exchange],
        "stake_amount": "unlimited",
        "tradable_balance_ratio": 0.9,
        "max_open_trades": rules["max_open_trades"],
        "timeframe": "30m",
        "cancel_open_orders_on_exit": False,
        "unfilledtimeout": {"entry": 10, "exit": 10, "unit": "minutes", "exit_timeout_count": 0},
        "entry_pricing": pricing,
        "exit_pricing": pricing,
        "exchange": {"name": answers.exchange, "pair_whitelist": list(answers.pairs), "pair_blacklist": []},
        "pairlists": [{"method": "StaticPairList"}],
        "api_server": {
            "enabled": True,
            "listen_ip_address": ADDRESS,
            "listen_port": PORT,
            "username": "candlegraph",
            "verbosity": "error",
        },
        "initial_state": "running",
        "internals": {"process_throttle_secs": 5},
        "llm_config": _model(answers),
        "risk_management": rules | COMMON,
        "context_config": {"timeframes": ["30m", "1h", "4h", "1d"], "language": "en"},
    }


def _model(answers: NewBot) -> dict[str, Any]:
    """Return the block of the deciding model; raise ConfigError for a name that no endpoint is given for."""
    if answers.model in (POLICY, LOCAL) and answers.api_base is not None:
        raise ConfigError(f"init: --api-base: {answers.model!r} asks no endpoint; leave it out, or name a model of it")
    if answers.model == POLICY:
        return {"provider": POLICY, "model": POLICY}
    if answers.model == LOCAL:
        from candlegraph.agents.models.local import local_overrides, weights

        weights()
        return {key: value for key, value in local_overrides().items() if value not in (None, {}, [])}
    if answers.api_base is None:
        raise ConfigError(f"init: model {answers.model!r}: expected --api-base URL too, or --model policy or local")
    return {
        "api_base": answers.api_base,
        "model": answers.model,
        "timeout": 45,
        "retry_times": 1,
        "decision": {"deadline_seconds": 100},
    }


def blank_secrets_of(exchange: str) -> str:
    """Return the text of a new `.env`: what the exchange asks for, each without a value."""
    names = LOGINS.get(exchange, ("KEY", "SECRET"))
    return SECRETS_HEADER.format(exchange=exchange, keys="\n".join(f"FREQTRADE__EXCHANGE__{one}=" for one in names))


def risk_told(name: str) -> str:
    """Return what a profile means, shortly."""
    rules = dict(zip(KEYS, PROFILES[name], strict=True))
    return f"{name} {rules['max_leverage']:g}x {rules['max_risk_per_trade_pct']:g} %"


def new_passwords() -> dict[str, str]:
    """Return the variables that lock Freqtrade's API, with values that nobody knew before."""
    return {
        "FREQTRADE__API_SERVER__PASSWORD": secrets.token_urlsafe(18),
        "FREQTRADE__API_SERVER__JWT_SECRET_KEY": secrets.token_urlsafe(36),
        "FREQTRADE__API_SERVER__WS_TOKEN": secrets.token_urlsafe(36),
    }
