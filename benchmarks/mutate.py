"""Mutation testing: of so many small faults, how many do the tests find?

    python benchmarks/mutate.py [--count 300] [--seed 0] [--only drltrade/agents]

Mutants are those of cosmic-ray, drawn at random from the files in `TESTED`, each made in a copy of
the tree and met by the tests of its own file or folder alone (the whole suite would find more), in
a fork of this process, which has the libraries loaded. One that the tests do not end with is found,
too. Annotations, docstrings and what only a type checker reads are
no code and are passed over. Survivors are printed with their line, to be judged by hand: some
change nothing (`i <= n - 1` for `i < n`).
"""

import argparse
import contextlib
import importlib
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from cosmic_ray.ast import get_ast_from_path
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator, operator_names
from timing import print_machine, print_table

ROOT = Path(__file__).parents[1]
BY_HAND = "tests/market/test_between_bars.py tests/market/test_unit_of_shares.py"
TESTED = {
    "drltrade/market/account.py": "tests/market/test_account.py "
    f"tests/market/test_portfolio_rule.py {BY_HAND}",
    "drltrade/market/costs.py": f"tests/market/test_costs.py {BY_HAND}",
    "drltrade/market/fills.py": "tests/market/test_account.py tests/market/test_costs.py "
    f"tests/market/test_portfolio_rule.py {BY_HAND}",
    "drltrade/market/holding.py": "tests/market/test_account.py tests/market/test_costs.py",
    "drltrade/market/intrabar.py": "tests/market/test_account.py tests/envs/test_bounds.py "
    f"tests/market/test_portfolio_rule.py {BY_HAND}",
    "drltrade/market/orders.py": "tests/market/test_account.py tests/market/test_costs.py "
    f"{BY_HAND}",
    "drltrade/market/rewards.py": "tests/market/test_rewards.py tests/market/test_reward_spec.py",
    "drltrade/market/reward_spec.py": "tests/market/test_reward_spec.py",
    "drltrade/market/tensors.py": "tests/market/test_tensors.py",
    "drltrade/market/counterfactual.py": "tests/market/test_counterfactual.py",
    "drltrade/agents/returns.py": "tests/agents/test_returns.py",
    "drltrade/agents/losses.py": "tests/agents/test_losses.py tests/agents/test_sb3_losses.py",
    "drltrade/agents/afterstates.py": "tests/agents/test_afterstates.py",
    "drltrade/agents/hindsight.py": "tests/agents/test_exo_dqn.py",
    "drltrade/features": "tests/features",
    "drltrade/evaluation": "tests/evaluation",
    "drltrade/backtesting": "tests/backtesting",
}
"""A file, or a folder of them -> the tests that are to find its mutants."""
OPERATORS = re.compile(
    r"NumberReplacer|AddNot|ReplaceAndWithOr|ReplaceOrWithAnd|ReplaceTrueWithFalse"
    r"|ReplaceFalseWithTrue|ReplaceUnaryOperator_USub_UAdd|ReplaceBreakWithContinue"
    r"|ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Div|Pow_Mul|Mod_Mul"
    r"|BitAnd_BitOr)"
    r"|ReplaceComparisonOperator_(Lt_LtE|LtE_Lt|Gt_GtE|GtE_Gt|Eq_NotEq|NotEq_Eq|Lt_Gt|Gt_Lt)"
)
"""Of cosmic-ray's: faults that a tired hand might make. What crashes at once tells nothing."""
LIMIT = 400
"""Seconds for the tests of a mutant; without one they take up to 140."""
LONG = ("test_audit", "test_stream", "test_timeframes", "test_account")
LOADED = ("torch", "numba", "pandas", "scipy.stats", "gymnasium", "plotly.graph_objects",
          "exchange_calendars", "pyarrow.csv", "hypothesis", "typer.rich_utils")  # fmt: skip


class Mutant(NamedTuple):
    """A fault that can be made."""

    file: str
    operator: str
    occurrence: int
    line: int


