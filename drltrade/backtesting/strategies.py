"""Strategies as functions: called bar by bar with the bars up to now, they return weights."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from drltrade.backtesting.ledger import Floats
from drltrade.data.bars import COLUMNS
from drltrade.errors import DataError, StrategyError, suggestion
from drltrade.functions import place_of
from drltrade.market.tensors import Market

Strategy = Callable[[Any], Any]
"""Of the bars up to now (a frame; of several symbols frames by symbol) the weights to hold next."""


def strategy_targets(strategy: Strategy, market: Market, rows: range) -> Floats:
    """[T, N] what a strategy asks for at the close of each of `rows` but the last.

    It is given the bars up to and including that one, from the market's first on, so that what
    comes after cannot reach it: a frame of open, high, low, close and volume by time, read-only; in
    a market of several symbols a dict of such frames, each with the bars in which it traded. It
    returns a number (of one symbol), a mapping or a Series of symbol -> weight, in which a symbol
    that is not named has weight 0; NaN or None holds what there is.

    Raises:
        DataError: what it returns is none of these; names the time. StrategyError: it raises
            something itself; names file, line, function and time.
    """
    start = next((span[0] for span in market.spans if rows[0] in span), 0)
    history = [_history(market, asset, start, rows[-1]) for asset in range(market.assets)]
    targets = np.empty((len(rows) - 1, market.assets))
    for step, row in enumerate(rows[:-1]):
        frames = {
            symbol: pd.DataFrame(values[: (ends := int(count[row - start]))], times[:ends], COLUMNS,
                                 copy=False)
            for symbol, (values, times, count) in zip(market.symbols, history, strict=True)
        }  # fmt: skip
        given = frames if market.assets > 1 else frames[market.symbols[0]]
        try:
            answer = strategy(given)
        except Exception as error:
            raise StrategyError(
                f"strategy {_name(strategy)} fails at {market.times[row]}, decision {step + 1} of "
                f"{len(targets)}: {type(error).__name__}: {error}{place_of(error)}"
            ) from error
        where = f"strategy {_name(strategy)} at {market.times[row]}"
        targets[step] = _weights(answer, market.symbols, where)
    if np.isnan(targets).all():
        raise DataError(
            f"strategy {_name(strategy)} returned no weight at any bar; is there a return missing?"
        )
    return targets


def _history(
    market: Market, asset: int, start: int, last: int
) -> tuple[Floats, pd.DatetimeIndex, np.ndarray]:
    """Bars in which an asset traded, read-only, their times, and how many there are by each row."""
    part = slice(start, last)
    traded = market.tradable[part, asset]
    columns = (market.open, market.high, market.low, market.close, market.volume)
    values = np.stack([column[part, asset][traded] for column in columns], axis=1)
    values.setflags(write=False)
    return values, market.times[part][traded], np.cumsum(traded)


def _weights(answer: Any, symbols: tuple[str, ...], where: str) -> list[float]:
    if answer is None:
        return [np.nan] * len(symbols)
    if isinstance(answer, Mapping | pd.Series):
        named = dict(answer.items())
        for symbol in named:
            if symbol not in symbols:
                hint = suggestion(str(symbol), symbols)
                raise DataError(
                    f"{where}: weight of {symbol!r}{hint}; there are {', '.join(symbols)}"
                )
        return [_number(named.get(symbol, 0.0), where) for symbol in symbols]
    if len(symbols) > 1:
        raise DataError(
            f"{where}: returned {answer!r}; of several symbols a mapping or a Series of symbol -> "
            "weight is needed"
        )
    return [_number(answer, where)]


def _number(value: Any, where: str) -> float:
    try:
        return np.nan if value is None else float(value)
    except (TypeError, ValueError):
        raise DataError(f"{where}: returned {value!r}, which is no weight") from None


def _name(strategy: Strategy) -> str:
    return getattr(strategy, "__name__", type(strategy).__name__)
