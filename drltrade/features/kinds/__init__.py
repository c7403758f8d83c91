"""Every feature of one instrument there is, by theme.

To add one, write a function under `@feature` in the file of its theme, with its formula in
`indicators` where it has a name of its own; the tests and the audit go through `FEATURES`. All are
dimensionless: the same whatever the unit of price and volume; but for `level` and `difference`,
which are of exogenous series alone, and for `fracdiff`, to which a unit adds a constant.
"""

from drltrade.features.kinds import (
    companions,
    momentum,
    seasonality,
    shape,
    trend,
    volatility,
    volume,
)
from drltrade.features.kinds.kind import FEATURES, FeatureKind, History, Number, Parameter

__all__ = [
    "FEATURES",
    "FeatureKind",
    "History",
    "Number",
    "Parameter",
    "companions",
    "momentum",
    "seasonality",
    "shape",
    "trend",
    "volatility",
    "volume",
]
