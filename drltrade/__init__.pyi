"""What `import drltrade` offers, and from where: read by type checkers, editors and the loader."""

from .agents.agent import Agent, Policy
from .backtesting.ledger import Ledger
from .data.bars import Bars
from .data.catalog import load_bars
from .envs.portfolio import PortfolioEnv
from .envs.task import Task
from .envs.trading import TradingEnv
from .envs.vector import MarketVectorEnv
from .errors import (
    ConfigError,
    DataError,
    DeviceError,
    DrltradeError,
    StrategyError,
    TrainingError,
)
from .experiment.backtest import Backtest, backtest
from .experiment.presets import make_env, make_vec_env
from .experiment.run import Run, load_run, train
from .features.audit import audit
from .features.table import FeatureStream, feature_table, feature_tables

__version__: str

__all__ = [
    "Agent",
    "Backtest",
    "Bars",
    "ConfigError",
    "DataError",
    "DeviceError",
    "DrltradeError",
    "FeatureStream",
    "Ledger",
    "MarketVectorEnv",
    "Policy",
    "PortfolioEnv",
    "Run",
    "StrategyError",
    "Task",
    "TradingEnv",
    "TrainingError",
    "__version__",
    "audit",
    "backtest",
    "feature_table",
    "feature_tables",
    "load_bars",
    "load_run",
    "make_env",
    "make_vec_env",
    "train",
]
