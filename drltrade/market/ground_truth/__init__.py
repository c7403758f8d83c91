"""Markets whose optimum is known exactly, so that an agent's score is a share of it.

`*_problem(...).solve()` and `solve_*` take any parameters; `ground_truth` finds the one for a
synthetic market and an account, in the units of the two.
"""

from drltrade.market.ground_truth.account_terms import AccountTerms
from drltrade.market.ground_truth.constant import ConstantOptimum, solve_constant
from drltrade.market.ground_truth.growth import (
    Asset,
    GrowthProblem,
    KellyCostOptimum,
    KellyOptimum,
    solve_kelly,
    solve_kelly_cost,
)
from drltrade.market.ground_truth.partial_adjustment import (
    GarleanuPedersen,
    solve_garleanu_pedersen,
)
from drltrade.market.ground_truth.positions import Average, PositionOptimum, PositionProblem
from drltrade.market.ground_truth.regimes import (
    belief_of,
    filter_regime,
    regime_problem,
)
from drltrade.market.ground_truth.signals import ar1_problem
from drltrade.market.ground_truth.truth import GroundTruth, ground_truth

__all__ = [
    "AccountTerms",
    "Asset",
    "Average",
    "ConstantOptimum",
    "GarleanuPedersen",
    "GroundTruth",
    "GrowthProblem",
    "KellyCostOptimum",
    "KellyOptimum",
    "PositionOptimum",
    "PositionProblem",
    "ar1_problem",
    "belief_of",
    "filter_regime",
    "ground_truth",
    "regime_problem",
    "solve_constant",
    "solve_garleanu_pedersen",
    "solve_kelly",
    "solve_kelly_cost",
]
