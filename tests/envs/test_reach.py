"""Periods cut to the data, and what is said of them."""

from datetime import date

import pandas as pd

from drltrade.envs.periods import Periods
from drltrade.envs.reach import reached

STATED = Periods(
    train=(date(1990, 1, 1), date(2001, 12, 31)),
    validation=(date(2002, 1, 1), date(2002, 12, 31)),
    test=(date(2003, 1, 1), date(2004, 12, 31)),
)


def test_a_train_period_of_which_little_is_left_is_told():
    times = pd.bdate_range("2001-06-01", "2004-12-31")
    cut, told = reached(STATED, times, True, "mine.csv")
    assert cut.train == (date(2001, 6, 1), date(2001, 12, 31))
    assert told[0].startswith("the train period is 2001-06-01 to 2001-12-31 instead of 1990-01-01")
    assert told[1].startswith("only 152 bars are left to train on, and 523 to test on")


def test_a_train_period_of_which_enough_is_left_is_not_told():
    times = pd.bdate_range("1998-06-01", "2004-12-31")
    _, told = reached(STATED, times, True, "mine.csv")
    assert len(told) == 1
