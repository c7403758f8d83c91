"""What every source hands on: checked, adjusted bars, and the check itself."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from drltrade.data.calendars import sessions_a_year
from drltrade.data.labels import dates_of
from drltrade.errors import DataError, suggestion

if TYPE_CHECKING:
    from drltrade.data.quality.finding import Finding

COLUMNS = ("open", "high", "low", "close", "volume")
PRICES = COLUMNS[:4]

#: Relative slack in comparing prices of one bar: adjustment and float32 files round them apart.
SLACK = 1e-9

FEW = 20
"""Bars that are too few to tell their frequency beside others."""

_DAY = pd.Timedelta(days=1)
_DAY_IN_US = 86_400_000_000
_CALENDAR_DAYS_PER_YEAR = 365.25
_AROUND_THE_CLOCK = pd.Timedelta(hours=22)
"""Of bars in a day, of a market that closes for maintenance at most."""
_HOLE = 14.0
"""Days without a bar that are no holidays."""
_NEAR = 0.03
"""Relative difference up to which a counted number of bars is the conventional one."""


@dataclass(frozen=True)
class Bars:
    """Price bars of one or more symbols at one frequency, checked and adjusted.

    Attributes:
        frames: per symbol a frame with float64 columns open, high, low, close (adjusted) and
            volume (as published), indexed by `time`: naive labels, ascending, unique, each the END
            of its bar in `zone`. The label of a daily bar is its session date, at midnight, and
            stands for that session's close.
        zone: IANA name of the time zone of the labels; None where the source does not say.
        frequency: spacing of the labels: "1d", "1h", "30m", "1w", "1mo".
        source: where the bars come from, for reports.
        sha256: of the file's bytes.
        adjustment: what prices are adjusted for: "full" (splits and dividends), "split", "raw"
            (nothing), or "as published", where that is not known.
        quarantined: per symbol the labels of bars that are known to be wrong, and are left out.
        findings: what the quality check found in them, and was no error.
        remarks: what is to be said of how they were read, a line each.
        calendar: when their market is open, where that is stated or the format of the file proves
            it: "24/7", "XNYS" ...
    """

    frames: Mapping[str, pd.DataFrame]
    zone: str | None
    frequency: str
    source: str
    sha256: str
    adjustment: str
    quarantined: Mapping[str, pd.DatetimeIndex] = field(default_factory=dict)
    findings: tuple["Finding", ...] = ()
    remarks: tuple[str, ...] = ()
    calendar: str | None = None

    def __repr__(self) -> str:
        shown = [f"{symbol} {len(frame):,}" for symbol, frame in self.frames.items()]
        if len(shown) > 5:
            shown[5:] = [f"and {len(shown) - 5} more"]
        return (
            f"<Bars {self.source}, {self.frequency}, adjustment {self.adjustment}: "
            f"{', '.join(shown)} bars>"
        )

    @property
    def warnings(self) -> tuple[str, ...]:
        """What is to be said of them, a line each."""
        found = [str(each) for each in self.findings if each.severity == "warning"]
        return (*self.remarks, *found)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Names of the series, in the order of the source."""
        return tuple(self.frames)

    def frame(self, symbol: str) -> pd.DataFrame:
        """Bars of one symbol [T rows: open, high, low, close, volume], a copy.

        Raises:
            DataError: there is no such symbol; names the ones there are.
        """
        if symbol not in self.frames:
            hint = suggestion(str(symbol).upper(), self.symbols)
            raise DataError(
                f"{self.source}: no symbol {symbol!r}{hint} (available: {', '.join(self.symbols)})"
            )
        return self.frames[symbol].copy()

    @property
    def periods_per_year(self) -> float:
        """Bars in a year, by which a return or volatility per bar is annualised.

        Those of a calendar where it is stated, 365 days of a market that never closes; otherwise
        252 sessions, or 365 of a market that is open at weekends, times the median number of bars
        of a day; weekly 52, monthly 12. Where the data last a year or more and tell of another
        number, by over 3% (six sessions a week, currencies around the clock), it is counted: their
        bars over their span. Of less than a year, where days are not alike (a market that opens on
        Sunday evening, or does not close overnight), it is the bars of whole weeks.
        """
        index = pd.DatetimeIndex(max(self.frames.values(), key=len).index)
        fixed = {"1w": 52.0, "1mo": 12.0}
        if self.frequency in fixed:
            return fixed[self.frequency]
        spacing = median_spacing(index)
        dates = dates_of(index, daily=spacing >= _DAY)
        per_day = pd.Series(dates).value_counts()
        if spacing > _DAY and self.frequency != "1d":
            return _CALENDAR_DAYS_PER_YEAR * (_DAY / spacing)
        # Of two days or less the one with more bars is the more whole.
        usual = per_day.median() if len(per_day) > 2 else per_day.max()
        each = 1.0 if self.frequency == "1d" else float(usual)
        if self.calendar is not None:
            return each * sessions_a_year(self.calendar)
        days = _sessions_a_year(pd.DatetimeIndex(per_day.index))
        whole = spacing < _DAY and each * spacing >= _AROUND_THE_CLOCK
        weekly = _bars_a_week(dates, around_the_clock=whole)
        gaps = np.diff(index.as_unit("us").asi8) / _DAY_IN_US
        # A hole of weeks is no time in which there were few bars.
        span = (index[-1] - index[0]) / _DAY - gaps[gaps > _HOLE].sum()
        if span < _CALENDAR_DAYS_PER_YEAR - 7:
            return each * days if weekly is None else weekly * _CALENDAR_DAYS_PER_YEAR / 7.0
        counted = (len(index) - 1) / span * _CALENDAR_DAYS_PER_YEAR
        return each * days if abs(counted / (each * days) - 1.0) <= _NEAR else counted


