"""The charts of a run as plotly figures: equity, and candles with every order."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

import pandas as pd
import plotly.graph_objects as go

from candlegraph.freqtrade_bridge.report.result import RunResult, TradeRow

MOST_CANDLES = 2000
UP, DOWN, INK, MUTED = "#0f9d6b", "#d64550", "#4263eb", "#8a8f98"


def equity_chart(result: RunResult, candles: Mapping[str, pd.DataFrame]) -> go.Figure:
    """Return the balance after each closed trade, with an equal-weight buy and hold beside it."""
    closed = sorted(result.trades, key=lambda trade: trade.closed_at)
    times = [_time(result.begin_ms), *(trade.closed_at for trade in closed), _time(result.end_ms)]
    balances = [result.starting_balance]
    for trade in closed:
        balances.append(balances[-1] + trade.profit_abs)
    figure = go.Figure(
        go.Scatter(x=times, y=[*balances, balances[-1]], line={"shape": "hv", "color": INK}, name="balance")
    )
    held = buy_and_hold(result, candles)
    figure.add_scatter(x=held.index, y=held.to_numpy(), line={"color": MUTED, "dash": "dot"}, name="buy and hold")
    return _styled(figure, f"Balance, {result.currency}")


def buy_and_hold(result: RunResult, candles: Mapping[str, pd.DataFrame]) -> pd.Series:
    """Return the starting balance spread over the pairs at the first candle and left alone."""
    closes = pd.DataFrame({pair: frame.set_index("date")["close"] for pair, frame in candles.items()}).ffill().dropna()
    thinned = closes.iloc[:: max(1, len(closes) // MOST_CANDLES)]
    return (thinned / thinned.iloc[0]).mean(axis=1) * result.starting_balance


def pair_chart(pair: str, frame: pd.DataFrame, trades: Iterable[TradeRow]) -> go.Figure:
    """Return the candles of `pair` with entries, adjustments, exits and the stop of each trade."""
    shown = thinned(frame)
    prices = {name: shown[name] for name in ("open", "high", "low", "close")}
    candles = go.Candlestick(x=shown["date"], **prices, name=pair, increasing_line_color=UP, decreasing_line_color=DOWN)
    figure = go.Figure(candles)
    _add_stops(figure, own := [trade for trade in trades if trade.pair == pair])
    for name, points in _markers(own).items():
        times, levels, colours, symbols, texts = zip(*points, strict=True) if points else ((),) * 5
        marker = {"symbol": symbols, "size": 11, "color": colours, "line": {"width": 1, "color": "white"}}
        figure.add_scatter(x=times, y=levels, mode="markers", name=name, marker=marker, text=texts, hoverinfo="text+x")
    figure.update_layout(xaxis_rangeslider_visible=False)
    return _styled(figure, pair)


def thinned(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the candles, of four hours where there are too many to draw."""
    if len(frame) <= MOST_CANDLES:
        return frame
    rules = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    return frame.resample("4h", on="date").agg(rules).dropna().reset_index()


Marker = tuple[datetime, float, str, str, str]


def _markers(trades: Iterable[TradeRow]) -> dict[str, list[Marker]]:
    """Return time, price, colour, symbol and text of every order, by kind."""
    points: dict[str, list[Marker]] = {"entries": [], "adjustments": [], "exits": []}
    for trade in trades:
        first, last = trade.orders[0], trade.orders[-1]
        colour, symbol = (UP, "triangle-up") if trade.side == "long" else (DOWN, "triangle-down")
        text = f"{trade.side} {trade.leverage:g}x at {first.price:g}"
        points["entries"].append((_time(first.filled_ms), first.price, colour, symbol, text))
        text = f"exit ({trade.exit_reason}) {trade.profit_ratio:+.2%} at {last.price:g}"
        colour = UP if trade.profit_abs > 0 else DOWN
        points["exits"].append((_time(last.filled_ms), last.price, colour, "x", text))
        for order in trade.adjustments:
            text = f"{order.tag} at {order.price:g}"
            points["adjustments"].append((_time(order.filled_ms), order.price, INK, "diamond", text))
    return points


def _add_stops(figure: go.Figure, trades: Iterable[TradeRow]) -> None:
    times: list[datetime | None] = []
    levels: list[float | None] = []
    for trade in trades:
        if trade.stop is not None:
            times += [trade.opened_at, trade.closed_at, None]
            levels += [trade.stop, trade.stop, None]
    figure.add_scatter(
        x=times, y=levels, mode="lines", line={"color": DOWN, "width": 1.5, "dash": "dash"}, name="stops"
    )


def _styled(figure: go.Figure, title: str) -> go.Figure:
    clear = "rgba(0,0,0,0)"
    legend = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"}
    margin = {"l": 56, "r": 16, "t": 56, "b": 40}
    font = {"family": "system-ui, sans-serif", "color": MUTED}
    figure.update_layout(
        title=title,
        paper_bgcolor=clear,
        plot_bgcolor=clear,
        legend=legend,
        margin=margin,
        font=font,
        modebar={"bgcolor": clear},
    )
    grid = "rgba(138,143,152,0.2)"
    figure.update_xaxes(gridcolor=grid)
    figure.update_yaxes(gridcolor=grid)
    return figure


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
