"""What a run was made with: enough to make it again."""

import datetime
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from drltrade.envs.task import Task

PACKAGES = ("drltrade", "torch", "numpy", "pandas", "gymnasium", "stable-baselines3", "sb3-contrib")


def manifest(task: Task, device: torch.device) -> dict[str, Any]:
    """Versions, commit, machine, data and its hash, as plain JSON."""
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "data": {
            "source": task.source,
            "sha256": task.sha256,
            "symbol": ", ".join(task.market.symbols),
            "first": str(task.market.times[0]),
            "last": str(task.market.times[-1]),
            "bars": len(task.market),
            "warnings": list(task.warnings),
        },
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu",
        "machine": platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in PACKAGES},
        "git_commit": _git_commit(),
    }


def _git_commit() -> str | None:
    """The commit of the checkout that drltrade runs from; None for an installed package."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or None
