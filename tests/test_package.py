"""What is shipped, and what every file keeps to."""

import inspect
import re
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

import drltrade

ROOT = Path(__file__).parents[1]
LONGEST = 400


@pytest.mark.parametrize("name", drltrade.__all__)
def test_every_public_name_is_there(name):
    assert getattr(drltrade, name) is not None
    assert name in dir(drltrade)


def test_backtest_is_the_function_whatever_is_imported_before():
    from drltrade.backtesting import engine

    for _ in range(2):
        assert inspect.isfunction(drltrade.backtest)
        assert drltrade.backtest("flat", env="sp500-daily").metrics()["total_return"] == 0.0
        assert drltrade.backtesting.engine is engine
    assert list(inspect.signature(drltrade.backtest).parameters)[:3] == ["subject", "env", "period"]
    assert "Run something over a period" in inspect.getdoc(drltrade.backtest)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'drltrade' has no attribute 'nothing'"):
        _ = drltrade.nothing


def test_the_version_is_that_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert drltrade.__version__ == version("drltrade") == project["version"]


def test_no_python_file_is_too_long():
    files = [
        path for name in ("drltrade", "tests", "benchmarks") for path in (ROOT / name).rglob("*.py")
    ]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert len(lengths) > 80
    assert {name: length for name, length in lengths.items() if length > LONGEST} == {}


@pytest.mark.slow
def test_the_wheel_carries_presets_data_and_everything_else(tmp_path):
    pytest.importorskip("hatchling", reason="the build backend is not installed")
    build = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    done = subprocess.run(
        [*build, "--wheel-dir", str(tmp_path), str(ROOT)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("drltrade-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    for kind in ("envs", "agents"):
        for path in (ROOT / kind).glob("*.toml"):
            assert f"drltrade/packaged/{kind}/{path.name}" in names
    assert {
        "drltrade/packaged/data/us5.parquet", "drltrade/packaged/data/us5.md",
        "drltrade/packaged/data/generators/sp500.npz",
        "drltrade/py.typed", "drltrade/report/page.css",
    } <= names  # fmt: skip
    sources = {str(path.relative_to(ROOT)) for path in (ROOT / "drltrade").rglob("*.py")}
    assert sources <= names
    assert not any(name.startswith(("tests/", "benchmarks/", "notebooks/")) for name in names)
    assert not any("runs/" in name or "store/" in name for name in names)


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md", "README.md"])
def test_every_file_that_a_page_names_is_there(page):
    named = re.findall(r"`(drltrade/[\w/.]*?)/?`", (ROOT / page).read_text("utf-8"))
    paths = [each for each in named if "/" in each.removeprefix("drltrade/") or "." in each]
    assert paths or page == "README.md"
    assert [each for each in paths if not (ROOT / each).exists()] == []
