"""The environment that a task is played in."""

from drltrade.envs.config import PortfolioConfig
from drltrade.envs.portfolio import PortfolioEnv
from drltrade.envs.single import MarketEnv
from drltrade.envs.task import Task
from drltrade.envs.trading import TradingEnv


def face(task: Task) -> type[MarketEnv]:
    """The class of environment for a task's preset."""
    return PortfolioEnv if isinstance(task.config, PortfolioConfig) else TradingEnv
