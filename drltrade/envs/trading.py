"""`drltrade/Trading-v0`: one account, one asset, one decision a bar."""

from drltrade.envs.config import TradingConfig
from drltrade.envs.single import MarketEnv


class TradingEnv(MarketEnv):
    """Trade one asset, bar by bar.

    **Action.** With `positions` (default [-1, 0, 1]): `Discrete`, the index of a target weight.
    With `position_range`: `Box` of shape (1,), the target weight itself; NaN holds. With
    `order_units`: `Discrete(3)`, sell, hold or buy so many units. A target is the signed fraction
    of post-cost equity to hold after the fill; between trades it drifts with the price.

    **Observation.** float32, flat: the last `window` bars of scaled features, oldest first, then
    position, unrealised return, tenure and drawdown of the account (`market.standing`).

    **Reward.** By default what the account gained to the next close, all costs in, as a log return:
    an episode's rewards sum to log(final equity / initial equity). See `market.rewards` for others.

    **Episode.** In the train period: `episode_length` bars from a random start. In any other: the
    whole period. `reset(options={"start": time, "length": bars})` chooses them. The last bar
    truncates it; a ruined account terminates it.

    **info** of `reset` and `step`: `time` (label of the bar just closed), `equity`, `cash`,
    `holdings` (units, shape (1,)), `weights` (signed, drifted, shape (1,)), `costs` (money by part,
    of this step), `fills` (price before slippage, shape (1,), NaN where no order filled); and, in
    a step in which stop-loss, take-profit, margin call, ruin or delisting closed something, `exits`
    (the prices at which, NaN elsewhere).

    **For clients.** `action_masks()` tells which listed actions have a use (sb3-contrib's
    MaskablePPO asks). `render_mode`: "rgb_array" draws price, position and equity, "human" writes a
    line a bar to the terminal. A pickled copy goes on identically.

    Args (all keys of an env preset, see `envs.config.TradingConfig`), and:
        task: a prepared market to share; then only `period` and `episode_length` may be given.
        flat_info: infos of numbers alone (`cost_commission` ..., `time` in nanoseconds since 1970),
            for clients that make tensors of them, such as TorchRL with AutoresetMode.SAME_STEP.

    Raises:
        ConfigError: a key or value is wrong. DataError: the price file is.
    """

    preset, id = TradingConfig, "drltrade/Trading-v0"
