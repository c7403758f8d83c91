"""A benchmark of the user's: a file, a symbol or a data set, held over the bars of a backtest."""

from pathlib import Path

import numpy as np
import pandas as pd

from drltrade.backtesting.ledger import Floats, Ledger
from drltrade.data.bars import Bars
from drltrade.data.catalog import load_bars
from drltrade.data.labels import dates_of, in_zone
from drltrade.envs.periods import PeriodName
from drltrade.envs.task import Task
from drltrade.errors import DataError
from drltrade.market.state import COST_PARTS
from drltrade.report.summary import Entry


def benchmark_entry(source: str | Path, task: Task, period: PeriodName) -> Entry:
    """What holding a benchmark brought over a period, without costs, as a line of a report.

    Args:
        source: a symbol of the task's own data; or a file or data set (as `load_bars` takes), as
            NAME:SYMBOL where it holds several.
        task: whose bars it is aligned with: at each the benchmark's last close by then counts. A
            daily close counts from the last bar of its date on.
        period: of the task.

    Raises:
        DataError: there is no such series, its prices are bad, or it does not cover the period.
    """
    name, frame, bars = _series(str(source), task)
    rows = task.rows(period)
    times = task.market.times[rows[0] : rows[-1] + 1]
    where = f"benchmark {source} ({bars.source})"
    close = _aligned(frame["close"], bars.zone, times, task.market.zone, where)
    return Entry(name, (_held(name, times, close, task),), "benchmark")


def _series(source: str, task: Task) -> tuple[str, pd.DataFrame, Bars]:
    """Its symbol, its bars, and where they are from."""
    synthetic = getattr(task.config, "synthetic", None) is not None
    own = None if synthetic else load_bars(task.config.data, None, task.config.layout)
    if own is not None and source in own.symbols:
        return source, own.frame(source), own
    name, _, symbol = source.rpartition(":")
    try:
        bars = load_bars(source) if not name or Path(source).is_file() else load_bars(name)
    except DataError as error:
        others = f"; nor is it a symbol of {own.source} ({', '.join(own.symbols)})" if own else ""
        raise DataError(f"--benchmark {source}: {error}{others}") from None
    if name and not Path(source).is_file():
        return symbol, bars.frame(symbol), bars
    if len(bars.symbols) > 1:
        raise DataError(
            f"--benchmark {source}: holds {', '.join(bars.symbols)}; name one of them, as "
            f"{source}:{bars.symbols[0]}"
        )
    return bars.symbols[0], bars.frame(bars.symbols[0]), bars


def _aligned(
    close: pd.Series, zone: str | None, times: pd.DatetimeIndex, own_zone: str | None, where: str
) -> Floats:
    """[T] the last close by each of `times`."""
    known = pd.DatetimeIndex(close.index)
    if known.is_normalized or times.is_normalized:
        # One of the two has dates: the last bar of a date has seen that date's close.
        daily = known.is_normalized
        known = dates_of(known)
        dates = dates_of(times)
        last = np.append(dates[1:] != dates[:-1], True) | times.is_normalized
        wanted = dates.where(last, dates - pd.Timedelta(days=1)) if daily else dates
    elif zone == own_zone:
        wanted = times
    elif zone is None or own_zone is None:
        raise DataError(
            f"{where}: its bars lie within the day, as the market's, but the zone of "
            f"{'the benchmark' if zone is None else 'the market'} is not stated; import it with "
            "--zone, or set layout.zone"
        )
    else:
        known, wanted = (in_zone(t, z).tz_convert("UTC") for t, z in
                         ((known, zone), (times, own_zone)))  # fmt: skip
    place = known.searchsorted(wanted, side="right") - 1
    if place[0] < 0:
        raise DataError(
            f"{where}: begins at {close.index[0]}, after the period does, at {times[0]}; give "
            "another with --benchmark, or a later period (--set periods.test=...)"
        )
    after = int((wanted.normalize() > known[-1].normalize()).sum())
    if after > _longest_wait(place[: len(place) - after]):
        raise DataError(
            f"{where}: ends at {close.index[-1]}, and {after} of the period's bars come after, up "
            f"to {times[-1]}; give another with --benchmark, or an earlier end of the period "
            "(--set periods.test=...)"
        )
    found: Floats = close.to_numpy(np.float64)[place]
    return found


def _longest_wait(place: np.ndarray) -> int:
    """Most bars in a row without a new close of the benchmark, as over its market's holidays."""
    new = np.flatnonzero(np.diff(place, prepend=-1) != 0)
    return int(np.max(np.diff(new), initial=1)) - 1


def _held(name: str, times: pd.DatetimeIndex, close: Floats, task: Task) -> Ledger:
    """The account that is wholly in the benchmark, from the first close on."""
    count, start = len(times), task.rules.initial_equity
    nothing, none = np.zeros((count, 1)), np.full((count, 1), np.nan)
    units, price = np.full((count, 1), start / close[0]), none.copy()
    units[0], price[1:2] = 0.0, close[0]
    return Ledger(
        symbols=(name,), times=times, close=close[:, None], units=units, fill_price=price,
        exit_units=nothing, exit_price=none, cash=np.where(np.arange(count) == 0, start, 0.0),
        equity=start * close / close[0], turnover=np.zeros(count),
        costs={part: np.zeros(count) for part in COST_PARTS}, targets=none,
        fill=task.rules.plan.fill, periods_per_year=task.market.periods_per_year,
    )  # fmt: skip
