"""The scaler: fitted on what it is given, bounded, and the same after a trip through JSON."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drltrade.errors import ConfigError, DataError
from drltrade.features.scaling import Scaler


def table_of(values, columns=("a", "b")):
    index = pd.date_range("2020-01-01", periods=len(values), freq="D", name="time")
    return pd.DataFrame(np.asarray(values, dtype=np.float64), index=index, columns=list(columns))


TRAIN = table_of([[1.0, 10.0], [2.0, 30.0], [3.0, 20.0]])


def test_numbers_worked_by_hand():
    scaler = Scaler.fit(TRAIN)
    assert scaler.columns == ("a", "b")
    assert scaler.mean == pytest.approx((2.0, 20.0))
    assert scaler.std == pytest.approx(((2 / 3) ** 0.5, (200 / 3) ** 0.5))
    scaled = scaler.transform(table_of([[2.0, 20.0], [1e9, -1e9]]))
    assert scaled.dtype == np.float32
    np.testing.assert_array_equal(scaled, [[0.0, 0.0], [5.0, -5.0]])


@pytest.mark.parametrize("value", [0.1, 1e-9, 12345.678])
def test_constant_column_becomes_zero(value):
    table = table_of([[value, k] for k in range(7)])
    scaler = Scaler.fit(table)
    assert scaler.std[0] == 1.0
    assert not scaler.transform(table)[:, 0].any()


@given(
    st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 2), min_size=1, max_size=30),
    st.floats(0.5, 20.0),
)
def test_result_is_finite_and_within_the_clip(rows, clip):
    table = table_of(rows)
    scaled = Scaler.fit(table, clip=clip).transform(table)
    assert scaled.shape == table.shape
    assert np.isfinite(scaled).all()
    assert np.abs(scaled).max() <= np.float32(clip)


def test_json_round_trip_is_exact():
    scaler = Scaler.fit(TRAIN, clip=3.0)
    assert Scaler.from_dict(json.loads(json.dumps(scaler.to_dict()))) == scaler


def test_other_columns():
    scaler = Scaler.fit(TRAIN)
    with pytest.raises(ConfigError, match=r"missing \['b'\], extra \['c'\]"):
        scaler.transform(table_of([[1.0, 2.0]], columns=("a", "c")))
    with pytest.raises(ConfigError, match="another order"):
        scaler.transform(table_of([[1.0, 2.0]], columns=("b", "a")))


def test_nothing_to_fit_on():
    with pytest.raises(DataError, match="no row to fit it on"):
        Scaler.fit(TRAIN.iloc[:0])
    with pytest.raises(DataError, match="scaler: b = nan at 2020-01-02"):
        Scaler.fit(table_of([[1.0, 2.0], [1.0, np.nan]]))


def test_bad_dictionaries():
    good = Scaler.fit(TRAIN).to_dict()
    with pytest.raises(ConfigError, match="expected"):
        Scaler.from_dict({"columns": ["a"]})
    with pytest.raises(ConfigError, match="2 columns, 1 means and 2 stds"):
        Scaler.from_dict(good | {"mean": [1.0]})
    with pytest.raises(ConfigError, match="every std must be above 0"):
        Scaler.from_dict(good | {"std": [0.0, 1.0]})
    with pytest.raises(ConfigError, match="clip = 0"):
        Scaler.from_dict(good | {"clip": 0})
