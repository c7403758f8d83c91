"""Whether the periods of a preset are within the data; and cut to them, where that is asked for."""

from datetime import date

import pandas as pd

from drltrade.data.bars import median_spacing
from drltrade.data.labels import dates_of
from drltrade.envs.periods import Periods
from drltrade.errors import ConfigError

SLACK = pd.Timedelta(days=10)
"""Holidays, and weeks that begin before their first session: no bars are missed by them."""


def reached(
    periods: Periods, times: pd.DatetimeIndex, clip: bool, source: str
) -> tuple[Periods, tuple[str, ...]]:
    """Periods that the data reach, and what is to be said of them, a line each.

    Args:
        periods: as stated.
        times: labels of the data.
        clip: whether to cut periods that the data do not reach.
        source: of the data, for errors.

    Raises:
        ConfigError: the data begin after the train period does, or end before the test period
            does, and `clip` is false; or nothing is left of a period.
    """
    slack = max(SLACK, 2 * median_spacing(times))
    dates = dates_of(times)
    first, last = dates[0], dates[-1]
    start, end = (pd.Timestamp(day) for day in (periods.train[0], periods.test[1]))
    if first - start <= slack and end - last <= slack:
        return periods, ()
    covered = f"{source} reaches from {first.date()} to {last.date()}"
    if not clip:
        raise ConfigError(
            f"periods reach from {start.date()} to {end.date()}, and {covered}: change periods, or "
            "have them cut (clip_periods = true)"
        )
    cut = periods.within(_date(first), _date(last))
    changed = [
        f"the {name} period is {_shown(getattr(cut, name))} instead of "
        f"{_shown(getattr(periods, name))}: {covered}"
        for name in ("train", "validation", "test")
        if getattr(cut, name) != getattr(periods, name)
    ]
    return cut, (*changed, *_little_to_train_on(periods, cut, dates))


FEW = 250
"""Bars of a train period that was cut: of daily ones a year."""


def _little_to_train_on(stated: Periods, cut: Periods, dates: pd.DatetimeIndex) -> tuple[str, ...]:
    """What is to be said of a train period of which little is left."""
    bars = {
        name: int(((dates >= pd.Timestamp(start)) & (dates <= pd.Timestamp(end))).sum())
        for name, (start, end) in (("train", cut.train), ("test", cut.test))
    }
    if cut.train == stated.train or (bars["train"] >= FEW and bars["train"] >= bars["test"]):
        return ()
    return (
        f"only {bars['train']} bars are left to train on, and {bars['test']} to test on: set "
        "periods to what the data reach",
    )


def _date(time: pd.Timestamp) -> date:
    return time.date()


def _shown(span: tuple[date, date]) -> str:
    return f"{span[0]} to {span[1]}"
