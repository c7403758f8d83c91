"""One short training, shared by the tests that only read its folder."""

import pytest

from drltrade.experiment.run import Run, train

TINY = {
    "training": {"total_steps": 512, "evaluations": 2},
    "n_envs": 8,
    "n_steps": 16,
    "batch_size": 64,
}


@pytest.fixture(scope="session")
def tiny() -> dict[str, object]:
    """Overrides that make `ppo` train for less than a second."""
    return TINY


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "finished"
    return train("sp500-daily", "ppo", seed=3, device="cpu", run=folder, **TINY)