def _bars_a_week(dates: pd.DatetimeIndex, around_the_clock: bool) -> float | None:
    """Median number of bars of whole weeks, of a market of six days, or of five whole ones; None:
    of another, or no week is whole."""
    weekday = dates.day_of_week.to_numpy()
    open_days = sum(np.mean(weekday == day) >= 0.02 for day in range(7))
    if open_days == 7 or (open_days < 6 and not around_the_clock):
        return None
    # Sunday evening begins the week of those markets.
    weeks = (dates + _DAY).to_period("W").value_counts().sort_index()
    return float(weeks.iloc[1:-1].median()) if len(weeks) > 2 else None


def _sessions_a_year(dates: pd.DatetimeIndex) -> float:
    """252 of five weekdays and 365 of seven, of those that make a twentieth of the dates each."""
    weekday = dates.day_of_week.to_numpy()
    open_days = sum(np.mean(weekday == day) >= 0.05 for day in range(7))
    return 365.0 if open_days == 7 else 252.0 * max(open_days, 5) / 5.0


def median_spacing(index: pd.DatetimeIndex) -> pd.Timedelta:
    """The median time between neighbouring labels."""
    if len(index) < 2:
        return pd.NaT  # type: ignore[return-value]
    gaps = np.diff(index.as_unit("us").asi8)
    return pd.Timedelta(float(np.median(gaps)), unit="us")


def frequency_of(index: pd.DatetimeIndex) -> str:
    """The median spacing of ascending labels in words: "15s", "30m", "1h", "1d", "1w", "1mo"."""
    spacing = median_spacing(index)
    if _DAY <= spacing <= 3 * _DAY and np.diff(index.as_unit("us").asi8).min() == _DAY_IN_US:
        return "1d"  # a few sessions around a weekend have a median above a day
    if spacing == 7 * _DAY:
        return "1w"
    if 28 * _DAY <= spacing <= 31 * _DAY:
        return "1mo"
    for unit, length in (("d", _DAY), ("h", pd.Timedelta(hours=1)), ("m", pd.Timedelta(minutes=1))):
        if spacing % length == pd.Timedelta(0):
            return f"{spacing // length}{unit}"
    return f"{spacing.total_seconds():g}s"


def common_frequency(frames: Mapping[str, pd.DataFrame], where: str) -> str:
    """The frequency of several series, labels in any order.

    One of fewer than `FEW` bars, which hardly tell it, has that of the longer ones if no two of its
    bars are closer.

    Raises:
        DataError: none has two bars, or they differ.
    """
    times = {symbol: _in_order(pd.DatetimeIndex(frame.index)) for symbol, frame in frames.items()}
    found = {symbol: frequency_of(each) for symbol, each in times.items() if len(each) > 1}
    if not found:
        raise DataError(f"{where}: no symbol has two bars, which tell their frequency; state it")
    long = {found[symbol] for symbol in found if len(times[symbol]) >= FEW}
    if len(set(found.values())) > 1 and len(long) == 1:
        (agreed,) = long
        length = min(median_spacing(times[symbol]) for symbol in found if found[symbol] == agreed)
        found = {
            symbol: frequency
            for symbol, frequency in found.items()
            if len(times[symbol]) >= FEW or times[symbol].to_series().diff().min() < length
        }
    if len(set(found.values())) > 1:
        each = ", ".join(f"{symbol} {frequency}" for symbol, frequency in found.items())
        raise DataError(
            f"{where}: symbols differ in frequency ({each}); put them in two files, or "
            "state it (--frequency; layout.frequency in a preset)"
        )
    return next(iter(found.values()))


