"""What is told at once: names, keys and files that are wrong, before torch is imported.

Torch, Gymnasium and the agents take seconds to import. What is checked here is checked again, by
the same functions, where it is used.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drltrade.errors import ConfigError, DataError
from drltrade.experiment.preset_files import merge, read_preset
from drltrade.functions import in_file


def check_presets(env: str, agent: str | None, overrides: Mapping[str, Any]) -> Any:
    """Refuse presets that are none, keys of the market that are wrong, and data that are not there.

    Keys of the agent stand in its code, and are checked when it is imported.

    Returns:
        The env preset with overrides.

    Raises:
        ConfigError, DataError: see `read_preset`, `resolve_env` and `lasting_name`.
    """
    read_preset("envs", env)
    if agent is not None:
        values, _ = read_preset("agents", agent)
        check_own_file(str(values.get("algorithm")), "agent")
    from drltrade.data.catalog import lasting_name
    from drltrade.envs.config import PortfolioConfig, TradingConfig
    from drltrade.experiment.env_presets import resolve_env

    keys = {*TradingConfig.model_fields, *PortfolioConfig.model_fields}
    of_env = {key: value for key, value in overrides.items() if key in keys}
    if isinstance(overrides.get("env"), Mapping):  # where a key is written out as env.key
        of_env = merge(of_env, overrides["env"])
    config = resolve_env(env, of_env)
    for declared in config.features:
        check_own_file(declared.partition("@")[0], "feature")
    reward = config.reward
    for term in reward if isinstance(reward, Mapping) else [reward]:
        check_own_file(term, "reward")
    if getattr(config, "synthetic", None) is None:
        lasting_name(config.data)
    return config


def check_own_file(source: object, what: str) -> None:
    """Refuse a "file.py:function" whose file is not there."""
    found = in_file(source)
    if found is not None and not found.file.is_file():
        raise ConfigError(f"{what} {source!r}: there is no file {str(found.file.resolve())!r}")


def check_backtest(
    run: Path | None, baseline: str | None, targets: Path | None, strategy: str | None,
    env: str | None, overrides: Mapping[str, Any],
) -> None:  # fmt: skip
    """Refuse several subjects, those that are not there, and then what `check_presets` refuses.

    Raises:
        ConfigError, DataError: names the folder, file or rule, and what there is.
    """
    if sum(each is not None for each in (run, baseline, targets, strategy)) != 1:
        raise ConfigError("give one of --run, --baseline, --targets and --strategy")
    if run is not None and not (run / "config.json").is_file():
        raise ConfigError(f"{run}: no run there (it has no config.json)")
    if targets is not None and not targets.is_file():
        raise DataError(f"{targets}: no such file")
    check_own_file(strategy, "strategy")
    if run is not None and env is None:
        return
    config = check_presets(env or "sp500-daily", None, overrides)
    if baseline is not None:
        from drltrade.backtesting.baselines import check_baseline

        check_baseline(baseline, config)


def check_folders(folders: Sequence[Path]) -> None:
    """Refuse folders that hold no run.

    Raises:
        ConfigError: names the folder.
    """
    for folder in folders:
        if not (folder / "config.json").is_file() and not any(folder.glob("*/config.json")):
            raise ConfigError(f"{folder}: no run there, and no folder in it holds one")
