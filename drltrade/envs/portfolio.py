"""`drltrade/Portfolio-v0`: one account, many assets, one decision a bar."""

from drltrade.envs.config import PortfolioConfig
from drltrade.envs.single import MarketEnv


class PortfolioEnv(MarketEnv):
    """Hold many assets in one account, bar by bar.

    **Action.** `Box` of shape (N,): the target weight of each asset, in [-gross_limit, gross_limit]
    or, with `long_only`, in [0, gross_limit]; NaN keeps an asset's shares. What is left is cash.
    Weights whose absolute values sum to more than `gross_limit` are scaled down to it. Weights are
    of post-cost equity: after the fill the account holds exactly these.

    **Observation.** float32, flat: the last `window` bars of scaled features, oldest first, in each
    bar asset by asset, the last of each asset being 1 where it traded in the bar and 0 where not;
    then position, unrealised return and tenure of all assets, and the account's drawdown.

    **Assets that do not trade.** One that has not started, halts or has ended takes no orders. Held
    through a halt it keeps its last price; when it ends, it pays it.

    Reward, episode and info are those of `drltrade/Trading-v0`, with N assets in `holdings`,
    `weights`, `fills` and `exits`.

    Args (all keys of an env preset, see `envs.config.PortfolioConfig`), and:
        task: a prepared market to share; then only `period` and `episode_length` may be given.
        flat_info: infos of numbers alone (`cost_commission` ..., `time` in nanoseconds since 1970),
            for clients that make tensors of them, such as TorchRL with AutoresetMode.SAME_STEP.

    Raises:
        ConfigError: a key or value is wrong. DataError: the price file is.
    """

    preset, id = PortfolioConfig, "drltrade/Portfolio-v0"
