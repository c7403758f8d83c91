"""Gradient steps: schedules and clipping by hand, torch's own steps, what is not finite."""

import io
import math

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from drltrade.agents.optimisation import (
    Optimization,
    OptimizationConfig,
    clip_by_global_norm,
    scheduled,
)
from drltrade.errors import ConfigError, TrainingError
from drltrade.settings import parse

OPTIMIZERS = ["sgd", "rmsprop", "adagrad", "adam", "adamw"]
every_optimizer = pytest.mark.parametrize("optimizer", OPTIMIZERS)


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def parameters(seeds: int | None = None) -> list[nn.Parameter]:
    leading = () if seeds is None else (seeds,)
    return [nn.Parameter(random(*leading, 3, 2, seed=1)), nn.Parameter(random(*leading, 4, seed=2))]


def loss_of(weights: list[torch.Tensor], scale: float = 1.0) -> torch.Tensor:
    return scale * (weights[0].square().sum() + weights[1].sin().sum())


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        # at progress -1, 0, 0.1, 0.2, 0.6, 1, 2
        ({}, [0.4] * 7),
        ({"schedule": "linear"}, [0.4, 0.4, 0.36, 0.32, 0.16, 0.0, 0.0]),
        ({"warmup": 0.2}, [0.0, 0.0, 0.2, 0.4, 0.4, 0.4, 0.4]),
        (
            {"schedule": "linear", "warmup": 0.2, "final_lr_fraction": 0.5},
            [0.0, 0.0, 0.2, 0.4, 0.3, 0.2, 0.2],
        ),
        (
            {"schedule": "cosine", "warmup": 0.2, "final_lr_fraction": 0.1},
            [0.0, 0.0, 0.2, 0.4, 0.04 + 0.36 / 2, 0.04, 0.04],
        ),
        ({"final_lr_fraction": 0.5}, [0.4] * 7),
    ],
)
def test_schedules_by_hand(settings, expected):
    config = OptimizationConfig(learning_rate=0.4, **settings)
    rates = [scheduled(config, p) for p in (-1.0, 0.0, 0.1, 0.2, 0.6, 1.0, 2.0)]
    assert rates == pytest.approx(expected, abs=1e-12)


def test_a_cosine_is_a_cosine():
    config = OptimizationConfig(learning_rate=2.0, schedule="cosine")
    assert scheduled(config, 1 / 3) == pytest.approx(1.0 + math.cos(math.pi / 3))


def test_clipping_by_hand():
    def gradients() -> list[torch.Tensor]:
        return [torch.tensor([[3.0], [6.0]]), torch.tensor([[4.0], [8.0]])]

    both = math.sqrt(5.0**2 + 10.0**2)
    clipped = gradients()
    assert float(clip_by_global_norm(clipped, 1.0)) == pytest.approx(both)
    assert clipped[0].flatten().tolist() == pytest.approx([3 / both, 6 / both])
    assert clipped[1].flatten().tolist() == pytest.approx([4 / both, 8 / both])

    clipped = gradients()
    assert clip_by_global_norm(clipped, 7.5, per_seed=True).tolist() == pytest.approx([5, 10])
    assert clipped[0].flatten().tolist() == pytest.approx([3.0, 4.5])
    assert clipped[1].flatten().tolist() == pytest.approx([4.0, 6.0])

    for limit in (None, 100.0):
        untouched = gradients()
        assert float(clip_by_global_norm(untouched, limit)) == pytest.approx(both)
        assert untouched[1].flatten().tolist() == [4.0, 8.0]


def test_clipping_is_torchs():
    weights, others = parameters(), parameters()
    for each in (weights, others):
        loss_of(each).backward()
    norm = clip_by_global_norm([p.grad for p in weights], 0.7)
    torch.testing.assert_close(norm, nn.utils.clip_grad_norm_(others, 0.7))
    for one, other in zip(weights, others, strict=True):
        assert torch.equal(one.grad, other.grad)


