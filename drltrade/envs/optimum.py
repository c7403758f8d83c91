"""The known optimum of a task on a synthetic market."""

from drltrade.envs.task import Task
from drltrade.errors import ConfigError
from drltrade.market.ground_truth import AccountTerms, GroundTruth, ground_truth


def truth_of(task: Task) -> GroundTruth:
    """Solve a task's market.

    Raises:
        ConfigError: the market is not synthetic, or its optimum is not known with a key's value.
    """
    config = task.trading
    if config.synthetic is None:
        raise ConfigError(f"the optimum of {task.source} is not known: set synthetic")
    account = AccountTerms(
        costs=config.costs,
        positions=config.discrete_positions,
        position_range=config.position_range,
        reward=config.reward,
        fill=config.fill,
        initial_equity=config.initial_equity,
        margin=config.margin,
        bracket=config.bracket,
    )
    return ground_truth(config.synthetic, account)
