"""When a market is trained on, chosen on and judged on."""

import itertools
from datetime import date
from typing import Literal, get_args

from pydantic import model_validator

from drltrade.errors import ConfigError
from drltrade.settings import Settings

PeriodName = Literal["train", "validation", "test", "all"]
Span = tuple[date, date]


class Periods(Settings):
    """Three spans of dates that follow one another; both ends belong to the span."""

    train: Span = (date(1999, 1, 1), date(2010, 12, 31))
    validation: Span = (date(2011, 1, 1), date(2012, 12, 31))
    test: Span = (date(2013, 1, 1), date(2018, 12, 31))

    @model_validator(mode="after")
    def _in_order(self) -> "Periods":
        ends = (*self.train, *self.validation, *self.test)
        for number, (before, after) in enumerate(itertools.pairwise(ends)):
            # Of bars within the day one date may be a whole period.
            if after < before or (after == before and number % 2 == 1):
                raise ValueError(
                    "train, validation and test must follow one another without overlap, each "
                    f"from an earlier to a later date; {after} comes after {before}"
                )
        return self

    def within(self, first: date, last: date) -> "Periods":
        """The same, cut to the dates from `first` to `last`.

        Raises:
            ConfigError: nothing is left of one.
        """
        cut: dict[str, Span] = {}
        for name in ("train", "validation", "test"):
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
