"""Series as a vendor publishes them, and the faults that are planted in them, with a seed.

A series has open, high, low, close (adjusted for splits), volume, adjusted close, dividend, split;
every fault returns a spoilt copy, or None where the series has nothing that it could befall.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from drltrade.data.adjust import adjusted
from drltrade.data.bars import PRICES

Rng = np.random.Generator
Fault = Callable[[pd.DataFrame, Rng], pd.DataFrame | None]
FREQUENCIES = {"1d": "B", "1wk": "7D", "1mo": "MS", "1h": "h"}
DEVIATION = {"1d": 0.014, "1wk": 0.03, "1mo": 0.06, "1h": 0.004}
PER_YEAR = {"1d": 252, "1wk": 52, "1mo": 12, "1h": 1700}


def from_adjusted_close(raw: pd.DataFrame) -> pd.DataFrame:
    """Raw bars with an adjusted close: its steps are told as splits and dividends."""
    ratio = (raw["adjusted close"] / raw["close"]).to_numpy()
    step = np.ones(len(raw))
    step[1:] = ratio[1:] / ratio[:-1]
    frame = raw.assign(dividend=0.0, split=1.0)
    for row in np.flatnonzero(np.abs(step - 1.0) > 2e-4):
        if step[row] > 1.3 or step[row] < 1.0 / 1.3:
            shares = round(step[row], 1) if step[row] > 1 else 1.0 / round(1.0 / step[row], 1)
            frame.iloc[row, frame.columns.get_loc("split")] = shares
        elif step[row] > 1.0:
            paid = raw["close"].iloc[row - 1] * (1.0 - 1.0 / step[row])
            frame.iloc[row, frame.columns.get_loc("dividend")] = paid
    return _as_vendor(frame)


def _is_adjusted(raw: pd.DataFrame) -> bool:
    """Whether volumes are in shares of today although prices are raw, as Yahoo's are."""
    volume, split = raw["volume"].to_numpy(), raw["split"].to_numpy()
    apart = 0.0
    for row in np.flatnonzero(split != 1.0):
        step = np.log(np.median(volume[row : row + 20]) / np.median(volume[row - 20 : row]))
        apart += abs(step) - abs(step - np.log(split[row]))
    return bool(apart < 0)


def _as_vendor(raw: pd.DataFrame) -> pd.DataFrame:
    """Raw bars with splits and dividends, as a vendor shows them: adjusted for splits alone."""
    actions = raw[["split", "dividend"]]
    prices = raw[[*PRICES, "volume"]]
    frame = adjusted(prices, actions, how="split")
    if _is_adjusted(raw):
        frame["volume"] = raw["volume"]
    later = np.append(np.cumprod(raw["split"].to_numpy()[:0:-1])[::-1], 1.0)
    frame["dividend"], frame["split"] = raw["dividend"] / later, raw["split"]
    full = adjusted(
        frame, frame[["dividend"]].assign(split=1.0), reinvested="previous close"
    )  # fmt: skip
    frame["adjusted close"] = full["close"]
    return frame


