"""`candlegraph trade`: freqtrade's bot with the graph; offline a dry-run without key, account or network."""

from __future__ import annotations

import secrets
import socket
from argparse import Namespace
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from candlegraph.freqtrade_bridge.commands.arguments import MONTH, datadir_of, demo_candles
from candlegraph.freqtrade_bridge.commands.run_arguments import given, overrides_of
from candlegraph.freqtrade_bridge.report.listing import console
from candlegraph.graph.schema.errors import ConfigError

PORT, ADDRESS = 8080, "127.0.0.1"
FILE_ALONE = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"standard": {"format": "%(asctime)s - %(name)s - %(levelname)s - %(message)s"}},
    "handlers": {},
    "root": {"handlers": [], "level": "INFO"},
}
"""Freqtrade's logging without its console; it adds the file itself."""


def print_trade(arguments: Namespace) -> None:
    """Run the bot until it is stopped."""
    config = given(arguments).merged
    refuse_taken_port(config)
    if arguments.offline:
        _print_offline(arguments, config)
        return
    if named := [name for name, one in (("--from", arguments.begin), ("--datadir", arguments.datadir)) if one]:
        raise ConfigError(f"trade: {' and '.join(named)}: only with --offline; an exchange has candles of its own")
    from candlegraph.freqtrade_bridge.loopback.trade import TradeOrder, run_online

    run_online(TradeOrder(datadir_of(arguments, config), arguments.userdir.resolve(), **_told(arguments)))


def _print_offline(arguments: Namespace, config: Mapping[str, Any]) -> None:
    from candlegraph.freqtrade_bridge.host.run_name import namespace_offline, new_name
    from candlegraph.freqtrade_bridge.loopback.trade import TradeOrder, database_of_run, run_offline, staged

    datadir = _candles(arguments, config)
    order = TradeOrder(datadir, arguments.userdir.resolve(), begin=arguments.begin, **_told(arguments))
    name, screen = new_name(datetime.now(UTC)), console()
    api = config.get("api_server") or ({} if arguments.config else own_api())
    with staged(order, {"api_server": api} if api else {}) as stage:
        screen.print(f"Offline: binance is played on loopback, with candles of {datadir}: {', '.join(stage.pairs)}.")
        screen.print(f"Now is {stage.now:%Y-%m-%d %H:%M} UTC in them; they last for {stage.lasts.days} days.")
        if stage.left_out:
            screen.print(f"Switched off, they need the network: {', '.join(stage.left_out)}.")
        if api and api.get("enabled"):
            screen.print(told_of(api, is_ours=not arguments.config), soft_wrap=True)
        screen.print(f"Trades: {order.userdir / database_of_run(name)}. Ctrl-C ends the run.\n", soft_wrap=True)
        try:
            run_offline(order, stage, name)
        finally:
            screen.print(
                f"What it decided: candlegraph ledger show --namespace {namespace_offline(name)}", soft_wrap=True
            )


def _candles(arguments: Namespace, config: Mapping[str, Any]) -> Path:
    """Return the candle folder; where none is named and none of the exchange's is there, the demo's."""
    datadir = datadir_of(arguments, config).resolve()
    if arguments.datadir or (arguments.config and (datadir / "futures").is_dir()):
        return datadir
    demo = demo_candles((arguments.userdir / "data").resolve())
    if demo.name == MONTH:
        return demo
    from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market

    write_sample_market(demo)
    return demo


def _told(arguments: Namespace) -> dict[str, Any]:
    return {
        "pairs": tuple(arguments.pairs or ()),
        "configs": tuple(Path(path).resolve() for path in arguments.config),
        "overrides": overrides_of(arguments) | ({"log_config": FILE_ALONE} if arguments.quiet else {}),
        "extra": tuple(arguments.freqtrade),
    }


def own_api() -> dict[str, Any]:
    """Return freqtrade's API on a free port of this machine, with a password that nobody knew before."""
    return {
        "enabled": True,
        "listen_ip_address": ADDRESS,
        "listen_port": free_port(),  # not the usual one: of two that start at once, both would find it free
        "username": "candlegraph",
        "password": secrets.token_urlsafe(12),
        "jwt_secret_key": secrets.token_urlsafe(32),
        "ws_token": secrets.token_urlsafe(32),
    }


def told_of(api: Mapping[str, Any], *, is_ours: bool) -> str:
    """Return where the API is, and how to get in where the password is ours."""
    way = f", user {api['username']}, password {api['password']}" if is_ours else ""
    place = f"http://{api.get('listen_ip_address', ADDRESS)}:{api.get('listen_port', PORT)}"
    return f"API: {place}{way}; once `freqtrade install-ui` has run, FreqUI is there."


def refuse_taken_port(config: Mapping[str, Any]) -> None:
    """Raise ConfigError where another program has the port of the API: freqtrade would wait for it for ever."""
    api = config.get("api_server") or {}
    address, port = str(api.get("listen_ip_address", ADDRESS)), int(api.get("listen_port", PORT))
    if api.get("enabled") and not is_free(address, port):
        raise ConfigError(
            f"config: api_server.listen_port = {port}: another program has it; stop that, or name a free one"
        )


def is_free(address: str, port: int) -> bool:
    """Return whether nobody listens there."""
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((address, port))
        except OSError:
            return False
        return True


def free_port() -> int:
    """Return a port of this machine that nobody has now."""
    with socket.create_server((ADDRESS, 0)) as tried:
        return int(tried.getsockname()[1])
