"""Every feature where a price stands still, and in other units of money and volume."""

import numpy as np
import pandas as pd
import pytest

from drltrade.features.declarations import parse_feature
from drltrade.features.kinds import FEATURES
from drltrade.features.kinds.kind import SeriesName
from drltrade.features.table import FeatureStream, feature_table

MOVING, FLAT = 400, 700
OF_THE_VOLUME = ("volume_zscore", "volume_ratio")
"""They speak of the volume alone, which goes on while the price stands still."""
OF_THE_CALENDAR = ("weekday", "month", "monthday", "yearday", "daytime")
NEUTRAL = {"efficiency(10)": 1.0}
"""Where it is not 0."""


def declared():
    """All features of bars with their defaults; those of series and synthetic signals left out."""
    for name, kind in FEATURES.items():
        alone = not any(isinstance(parameter, SeriesName) for parameter in kind.parameters)
        if alone and not kind.of_series and name not in ("signal", "future"):
            yield str(parse_feature(name))


NAMES = [*declared()]


def frame(volume=None, seed=0):
    """Bars that move, stand still for 700, and move again."""
    rng, total = np.random.default_rng(seed), 2 * MOVING + FLAT
    still = slice(MOVING, MOVING + FLAT)
    steps = rng.normal(0.0, 1e-3, total)
    steps[still] = 0.0
    close = 100.0 * np.exp(np.cumsum(steps))
    close[still] = close[MOVING - 1]
    opened, reach = np.append(100.0, close[:-1]), np.abs(rng.normal(0.0, 5e-4, total))
    reach[still] = 0.0
    high, low = np.maximum(opened, close) * (1 + reach), np.minimum(opened, close) * (1 - reach)
    high[still] = low[still] = close[still]
    traded = rng.integers(1, 1000, total).astype(float)
    if volume is not None:
        traded[still] = volume
    times = pd.date_range("2024-01-01", periods=total, freq="min", name="time")
    columns = {"open": opened, "high": high, "low": low, "close": close, "volume": traded}
    return pd.DataFrame(columns, times)


@pytest.mark.parametrize("volume", [None, 0.0, 5.0])
@pytest.mark.parametrize("text", NAMES)
def test_a_feature_is_bounded_and_neutral_while_the_price_stands_still(text, volume):
    bars = frame(volume)
    table = feature_table(bars, [text])
    assert len(table) == len(bars) - parse_feature(text).warm_up
    # Moments of n bars reach n, where one of them moved and the others did not.
    assert np.abs(table.to_numpy()).max() < 60.0
    name = text.split("(")[0]
    if name == "sar":  # a stop that the price never touched stays where it is
        return
    if name in OF_THE_CALENDAR or (volume is None and name in OF_THE_VOLUME):
        return
    stands = table.loc[bars.index[MOVING + 400 : MOVING + FLAT]]
    np.testing.assert_allclose(stands, NEUTRAL.get(text, 0.0), rtol=0, atol=1e-6)


@pytest.mark.parametrize("text", ["keltner(200, 10)", "keltner(5, 50)", "keltner(20, 2)"])
def test_ratios_of_recursions_that_forget_at_different_rates_have_a_bound(text):
    assert np.abs(feature_table(frame(), [text]).to_numpy()).max() < 40.0


@pytest.mark.parametrize("text", NAMES)
def test_a_feature_does_not_depend_on_the_unit_of_money(text):
    bars = frame(5.0)
    expected = feature_table(bars, [text])
    for unit in (100.0, 0.01):
        other = bars.assign(**{x: bars[x] * unit for x in ("open", "high", "low", "close")})
        np.testing.assert_allclose(feature_table(other, [text]), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("text", [n for n in NAMES if not n.startswith("volume_zscore")])
def test_a_feature_does_not_depend_on_the_unit_of_volume(text):
    bars = frame(5.0)
    expected = feature_table(bars, [text])
    for unit in (100.0, 0.01):
        other = bars.assign(volume=bars["volume"] * unit)
        np.testing.assert_allclose(feature_table(other, [text]), expected, rtol=1e-9, atol=1e-9)


def test_bars_that_stand_still_are_the_same_one_by_one():
    bars = frame()
    names = ["keltner(20)", "rsi(14)", "stochastic_rsi()", "tsi()", "adx(14)", "directional(14)"]
    whole, stream = feature_table(bars, names), FeatureStream(names)
    parts = pd.concat([stream.update(bars.iloc[i : i + 50]) for i in range(0, len(bars), 50)])
    pd.testing.assert_frame_equal(parts.loc[whole.index], whole, rtol=0, atol=0, check_freq=False)


@pytest.mark.parametrize("text", NAMES)
def test_a_feature_of_a_price_that_never_moved_is_neutral(text):
    bars = frame(5.0)
    still = bars.iloc[MOVING : MOVING + FLAT]
    table = feature_table(still, [text])
    assert np.isfinite(table.to_numpy()).all()
    if text.split("(")[0] not in OF_THE_CALENDAR:
        np.testing.assert_allclose(table, NEUTRAL.get(text, 0.0), rtol=0, atol=1e-9)