def walk(rng: Rng, interval: str, bars: int, digits: int | None = None) -> pd.DataFrame:
    """A random walk that pays dividends and is split."""
    deviation = DEVIATION[interval] * rng.uniform(0.6, 1.8)
    returns = rng.standard_t(4, bars) * deviation / 1.4
    per_year = PER_YEAR[interval]
    times = int(rng.choice([0, 1, 2, 4]))
    dividend = np.zeros(bars)
    if times:
        rows = np.arange(
            int(rng.integers(3, 3 + per_year // times)), bars, max(per_year // times, 3)
        )
        yields = rng.uniform(0.004, 0.02) * np.exp(rng.normal(0, 0.1, len(rows)))
        returns[rows] += np.log(1 - yields)
    close = rng.choice([4.0, 30.0, 250.0]) * np.exp(np.cumsum(returns))
    if times:
        dividend[rows] = yields * np.concatenate((close[:1], close[:-1]))[rows]
    opened = np.concatenate((close[:1], close[:-1])) * np.exp(rng.normal(0, deviation / 2, bars))
    if times:
        opened[rows] -= dividend[rows]
    spread = np.abs(rng.normal(0, deviation / 2, (2, bars)))
    volume = np.round(np.exp(rng.normal(13, 0.35, bars) + 6 * np.abs(returns)))
    split = np.ones(bars)
    for row in rng.integers(3, bars, int(rng.integers(1, 3))):
        split[row] = rng.choice([2, 3, 4, 5, 7, 10, 1.5, 20, 0.5, 0.1, 0.2])
    frame = pd.DataFrame(
        {"open": opened, "high": np.maximum(opened, close) * np.exp(spread[0]),
         "low": np.minimum(opened, close) * np.exp(-spread[1]), "close": close, "volume": volume},
        pd.date_range("2012-01-03", periods=bars, freq=FREQUENCIES[interval], name="time"),
    )  # fmt: skip
    if digits is not None:
        frame = frame.round(dict.fromkeys(PRICES, digits))
    frame["dividend"], frame["split"] = dividend, split
    kept = 1.0 - dividend[1:] / frame["close"].to_numpy()[:-1]
    frame["adjusted close"] = frame["close"] * np.append(np.cumprod(kept[::-1])[::-1], 1.0)
    return frame


def longer(frame: pd.DataFrame, rule: str) -> pd.DataFrame:
    """Bars of weeks or months."""
    groups = frame.groupby(pd.Grouper(freq=rule, label="left", closed="left"))
    how = {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum",
           "dividend": "sum", "split": "prod", "adjusted close": "last"}  # fmt: skip
    bars = groups.agg(how).dropna()
    bars.index.name = "time"
    return bars[list(frame.columns)]


def _put(frame: pd.DataFrame, rows: object, factor: float, names: object) -> pd.DataFrame:
    spoilt = frame.copy()
    for name in names:  # type: ignore[attr-defined]
        values = spoilt[name].to_numpy(np.float64, copy=True)
        values[rows] *= factor
        spoilt[name] = values
    return spoilt


def _split_rows(frame: pd.DataFrame) -> np.ndarray:
    rows = np.flatnonzero(frame["split"].to_numpy() != 1.0)
    return rows[(rows > 2)]


def _unadjusted(volume: bool, adjusted_close: bool, where: str) -> Fault:
    def plant(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
        splits = _split_rows(frame)
        if not len(splits):
            return None
        row = int(rng.choice(splits))
        shares = float(frame["split"].iloc[row])
        first, last = 0, row
        if where == "stretch":
            first = int(rng.integers(max(row - 60, 0), row))
        elif where == "late":
            first, last = 0, max(row - int(rng.integers(1, 6)), 1)
        elif where == "patch":
            first = int(rng.integers(0, row))
            last = min(first + int(rng.integers(1, 12)), row)
        names = [*PRICES, "adjusted close"] if adjusted_close else list(PRICES)
        spoilt = _put(frame, slice(first, last), shares, names)
        return _put(spoilt, slice(first, last), 1 / shares, ["volume"]) if volume else spoilt

    return plant


def _all_splits(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
    """Prices that are not adjusted for any of several splits."""
    splits = _split_rows(frame)
    if len(splits) < 2:
        return None
    for row in splits:
        shares = float(frame["split"].iloc[row])
        frame = _put(frame, slice(0, row), shares, [*PRICES, "adjusted close"])
        frame = _put(frame, slice(0, row), 1 / shares, ["volume"])
    return frame


def _hundred(what: str) -> Fault:
    def plant(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
        factor = float(rng.choice([100.0, 0.01]))
        bars = len(frame)
        names = [*PRICES, "adjusted close"]
        if what == "bars":
            rows = rng.choice(bars, max(bars // 60, 1), replace=False)
        elif what == "column":
            rows = rng.choice(bars, max(bars // 60, 1), replace=False)
            spoilt = frame
            for row in rows:
                spoilt = _put(spoilt, [row], factor, [rng.choice(names)])
            return spoilt
        elif what == "before":
            rows = np.arange(int(rng.integers(1, max(bars // 3, 2))))
        else:
            first = int(rng.integers(0, bars - 2))
            rows = np.arange(first, min(first + int(rng.integers(2, max(bars // 4, 4))), bars))
        return _put(frame, rows, factor, names[: int(rng.choice([4, 5]))])

    return plant


def _zeros(names: tuple[str, ...]) -> Fault:
    def plant(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
        rows = rng.choice(len(frame), max(len(frame) // 80, 1), replace=False)
        return _put(frame, rows, 0.0, names)

    return plant


def _paid(frame: pd.DataFrame, rng: Rng) -> int | None:
    rows = np.flatnonzero(frame["dividend"].to_numpy() > 0)
    rows = rows[(rows > 3) & (rows < len(frame) - 2)]
    return int(rng.choice(rows)) if len(rows) else None


def _readjusted(frame: pd.DataFrame, dividend: pd.Series) -> pd.Series:
    """The adjusted close that follows from other dividends, by the steps that it had."""
    ratio = (frame["adjusted close"] / frame["close"]).to_numpy()
    kept = np.ones(len(frame))
    kept[1:] = ratio[:-1] / ratio[1:]
    paid, wrong = frame["dividend"].to_numpy(), dividend.to_numpy()
    before = np.concatenate((frame["close"][:1], frame["close"][:-1]))
    for row in np.flatnonzero(paid != wrong):
        part = (1.0 - kept[row]) / paid[row] if paid[row] else 1.0 / before[row]
        kept[row] = 1.0 - wrong[row] * part
    factor = ratio[-1] * np.append(np.cumprod(kept[:0:-1])[::-1], 1.0)
    return frame["close"] * factor


def _dividend(factor: float, of_dividend: bool, of_adjusted: bool, every: bool = False) -> Fault:
    """A dividend times something, in its column, in the adjusted close, or in both."""

    def plant(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
        row = _paid(frame, rng)
        if row is None:
            return None
        wrong = frame["dividend"].copy()
        where = slice(0, None) if every else slice(row, row + 1)
        wrong.iloc[where] *= factor
        spoilt = frame.copy()
        if of_adjusted:
            spoilt["adjusted close"] = _readjusted(frame, wrong)
        return spoilt.assign(dividend=wrong) if of_dividend else spoilt

    return plant


def _again(adjusted_too: bool, apart: tuple[int, int]) -> Fault:
    """A dividend that is recorded a second time, some bars later."""

    def plant(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
        row = _paid(frame, rng)
        if row is None:
            return None
        other = row + int(rng.integers(*apart))
        if not 1 < other < len(frame) or frame["dividend"].iloc[other] > 0:
            return None
        wrong = frame["dividend"].copy()
        wrong.iloc[other] = wrong.iloc[row]
        spoilt = frame.assign(dividend=wrong)
        if adjusted_too:
            spoilt["adjusted close"] = _readjusted(frame, wrong)
        return spoilt

    return plant


def _phantom(frame: pd.DataFrame, rng: Rng) -> pd.DataFrame | None:
    """A dividend where none was paid, that the adjusted close knows nothing of."""
    row = _paid(frame, rng)
    other = int(rng.integers(3, len(frame) - 2))
    if row is None or frame["dividend"].iloc[other] > 0:
        return None
    wrong = frame["dividend"].copy()
    wrong.iloc[other] = wrong.iloc[row]
    return frame.assign(dividend=wrong)


FAULTS: dict[str, Fault] = {
    "split: prices, volume, adjusted": _unadjusted(True, True, "before"),
    "split: prices, adjusted": _unadjusted(False, True, "before"),
    "split: prices, volume": _unadjusted(True, False, "before"),
    "split: a stretch up to it": _unadjusted(True, True, "stretch"),
    "split: ends days before it": _unadjusted(True, True, "late"),
    "split: a patch somewhere before": _unadjusted(True, True, "patch"),
    "split: several": _all_splits,
    "100x: single bars": _hundred("bars"),
    "100x: single columns": _hundred("column"),
    "100x: a block": _hundred("block"),
    "100x: the beginning": _hundred("before"),
    "dividend x100": _dividend(100.0, True, False),
    "dividend x0.01": _dividend(0.01, True, False),
    "dividend x100, adjusted by it": _dividend(100.0, True, True),
    "dividend x0.01, adjusted by it": _dividend(0.01, True, True),
    "dividends all x100": _dividend(100.0, True, False, every=True),
    "dividends all x0.01": _dividend(0.01, True, False, every=True),
    "adjusted: lacks a dividend": _dividend(0.0, False, True),
    "adjusted: lacks every dividend": _dividend(0.0, False, True, every=True),
    "adjusted: by x100": _dividend(100.0, False, True),
    "adjusted: by x0.01": _dividend(0.01, False, True),
    "dividend missing": _dividend(0.0, True, False),
    "dividend twice, next bar": _again(False, (1, 2)),
    "dividend twice, next bar, adjusted": _again(True, (1, 2)),
    "dividend twice, within a week": _again(False, (2, 6)),
    "dividend a phantom": _phantom,
    "zero: close": _zeros(("close",)),
    "zero: adjusted close": _zeros(("adjusted close",)),
    "zero: a bar": _zeros((*PRICES, "adjusted close")),
}  # fmt: skip
