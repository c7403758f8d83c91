"""Features that know the future by mistakes that people make; the audit must find them all."""

from collections.abc import Callable

import numpy as np
import pandas as pd

Build = Callable[[pd.DataFrame], pd.DataFrame]


def centred_window(bars: pd.DataFrame) -> pd.DataFrame:
    """A moving average around the bar, and not up to it."""
    return pd.DataFrame({"trend": bars["close"].rolling(5, center=True).mean()})


def back_fill(bars: pd.DataFrame) -> pd.DataFrame:
    """The warm-up of an indicator, filled with its first value."""
    return pd.DataFrame({"mean": bars["close"].rolling(10).mean().bfill()})


def full_sample_scaling(bars: pd.DataFrame) -> pd.DataFrame:
    """Mean and deviation of all bars, the later ones too."""
    close = bars["close"]
    return pd.DataFrame({"scaled": (close - close.mean()) / close.std()})


def same_bar_resampling(bars: pd.DataFrame) -> pd.DataFrame:
    """The month's close, on every day of the month."""
    month = pd.DatetimeIndex(bars.index).to_period("M")
    return pd.DataFrame({"month": bars["close"].groupby(month).transform("last")})


def label_in_features(bars: pd.DataFrame) -> pd.DataFrame:
    """What is to be predicted, left in the table."""
    return pd.DataFrame({"return": np.log(bars["close"].shift(-1) / bars["close"])})


def shifted_join(bars: pd.DataFrame) -> pd.DataFrame:
    """Another series, joined by the date that it is of and not by the day that it was out."""
    week = bars["volume"].resample("W").sum()
    joined = pd.merge_asof(
        bars.reset_index(), week.rename("weekly").rename_axis("time").reset_index(),
        on="time", direction="forward",
    )  # fmt: skip
    return joined.set_index("time")[["weekly"]]


PLANTED: dict[str, Build] = {
    build.__name__: build
    for build in (
        centred_window, back_fill, full_sample_scaling, same_bar_resampling, label_in_features,
        shifted_join,
    )
}  # fmt: skip
"""By name."""
