"""When a market is trained on, chosen on and judged on."""

import itertools
from datetime import date
from typing import Literal, get_args

from pydantic import model_validator

from drltrade.errors import ConfigError
from drltrade.settings import Settings

PeriodName = Literal["train", "validation", "test", "all"]
Span = tuple[date, date]


ORDER: tuple[PeriodName, ...] = ("train", "validation", "test")


def _shown(span: Span) -> str:
    return f"{span[0]} to {span[1]}"


class Periods(Settings):
    """Three spans of dates that follow one another; both ends belong to the span."""

    train: Span = (date(1999, 1, 1), date(2010, 12, 31))
    validation: Span = (date(2011, 1, 1), date(2012, 12, 31))
    test: Span = (date(2013, 1, 1), date(2018, 12, 31))

    @model_validator(mode="after")
    def _in_order(self) -> "Periods":
        spans = {name: self.span(name) for name in ORDER}
        for name, (start, end) in spans.items():
            # Of bars within the day one date may be a whole period.
            if end < start:
                raise ValueError(f"periods.{name} begins on {start} and ends before, on {end}")
        for (one, before), (other, after) in itertools.pairwise(spans.items()):
            if after[0] <= before[1]:
                how = "overlaps" if before[0] <= after[1] else "comes before"
                raise ValueError(
                    f"periods.{other} ({_shown(after)}) {how} periods.{one} ({_shown(before)}): "
                    "train, validation and test must follow one another without overlap; those "
                    "that are not given are the preset's"
                )
        return self

    def within(self, first: date, last: date) -> "Periods":
        """The same, cut to the dates from `first` to `last`.

        Raises:
            ConfigError: nothing is left of one.
        """
        cut: dict[str, Span] = {}
        for name in ORDER:
            start, end = self.span(name)
            cut[name] = max(start, first), min(end, last)
            if cut[name][1] < cut[name][0]:
                raise ConfigError(
                    f"the {name} period, {start} to {end}, lies outside the data, {first} to {last}"
                )
        return Periods(**cut)

    def span(self, name: PeriodName) -> Span:
        """First and last date of a period; "all" reaches from the train to the test period.

        Raises:
            ConfigError: there is no such period.
        """
        if name not in get_args(PeriodName):
            allowed = ", ".join(get_args(PeriodName))
            raise ConfigError(f"period {name!r} is unknown (allowed: {allowed})")
        if name == "all":
            return self.train[0], self.test[1]
        span: Span = getattr(self, name)
        return span
