"""The environment is registered whichever of Gymnasium and drltrade is imported first."""

import subprocess
import sys

import pytest

MAKE = "env = gymnasium.make('drltrade/Trading-v0'); print(env.reset(seed=0)[0].shape)"


def python(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.parametrize("imports", ["import drltrade, gymnasium", "import gymnasium, drltrade"])
def test_either_order_of_imports(imports):
    assert python(f"{imports}; {MAKE}") == "(154,)"


def test_drltrade_alone_does_not_import_gymnasium_or_torch():
    loaded = python("import sys, drltrade; print([m for m in sys.modules if m in HEAVY])".replace(
        "HEAVY", "('gymnasium', 'torch', 'numpy', 'pandas', 'numba', 'plotly', 'pydantic')"
    ))  # fmt: skip
    assert loaded == "[]"


def test_gymnasium_keeps_its_own_loader():
    code = (
        "import drltrade, gymnasium, importlib.resources, inspect;"
        "print(type(gymnasium.__loader__).__name__, type(gymnasium.__spec__.loader).__name__,"
        " importlib.resources.files('gymnasium').joinpath('core.py').is_file(),"
        " 'make' in inspect.getsource(gymnasium))"
    )
    assert python(code) == "SourceFileLoader SourceFileLoader True True"