def mutants(only: str) -> Iterator[Mutant]:
    """All of the tested files that begin with `only`."""
    names = [
        name for name in sorted(operator_names())
        if OPERATORS.fullmatch(name.removeprefix("core/"))
    ]  # fmt: skip
    for place in TESTED:
        files = [ROOT / place] if place.endswith(".py") else sorted((ROOT / place).rglob("*.py"))
        for file in files:
            relative = str(file.relative_to(ROOT))
            if not relative.startswith(only):
                continue
            tree = get_ast_from_path(file)
            for name in names:
                operator, number = get_operator(name)(), 0
                for node in _nodes(tree):
                    for start, _ in operator.mutation_positions(node):
                        yield Mutant(relative, name, number, start[0])
                        number += 1


def _nodes(node: object) -> Iterator[object]:
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def survives(mutant: Mutant, tree: Path) -> bool:
    """Whether its tests pass with a mutant in a copy of the tree."""
    file = tree / mutant.file
    sound = file.read_text("utf-8")
    changed = mutate_code(sound, get_operator(mutant.operator)(), mutant.occurrence)
    if changed is None or changed == sound:
        return False
    file.write_text(changed, "utf-8")
    child = os.fork()
    if not child:
        _test(mutant, tree)
    try:
        return _exit_code(child) == 0
    finally:
        file.write_text(sound, "utf-8")


def _tests(mutant: Mutant) -> list[str]:
    """The files that are to find a mutant: the one of its own name first, the long ones last."""
    told = next(tests for place, tests in TESTED.items() if mutant.file.startswith(place)).split()
    files: list[Path] = []
    for place in map(ROOT.joinpath, told):
        files += [place] if place.suffix else sorted(place.glob("test_*.py"))
    own = f"test_{Path(mutant.file).stem}"
    files.sort(key=lambda file: (file.stem != own, file.stem in LONG))
    return [str(file.relative_to(ROOT)) for file in files]


def _test(mutant: Mutant, tree: Path) -> None:
    """Run the tests in this process, a child with a tree of its own, and end it."""
    os.setsid()
    os.chdir(tree)
    os.environ["PYTHONPATH"] = str(tree)
    sys.path.insert(0, str(tree))
    with Path(os.devnull).open("w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
        told = ["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow"]
        os._exit(int(pytest.main([*told, *_tests(mutant)])))


def _exit_code(child: int) -> int | None:
    """Of a child; None if it did not end in time."""
    until = time.monotonic() + LIMIT
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def main() -> None:
    """Draw, test and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="beginning of the files' paths")
    told = parser.parse_args()
    print_machine("drltrade", "cosmic-ray", "pytest")
    for library in LOADED:
        importlib.import_module(library)
    there = list(mutants(told.only))
    drawn = random.Random(told.seed).sample(there, min(told.count, len(there)))
    alive: list[Mutant] = []
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        ignored = shutil.ignore_patterns(".git", ".venv", "runs", "__pycache__", ".oracle")
        shutil.copytree(ROOT, tree, ignore=ignored)
        for number, mutant in enumerate(drawn, start=1):
            began = time.monotonic()
            if survives(mutant, tree):
                alive.append(mutant)
                print(f"alive: {mutant.file}:{mutant.line} {mutant.operator}", flush=True)
            print(
                f"{number} {mutant.file}:{mutant.line} {time.monotonic() - began:.0f} s", flush=True
            )
            if number % 10 == 0:
                print(f"{number} of {len(drawn)}: {number - len(alive)} found", flush=True)
    found = len(drawn) - len(alive)
    rows = [["drawn", f"{len(drawn)} of {len(there)}"], ["found", f"{found / len(drawn):.1%}"]]
    print_table(f"Mutants, seed {told.seed}", ["what", ""], rows)
    for mutant in alive:
        print(f"- {mutant.file}:{mutant.line} {mutant.operator}")


if __name__ == "__main__":
    main()
