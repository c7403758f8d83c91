"""`drltrade doctor`: does this installation work?"""

import os
import platform
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from drltrade.cli.tables import show_table


def examine(as_json: bool) -> None:
    """Run every check; exit code 1 if one fails."""
    rows = [{"check": name, **_run(check)} for name, check in CHECKS.items()]
    show_table("drltrade doctor", rows, as_json)
    if any(row["state"] != "ok" for row in rows):
        raise typer.Exit(1)


def _run(check: Callable[[], str]) -> dict[str, Any]:
    try:
        return {"state": "ok", "found": check()}
    except Exception as error:  # a doctor reports whatever is wrong
        return {"state": "FAILED", "found": f"{type(error).__name__}: {error}"}


def _python() -> str:
    return f"{platform.python_version()} on {platform.machine()}, {os.cpu_count()} cores"


def _packages() -> str:
    from importlib.metadata import version

    from drltrade.experiment.manifest import PACKAGES

    return ", ".join(f"{name} {version(name)}" for name in PACKAGES)


def _devices() -> str:
    import torch

    if not torch.cuda.is_available():
        return "cpu only (no CUDA device seen)"
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return "cpu, " + ", ".join(names)


def _data() -> str:
    from drltrade.data.catalog import CATALOG, load_bars

    counts = []
    for name in CATALOG:
        bars = load_bars(name)
        counts.append(f"{name}: {sum(len(bars.frame(s)) for s in bars.symbols):,} bars")
    return ", ".join(counts)


def _presets() -> str:
    from drltrade.experiment.env_presets import resolve_env
    from drltrade.experiment.preset_files import list_presets
    from drltrade.experiment.presets import resolve_agent

    envs, agents = list_presets("envs"), list_presets("agents")
    for name in envs:
        resolve_env(name, {})
    for name in agents:
        resolve_agent(name, {})
    return f"{len(envs)} envs, {len(agents)} agents, all valid"


def _market() -> str:
    from drltrade.experiment.backtest import backtest

    result = backtest("buy-and-hold", env="sp500-daily")
    return (
        f"buy-and-hold on sp500-daily: {result.metrics()['total_return']:+.1%} in the test period"
    )


def _workspace() -> str:
    folder = Path.cwd()
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"{folder} is not writable: runs/ is made there")
    return f"{folder} (drltrade from {Path(sys.modules['drltrade'].__file__ or '').parent})"


CHECKS: dict[str, Callable[[], str]] = {
    "python": _python,
    "packages": _packages,
    "devices": _devices,
    "data": _data,
    "presets": _presets,
    "market": _market,
    "workspace": _workspace,
}
