"""Keywords of the environment: what is wrong is named with what is allowed."""

import gymnasium
import pytest

import drltrade  # noqa: F401 (registers the environment)
from drltrade.envs.config import TradingConfig
from drltrade.envs.trading import TradingEnv
from drltrade.errors import ConfigError, DataError

LATE = {"train": ["1999-01-01", "2010-12-31"], "validation": ["2011-01-01", "2012-12-31"]}

BAD = {
    "unknown key": ({"windw": 5}, "key 'windw' is unknown; did you mean 'window'?"),
    "unknown key inside": (
        {"costs": {"slipage_bps": 1}},
        "key 'costs.slipage_bps' is unknown; did you mean 'slippage_bps'?",
    ),
    "text for a number": ({"window": "5"}, "key 'window' = '5': input should be a valid int"),
    "fraction for a count": ({"window": 2.5}, "key 'window' = 2.5: input should be a valid int"),
    "too small": ({"window": 0}, "key 'window' = 0: input should be greater than or equal to 1"),
    "no money": ({"initial_equity": 0}, "key 'initial_equity' = 0: input should be greater than 0"),
    "both kinds of action": (
        {"positions": [0, 1], "position_range": [-1, 1]},
        "set either positions (discrete), position_range (continuous) or order_units (amounts)",
    ),
    "one position": ({"positions": [1]}, "positions = [1.0]: at least two, each once"),
    "a position twice": ({"positions": [0, 1, 1]}, "at least two, each once"),
    "range upside down": ({"position_range": [1, -1]}, "position_range = [1.0, -1.0]: [low, high]"),
    "wild leverage": ({"positions": [0, 50]}, "a position of 50 times equity; at most 10"),
    "fill": ({"fill": "open"}, "key 'fill' = 'open': input should be 'next_open', 'next_close' or"),
    "reward": ({"reward": "sharpe"}, "reward 'sharpe' is unknown"),
    "period": ({"period": "tset"}, "'train', 'validation', 'test' or 'all'"),
    "no such day": (
        {"periods": LATE | {"test": ["2013-02-30", "2018-12-31"]}},
        "key 'periods.test.0' = '2013-02-30': input should be a valid date",
    ),
    "a year for a date": (
        {"periods": LATE | {"test": ["2013", "2018-12-31"]}},
        "key 'periods.test.0' = '2013': input should be a valid date",
    ),
    "overlapping periods": (
        {"periods": LATE | {"test": ["2012-06-01", "2018-12-31"]}},
        "periods.test (2012-06-01 to 2018-12-31) overlaps periods.validation (2011-01-01 to "
        "2012-12-31): train, validation and test must follow one another",
    ),
    "the same day": (
        {"periods": LATE | {"test": ["2012-12-31", "2018-12-31"]}},
        "periods.test (2012-12-31 to 2018-12-31) overlaps periods.validation",
    ),
    "periods in another order": (
        {"periods": LATE | {"validation": ["1990-01-01", "1990-12-31"]}},
        "periods.validation (1990-01-01 to 1990-12-31) comes before periods.train (",
    ),
    "backwards": (
        {"periods": LATE | {"test": ["2018-12-31", "2013-01-01"]}},
        "periods.test begins on 2018-12-31 and ends before, on 2013-01-01",
    ),
    "empty period": (
        {"periods": LATE | {"test": ["2030-01-01", "2031-01-01"]}, "period": "test"},
        "periods reach from 1999-01-01 to 2031-01-01, and sp500: package arch reaches from "
        "1999-01-04 to 2018-12-31: change periods, or have them cut (clip_periods = true)",
    ),
    "empty train period": (
        {"periods": {"train": ["1980-01-01", "1981-01-01"]}},
        "periods reach from 1980-01-01 to 2018-12-31, and sp500",
    ),
    "unknown feature": (
        {"features": ["rsy(14)"]},
        "feature 'rsy(14)' is unknown; did you mean 'rsi'?",
    ),
    "several symbols": (
        {"data": "us5"},
        "data 'us5' holds AAPL, FB, GOOG, IBM, MSFT: set symbol to one of them",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_keyword_is_explained(case):
    settings, text = BAD[case]
    with pytest.raises(ConfigError) as caught:
        TradingEnv(**settings)
    assert text in str(caught.value)


def test_an_unknown_key_lists_the_allowed_ones_nearest_to_it():
    with pytest.raises(ConfigError) as caught:
        TradingEnv(comission=5)
    assert "did you mean 'costs.commission_bps'?" in str(caught.value)
    with pytest.raises(
        ConfigError, match=r"did you mean 'positions'\? \(allowed: positions, "
    ) as caught:
        TradingEnv(postions=[0, 1])
    assert str(caught.value).endswith(f"and {len(TradingConfig.model_fields) - 12} more)")


def test_every_wrong_key_is_named_at_once():
    with pytest.raises(ConfigError) as caught:
        TradingEnv(window=0, fill="later", costs={"fixed_fee": -1})
    text = str(caught.value)
    assert text.startswith("drltrade/Trading-v0: ")
    for key in ("'window' = 0", "'fill' = 'later'", "'costs.fixed_fee' = -1"):
        assert key in text


def test_unknown_data_and_symbols_are_explained():
    with pytest.raises(DataError, match="did you mean 'sp500'"):
        TradingEnv(data="sp50")
    with pytest.raises(DataError, match="no symbol 'APPL'; did you mean 'AAPL'"):
        TradingEnv(data="us5", symbol="APPL")


def test_gymnasium_hands_the_error_on():
    with pytest.raises(ConfigError, match="did you mean 'window'"):
        gymnasium.make("drltrade/Trading-v0", windows=5)


def test_positions_default_to_short_flat_long():
    config = TradingConfig()
    assert config.discrete_positions == (-1.0, 0.0, 1.0)
    assert (config.lowest_position, config.highest_position) == (-1.0, 1.0)
    config = TradingConfig(position_range=(0.0, 1.5))
    assert config.discrete_positions is None
    assert (config.lowest_position, config.highest_position) == (0.0, 1.5)


def test_a_period_that_does_not_exist_is_refused(task):
    with pytest.raises(ConfigError, match=r"'tset' is unknown .*train, validation, test, all"):
        task.rows("tset")