def _in_order(times: pd.DatetimeIndex) -> pd.DatetimeIndex:
    if times.is_monotonic_increasing and times.is_unique:
        return times
    return times.unique().sort_values()


def check_frame(frame: pd.DataFrame, where: str, rows: NDArray[np.int64] | None = None) -> None:
    """Refuse bars that cannot be true.

    Args:
        frame: columns open, high, low, close, volume as float64, indexed by naive bar time.
        where: the file or source, for the error.
        rows: the row each bar has in its file (the header of a CSV is line 1); without it, bars
            are counted from 1.

    Raises:
        DataError: names the first bad row with its time, column and value, and how many more there
            are, for: a missing value, a price that is not positive or not finite, a high below or a
            low above another price, a negative volume, a time that does not increase; and for
            fewer than two bars.
    """
    if len(frame) < 2:
        raise DataError(f"{where}: {len(frame)} bars, at least 2 are needed")
    if _sound(frame):
        return
    faults = _time_faults(frame.index.to_numpy()) + _value_faults(frame) + _range_faults(frame)
    bad = np.logical_or.reduce([mask for mask, _ in faults])
    if bad.any():
        numbers = np.arange(1, len(frame) + 1) if rows is None else rows
        i = int(np.argmax(bad))
        text = next(text for mask, text in faults if mask[i])
        values: dict[str, Any] = {name: frame[name].iloc[i] for name in COLUMNS}
        found = text.format(previous=frame.index[i - 1], previous_row=numbers[i - 1], **values)
        more = f" (and {bad.sum() - 1} more bad rows)" if bad.sum() > 1 else ""
        raise DataError(f"{where}, row {numbers[i]} ({frame.index[i]}): {found}{more}")


def _sound(frame: pd.DataFrame) -> bool:
    """Whether all is as it should be, in few passes over the bars; false: perhaps not."""
    opened, high, low, close, volume = (frame[name].to_numpy(np.float64) for name in COLUMNS)
    times = frame.index.to_numpy()
    return bool(
        (low > 0.0).all() and (high < np.inf).all()
        and (low <= opened).all() and (opened <= high).all()
        and (low <= close).all() and (close <= high).all()
        and (volume >= 0.0).all() and (volume < np.inf).all()
        and (times[1:] > times[:-1]).all()
    )  # fmt: skip


# A fault is a mask over the rows and a text, into which the values of the row are put.
Fault: TypeAlias = tuple[NDArray[np.bool_], str]


def _time_faults(times: NDArray[Any]) -> list[Fault]:
    same = np.zeros(len(times), dtype=np.bool_)
    same[1:] = times[1:] == times[:-1]
    not_later = np.zeros(len(times), dtype=np.bool_)
    not_later[1:] = ~(times[1:] > times[:-1])
    return [
        (np.isnat(times), "time is missing"),
        (same, "time is a duplicate of row {previous_row}"),
        (not_later, "time is not after {previous} of row {previous_row}"),
    ]


def _value_faults(frame: pd.DataFrame) -> list[Fault]:
    faults: list[Fault] = []
    for name in COLUMNS:
        values = frame[name].to_numpy(np.float64)
        faults.append((np.isnan(values), f"{name} is missing (NaN)"))
        faults.append((np.isinf(values), f"{name} = {{{name}}} is not finite"))
        if name == "volume":
            faults.append((values < 0, "volume = {volume:.12g} is negative"))
        else:
            faults.append((values <= 0, f"{name} = {{{name}:.12g}} is not positive"))
    return faults


def _range_faults(frame: pd.DataFrame) -> list[Fault]:
    faults: list[Fault] = []
    for extreme, sign, word in (("high", 1.0, "below"), ("low", -1.0, "above")):
        bound = frame[extreme].to_numpy(np.float64)
        for name in PRICES:
            price = frame[name].to_numpy(np.float64)
            with np.errstate(invalid="ignore"):  # infinities have a fault of their own
                wrong = sign * (price - bound) > SLACK * np.abs(price)
            faults.append(
                (wrong, f"{extreme} = {{{extreme}:.12g}} is {word} {name} = {{{name}:.12g}}")
            )
    return faults
