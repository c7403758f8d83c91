"""Compiled kernels on disk: made once, loaded afterwards, never trusted when cut off."""

import pickle
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from drltrade.compiling import COMPILING
from drltrade.market import kernel_cache
from drltrade.market.kernels import compiled_rule, compiler, terms_reader
from drltrade.market.terms import Plan

SCRIPT = """
import numpy as np
from drltrade.market import kernel_cache
from drltrade.market.kernels import compiler
from drltrade.market.terms import Plan

made = []
_save = kernel_cache._OnDisk.save_overload
kernel_cache._OnDisk.save_overload = lambda *args: (made.append(1), _save(*args))


def make(plan, factor):
    step = compiler()(lambda x: factor * x)

    @kernel_cache.kernel(plan, factor)
    def scale(values):
        for i in range(values.size):
            values[i] = step(values[i])

    return scale


found = []
for factor in (2.0, 3.0):
    values = np.ones(2)
    make(Plan(), factor)(values)
    found.append(values[1])
print(len(made), found == [2.0, 3.0])
"""


def ran(folder: Path) -> str:
    """Kernels compiled, and whether they worked."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={"NUMBA_CACHE_DIR": str(folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_a_kernel_is_compiled_once(tmp_path):
    assert ran(tmp_path) == "2 True"
    kept = sorted((tmp_path / "drltrade").iterdir())
    assert len(kept) == 2
    assert ran(tmp_path) == "0 True"
    kept[0].write_bytes(kept[0].read_bytes()[:100])
    assert ran(tmp_path) == "1 True"
    assert ran(tmp_path) == "0 True"


@pytest.mark.parametrize("there", [False, True])
def test_where_nothing_can_be_written_it_is_compiled_every_time(tmp_path, there):
    folder = tmp_path / "a file"
    if there:
        folder.write_text("in the way", encoding="utf-8")
    else:
        folder = Path("/proc/nowhere")
    assert ran(folder) == ran(folder) == "2 True"


@pytest.mark.parametrize(
    "content",
    [
        lambda kept: b"",
        lambda kept: b"\x80\x05K\x01.",  # a pickle of another thing
        lambda kept: kept[:-40] + bytes(40),
        lambda kept: kept[:200] + bytes([kept[200] ^ 1]) + kept[201:],
        lambda kept: b"0" * 64 + kept[64:],
    ],
    ids=["empty", "foreign", "end", "bit", "digest"],
)
def test_a_file_that_is_not_what_was_written_is_not_there(tmp_path, content):
    assert ran(tmp_path) == "2 True"
    for file in (tmp_path / "drltrade").iterdir():
        file.write_bytes(content(file.read_bytes()))
    assert ran(tmp_path) == "2 True"
    assert ran(tmp_path) == "0 True"


def test_a_file_of_another_kernel_is_not_there(tmp_path):
    assert ran(tmp_path) == "2 True"
    one, other = (tmp_path / "drltrade").iterdir()
    one.write_bytes(other.read_bytes())
    assert ran(tmp_path) == "1 True"


def test_a_kernel_that_cannot_be_rebuilt_is_not_there(tmp_path):
    # As another numba may have written it: whole, and of a form that this one does not know.
    assert ran(tmp_path) == "2 True"
    for file in (tmp_path / "drltrade").iterdir():
        foreign = pickle.dumps(("another", "form"))
        file.write_bytes(kernel_cache._digest(file.name, foreign) + b"\n" + foreign)
    assert ran(tmp_path) == "2 True"


@pytest.mark.parametrize(
    "changed",
    [
        {"sys.version": "3.99.0"}, {"numpy.__version__": "9"}, {"numba.__version__": "9"},
        {"llvmlite.__version__": "9"},
    ],
    ids=str,
)  # fmt: skip
def test_versions_are_part_of_the_key(monkeypatch, changed):
    kernel_cache._machinery.cache_clear()
    before = kernel_cache._machinery()
    for name, value in changed.items():
        monkeypatch.setattr(name, value)
    kernel_cache._machinery.cache_clear()
    assert kernel_cache._machinery() != before
    monkeypatch.undo()
    kernel_cache._machinery.cache_clear()
    assert sysconfig.get_config_var("SOABI") in kernel_cache._machinery()


def test_a_changed_module_concerns_the_kernels_that_call_into_it(monkeypatch):
    kernels = {
        "step": compiled_rule(Plan(holding=False, order_fees=False)),
        "terms": terms_reader(),
    }

    original = kernel_cache._content

    def digests(changed):
        monkeypatch.setattr(
            kernel_cache, "_content",
            lambda file: "changed" if Path(file).name == changed else original(file),
        )  # fmt: skip
        return {name: kernel_cache.dependencies(each) for name, each in kernels.items()}

    before = digests("none")
    for module, concerned in {
        "fills.py": {"step"}, "orders.py": {"step"}, "namespaces.py": {"step"},
        "kernels.py": {"terms"}, "terms.py": {"terms"}, "intrabar.py": {"step"},
        "loops.py": set(), "simulator.py": set(), "tensors.py": set(),
    }.items():  # fmt: skip
        after = digests(module)
        assert {name for name in kernels if after[name] != before[name]} == concerned, module


def test_numbers_that_a_kernel_closes_over_are_part_of_the_key():
    def scaled(factor):
        return compiler()(lambda x: factor * x)

    assert kernel_cache.dependencies(scaled(2.0)) == kernel_cache.dependencies(scaled(2.0))
    assert kernel_cache.dependencies(scaled(2.0)) != kernel_cache.dependencies(scaled(3.0))


def test_a_kernel_that_is_compiled_is_announced_once(tmp_path):
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env={"NUMBA_CACHE_DIR": str(tmp_path), "PATH": ""},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        said.append(done.stderr.strip())
    assert said == [COMPILING, ""]
