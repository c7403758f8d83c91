"""`drltrade envs` and `agents`: what there is."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from drltrade.cli.tables import Json, show_table

envs = typer.Typer(
    help="Env presets: list them (the default), show one, list the features and the rewards."
)
agents = typer.Typer(help="Agent presets: list them (the default), show one.")

OWN_FEATURE = "your own function of the bars up to now; file.py:function@1w: of weekly bars"
OWN_REWARD = "your own function of an Outcome; also file.py:function"


@envs.callback(invoke_without_command=True)
def list_envs(context: typer.Context, as_json: Json = False) -> None:
    """Env presets: the workspace's, then those that came with drltrade."""
    if context.invoked_subcommand is None:
        _list_presets("envs", as_json)


@envs.command("show")
def show_env(
    name: Annotated[str, typer.Argument(help="Name or file of an env preset.")],
    as_json: Json = False,
) -> None:
    """A preset's keys, those it leaves to the defaults too, and what they mean."""
    from drltrade.experiment.env_presets import OF_REAL_MARKETS, resolve_env

    preset = resolve_env(name, {})
    process = getattr(preset, "synthetic", None)
    unused = {"description", *(OF_REAL_MARKETS if process is not None else {"synthetic"})}
    rows = [row for row in _fields(preset, "") if row["key"].split(".")[0] not in unused]
    rows.sort(key=lambda row: _rank(row["key"]))
    show_table(preset.description, rows, as_json)


FIRST = (
    "data", "symbol", "symbols", "periods", "features", "window", "positions", "position_range",
    "order_units", "long_only", "gross_limit", "reward", "costs", "fill", "episode_length",
    "initial_equity", "synthetic",
)  # fmt: skip
"""Keys of an env preset that one changes most."""
LAST = ("layout",)
"""And those that hardly anybody does."""


def _rank(key: str) -> int:
    """Where a key is shown: those that are changed most first."""
    first = key.split(".")[0]
    return FIRST.index(first) if first in FIRST else len(FIRST) + (first in LAST)


@envs.command("features")
def list_features(as_json: Json = False) -> None:
    """The features that a preset can declare."""
    from drltrade.features.declarations import available_features

    rows = [{"feature": name, "is": text} for name, text in available_features().items()]
    rows.append({"feature": "file.py:function", "is": OWN_FEATURE})
    show_table("Features", rows, as_json)


@envs.command("rewards")
def list_rewards(as_json: Json = False) -> None:
    """The rewards that a preset can declare, one or several with weights."""
    from drltrade.market.reward_spec import available_rewards

    rows = [{"reward": name, "is": text} for name, text in available_rewards().items()]
    rows.append({"reward": "module:function", "is": OWN_REWARD})
    show_table("Rewards", rows, as_json)


@agents.callback(invoke_without_command=True)
def list_agents(context: typer.Context, as_json: Json = False) -> None:
    """Agent presets: the workspace's, then those that came with drltrade."""
    if context.invoked_subcommand is None:
        _list_presets("agents", as_json)


@agents.command("show")
def show_agent(
    name: Annotated[str, typer.Argument(help="Name or file of an agent preset.")],
    as_json: Json = False,
) -> None:
    """A preset's hyperparameters, those it leaves to the defaults too, and what they mean."""
    from drltrade.experiment.preset_files import read_preset

    read_preset("agents", name)  # a name that is none is told before torch is imported
    from drltrade.experiment.presets import resolve_agent

    preset = resolve_agent(name, {})
    rows = [*_fields(preset.algorithm, ""), *_fields(preset.training, "training.")]
    show_table(preset.description, rows, as_json)


def _fields(settings: Any, prefix: str) -> list[dict[str, Any]]:
    """A row per key; those of a table within have its name before them."""
    rows: list[dict[str, Any]] = []
    written = settings.model_dump(mode="json")
    for key, field in type(settings).model_fields.items():
        value = getattr(settings, key)
        tables = value if isinstance(value, Mapping) else {}
        if hasattr(type(value), "model_fields"):
            rows += _fields(value, f"{prefix}{key}.")
        elif tables and all(hasattr(type(table), "model_fields") for table in tables.values()):
            for name, table in tables.items():
                rows += _fields(table, f"{prefix}{key}.{name}.")
        else:
            row = {"key": prefix + key, "value": written[key], "is": field.description or ""}
            rows.append(row)
    return rows


def _list_presets(kind: Any, as_json: bool) -> None:
    from drltrade.experiment.preset_files import list_presets, read_preset

    rows = []
    for name, path in list_presets(kind).items():
        values, _ = read_preset(kind, name)
        # People are told which files are theirs; machines, where each one lies.
        own = path.resolve().is_relative_to(Path.cwd())
        place = {"file": path} if as_json else {"from": "workspace" if own else "drltrade"}
        rows.append({"name": name, "description": values.get("description", ""), **place})
    show_table(f"Presets in {kind}/", rows, as_json)