@every_optimizer
def test_steps_are_torchs_own(optimizer):
    more = {"momentum": 0.8} if optimizer == "sgd" else {"eps": 1e-4}
    config = OptimizationConfig(
        optimizer=optimizer, learning_rate=0.05, schedule="linear", weight_decay=0.1,
        betas=(0.8, 0.95), max_grad_norm=2.0, **more,
    )  # fmt: skip
    names = {"sgd": "SGD", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adam": "Adam"}
    oracle_class = getattr(torch.optim, names.get(optimizer, "AdamW"))
    if optimizer.startswith("adam"):
        more["betas"] = (0.8, 0.95)
    weights, others = parameters(), parameters()
    ours = Optimization(config, weights)
    oracle = oracle_class(others, lr=0.05, weight_decay=0.1, foreach=False, **more)
    for k in range(4):
        norm = ours.step(loss_of(weights), k / 10)
        oracle.zero_grad()
        loss_of(others).backward()
        expected = nn.utils.clip_grad_norm_(others, 2.0)
        oracle.param_groups[0]["lr"] = 0.05 * (1 - k / 10)
        oracle.step()
        torch.testing.assert_close(norm, expected)
        for one, other in zip(weights, others, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-6)
    ours.check()
    assert ours.steps == 4


@pytest.mark.parametrize(
    ("optimizer", "kernel"),
    [
        ("sgd", "aten::_fused_sgd_"),
        ("adagrad", "aten::_fused_adagrad_"),
        ("adam", "aten::_fused_adam_"),
        ("adamw", "aten::_fused_adamw_"),
    ],
)
def test_steps_run_in_one_kernel(optimizer, kernel):
    weights = parameters()
    ours = Optimization(OptimizationConfig(optimizer=optimizer), weights)
    ours.step(loss_of(weights), 0.0)
    with profile(activities=[ProfilerActivity.CPU]) as record:
        ours.step(loss_of(weights), 0.0)
    counts = {event.key: event.count for event in record.key_averages()}
    assert counts[kernel] == 1


class Waits(TorchDispatchMode):
    """Notes every operation that would wait for a device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func)
        if any(wait in name for wait in ("_local_scalar_dense", "nonzero", "masked_select")):
            self.found.append(name)
        return func(*args, **kwargs or {})


@every_optimizer
@pytest.mark.parametrize("seeds", [None, 2])
def test_a_step_waits_for_no_device(optimizer, seeds):
    weights = parameters(seeds)
    ours = Optimization(OptimizationConfig(optimizer=optimizer), weights, seeds)
    with Waits() as waits:
        for _ in range(2):
            loss = loss_of(weights)
            ours.step(loss if seeds is None else loss.expand(seeds), 0.5)
        assert waits.found == []
        loss.mean().item()
        assert waits.found == ["aten._local_scalar_dense.default"]


@every_optimizer
@pytest.mark.parametrize("bad", [math.nan, math.inf])
@pytest.mark.parametrize("first", [1, 3])
def test_the_last_good_weights_survive(optimizer, bad, first):
    weights = parameters()
    config = OptimizationConfig(optimizer=optimizer, learning_rate=0.1, weight_decay=0.1)
    ours = Optimization(config, weights)
    for _ in range(first - 1):
        ours.step(loss_of(weights), 0.0)
    ours.check()
    good = [weight.detach().clone() for weight in weights]
    for scale in (bad, 1.0, bad, 1.0):
        ours.step(loss_of(weights, scale), 0.0)
    for weight, kept in zip(weights, good, strict=True):
        assert torch.equal(weight, kept)
    with pytest.raises(TrainingError, match=rf"not finite at gradient step {first}; the weights"):
        ours.check()


def test_a_gradient_alone_may_fail():
    weight = nn.Parameter(torch.zeros(2))
    ours = Optimization(OptimizationConfig(), [weight])
    ours.step(weight.sqrt().sum(), 0.0)  # finite, of infinite slope
    assert weight.tolist() == [0.0, 0.0]
    with pytest.raises(TrainingError, match="gradient step 1;"):
        ours.check()


def test_a_loss_alone_may_fail():
    weight = nn.Parameter(torch.ones(2))
    ours = Optimization(OptimizationConfig(), [weight])
    ours.step(weight.sum() + math.inf, 0.0)
    assert weight.tolist() == [1.0, 1.0]
    with pytest.raises(TrainingError, match=r"Lower learning_rate = 0\.0003 or max_grad"):
        ours.check()


def test_parameters_without_a_gradient_stay():
    used, unused = parameters()
    ours = Optimization(OptimizationConfig(optimizer="rmsprop"), [used, unused])
    before = [used.detach().clone(), unused.detach().clone()]
    ours.step(used.square().sum(), 0.0)
    assert not torch.equal(used, before[0])
    assert torch.equal(unused, before[1])


@every_optimizer
def test_stacked_seeds_learn_as_if_alone(optimizer):
    config = OptimizationConfig(optimizer=optimizer, learning_rate=0.05, max_grad_norm=1.5)
    stacked = parameters(3)
    alone = [[nn.Parameter(p.detach()[s].clone()) for p in stacked] for s in range(3)]
    together = Optimization(config, stacked, seeds=3)
    apart = [Optimization(config, weights) for weights in alone]
    scales = torch.tensor([1.0, 0.01, 3.0])
    for step in range(1, 5):
        # The second seed fails at the third step; the others go on.
        scales = torch.where(torch.tensor([False, step == 3, False]), math.nan, scales)
        each = stacked[0].square().sum((1, 2)) + stacked[1].sin().sum(1)
        norms = together.step(scales * each, 0.0)
        singles = [
            optimization.step(loss_of(weights, float(scale)), 0.0)
            for optimization, weights, scale in zip(apart, alone, scales, strict=True)
        ]
        torch.testing.assert_close(norms, torch.stack(singles), equal_nan=True)
    for s, weights in enumerate(alone):
        for one, other in zip(stacked, weights, strict=True):
            torch.testing.assert_close(one[s], other, rtol=1e-5, atol=1e-6)
            assert one[s].isfinite().all()
    with pytest.raises(TrainingError, match="not finite at gradient step 3 of seed 1;"):
        together.check()


@every_optimizer
@pytest.mark.parametrize("seeds", [None, 2])
def test_a_state_goes_on_bit_by_bit(optimizer, seeds):
    config = OptimizationConfig(optimizer=optimizer, learning_rate=0.1)

    def steps(ours, weights, count):
        for _ in range(count):
            loss = loss_of(weights)
            ours.step(loss if seeds is None else loss.expand(seeds) / seeds, 0.5)

    whole = parameters(seeds)
    first = Optimization(config, whole, seeds)
    steps(first, whole, 2)
    file = io.BytesIO()
    torch.save({"optimization": first.state(), "weights": [p.data for p in whole]}, file)
    steps(first, whole, 3)

    saved = torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    resumed = [nn.Parameter(weight) for weight in saved["weights"]]
    second = Optimization(config, resumed, seeds)
    second.load(saved["optimization"])
    assert second.steps == 2
    steps(second, resumed, 3)
    assert all(torch.equal(a, b) for a, b in zip(whole, resumed, strict=True))


def test_a_state_remembers_a_failure():
    weights = parameters()
    first, second = (Optimization(OptimizationConfig(), weights) for _ in range(2))
    before = first.state()
    first.step(loss_of(weights, math.nan), 0.0)
    second.load(first.state())
    with pytest.raises(TrainingError, match="gradient step 1;"):
        second.check()
    second.load(before)
    second.check()


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match=r"momentum = 0.9 is sgd's, but optimizer = 'adamw'"):
        parse(OptimizationConfig, {"momentum": 0.9}, "test")
    with pytest.raises(ConfigError, match=r"betas = \[0.9, 1.0\]: both must lie in \[0, 1\)"):
        parse(OptimizationConfig, {"betas": [0.9, 1.0]}, "test")
