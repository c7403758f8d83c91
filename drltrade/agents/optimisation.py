"""Gradient steps: optimiser, learning-rate schedule, clipping, and a watch for what is not finite.

Nothing here waits for the device: what goes wrong is remembered there and raised by `check`.
"""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from pydantic import Field, model_validator
from torch import Tensor

from drltrade.errors import TrainingError
from drltrade.settings import Settings


class OptimizationConfig(Settings):
    """How gradients change weights."""

    optimizer: Literal["sgd", "rmsprop", "adagrad", "adam", "adamw"] = Field(
        "adamw", description="adamw decays weights apart from the gradient"
    )
    learning_rate: float = Field(3e-4, gt=0, description="at its height")
    schedule: Literal["constant", "linear", "cosine"] = Field(
        "constant", description="how the learning rate falls over the training"
    )
    final_lr_fraction: float = Field(
        0.0, ge=0, le=1, description="share of the learning rate left at the end (linear, cosine)"
    )
    warmup: float = Field(
        0.0, ge=0, lt=1, description="share of the training over which the learning rate rises"
    )
    weight_decay: float = Field(0.0, ge=0)
    momentum: float = Field(0.0, ge=0, lt=1, description="sgd alone")
    betas: tuple[float, float] = Field((0.9, 0.999), description="adam and adamw")
    eps: float = Field(1e-8, gt=0, description="all but sgd")
    max_grad_norm: float | None = Field(
        0.5, gt=0, description="longest gradient of all weights together; none: never clipped"
    )

    @model_validator(mode="after")
    def _betas_are_shares(self) -> "OptimizationConfig":
        if not all(0.0 <= beta < 1.0 for beta in self.betas):
            raise ValueError(f"betas = {list(self.betas)}: both must lie in [0, 1)")
        return self

    @model_validator(mode="after")
    def _momentum_is_of_sgd(self) -> "OptimizationConfig":
        if self.momentum > 0 and self.optimizer != "sgd":
            raise ValueError(
                f"momentum = {self.momentum} is sgd's, but optimizer = {self.optimizer!r}; "
                "set optimizer = 'sgd', or betas for adam and adamw"
            )
        return self


def scheduled(config: OptimizationConfig, progress: float) -> float:
    """The learning rate after a share `progress` of the training; outside [0, 1] as at its ends.

    It rises linearly from 0 over the share `warmup`; over the rest q in [0, 1], and with f =
    `final_lr_fraction`, it is multiplied by 1 (constant), f + (1 - f)(1 - q) (linear) or
    f + (1 - f)(1 + cos(pi q)) / 2 (cosine; Loshchilov & Hutter 2017, "SGDR", eq. 5).
    """
    progress = min(max(progress, 0.0), 1.0)
    if progress < config.warmup:
        return config.learning_rate * progress / config.warmup
    q = (progress - config.warmup) / (1.0 - config.warmup)
    left = {"constant": 1.0, "linear": 1.0 - q, "cosine": 0.5 * (1.0 + math.cos(math.pi * q))}
    fraction = config.final_lr_fraction if config.schedule != "constant" else 0.0
    return config.learning_rate * (fraction + (1.0 - fraction) * left[config.schedule])


@torch.no_grad()
def clip_by_global_norm(
    gradients: list[Tensor], max_norm: float | None, per_seed: bool = False
) -> Tensor:
    """Scale gradients, in place, to a norm of at most `max_norm` over all of them together.

    Source: Pascanu, Mikolov & Bengio 2013, "On the difficulty of training recurrent neural
    networks".

    Args:
        gradients: of the parameters; per seed each [S, ...].
        max_norm: None: measure alone.
        per_seed: take the norm, and clip, for each leading index on its own.

    Returns:
        The norm before clipping, [] or per seed [S].
    """
    if per_seed:
        norms = [gradient.flatten(1).norm(dim=1) for gradient in gradients]
    else:
        norms = list(torch._foreach_norm(gradients))
    norm: Tensor = torch.linalg.vector_norm(torch.stack(norms), dim=0)
    if max_norm is None:
        return norm
    # As in torch.nn.utils.clip_grad_norm_: the small number keeps a norm of zero from dividing.
    scale = (max_norm / (norm + 1e-6)).clamp(max=1.0)
    if per_seed:
        for gradient in gradients:
            gradient.mul_(_leading(scale, gradient))
    else:
        torch._foreach_mul_(gradients, scale)
    return norm


def _leading(values: Tensor, like: Tensor) -> Tensor:
    """[S] -> [S, 1, ...] with as many dimensions as `like`."""
    return values.view(-1, *(1,) * (like.dim() - 1))


def make_optimizer(
    config: OptimizationConfig, parameters: Sequence[Tensor]
) -> torch.optim.Optimizer:
    """torch's optimiser, fused into one kernel where there is one (all but rmsprop)."""
    rate, decay, eps = config.learning_rate, config.weight_decay, config.eps
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            parameters, rate, momentum=config.momentum, weight_decay=decay, fused=True
        )
    if config.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, rate, eps=eps, weight_decay=decay, foreach=True)
    if config.optimizer == "adagrad":
        return torch.optim.Adagrad(parameters, rate, eps=eps, weight_decay=decay, fused=True)
    kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, rate, betas=config.betas, eps=eps, weight_decay=decay, fused=True)


class Optimization:
    """The optimiser of a set of parameters.

    A loss or gradient that is not finite changes no parameter, and none changes afterwards: the
    last good weights stay until `check` raises. Where parameters are stacked over seeds this holds
    for each seed on its own.
    """

    def __init__(
        self,
        config: OptimizationConfig,
        parameters: Iterable[Tensor],
        seeds: int | None = None,
    ) -> None:
        """`seeds`: S, where every parameter is [S, ...] and each leading index learns alone."""
        self.config, self.parameters, self.seeds = config, list(parameters), seeds
        self._optimizer = make_optimizer(config, self.parameters)
        self._fused = bool(self._optimizer.defaults.get("fused"))
        self._steps = 0
        shape = () if seeds is None else (seeds,)
        device = self.parameters[0].device
        # The step, counted from 1, at which the numbers ceased to be finite; 0: they are.
        self._failed = torch.zeros(shape, dtype=torch.long, device=device)

    @property
    def steps(self) -> int:
        """Gradient steps so far."""
        return self._steps

    def step(self, loss: Tensor, progress: float) -> Tensor:
        """One gradient step, without waiting for the device.

        Args:
            loss: [], or [S] with stacked seeds.
            progress: share of the training that is over, in [0, 1].

        Returns:
            The norm of the gradient before it was clipped, [] or [S].
        """
        self._steps += 1
        self._optimizer.zero_grad()
        loss.sum().backward()  # type: ignore[no-untyped-call]
        gradients = [p.grad for p in self.parameters if p.grad is not None]
        norm = clip_by_global_norm(gradients, self.config.max_grad_norm, self.seeds is not None)
        sound = norm.isfinite() & loss.detach().isfinite()
        self._failed.masked_fill_(~sound & (self._failed == 0), self._steps)
        for group in self._optimizer.param_groups:
            group["lr"] = scheduled(self.config, progress)
        if self._fused and self.seeds is None:
            # The fused kernels look at this flag themselves, and leave everything as it is when
            # it is set; torch.amp.GradScaler sets it in the same way.
            self._optimizer.found_inf = (self._failed > 0).float()  # type: ignore[attr-defined]
            self._optimizer.step()
        else:
            self._step_the_sound(gradients)
        return norm

    @torch.no_grad()
    def _step_the_sound(self, gradients: Sequence[Tensor]) -> None:
        """Step, and take back what became of the parameters that failed."""
        before = [parameter.clone() for parameter in self.parameters]
        for gradient in gradients:
            failed = self._failed if self.seeds is None else _leading(self._failed, gradient)
            gradient.masked_fill_(failed > 0, 0.0)
        self._optimizer.step()
        for parameter, good in zip(self.parameters, before, strict=True):
            failed = self._failed if self.seeds is None else _leading(self._failed, parameter)
            parameter.copy_(torch.where(failed > 0, good, parameter))

    def check(self) -> None:
        """Wait for the device and see that all was finite.

        Raises:
            TrainingError: it was not; names the step (and the seeds).
        """
        failed = self._failed.tolist()
        if self.seeds is None:
            bad, where = failed, f"gradient step {failed}"
        else:
            bad = [(seed, step) for seed, step in enumerate(failed) if step]
            where = ", ".join(f"gradient step {step} of seed {seed}" for seed, step in bad)
        if bad:
            raise TrainingError(
                f"the loss or its gradient was not finite at {where}; the weights are those before "
                f"it. Lower learning_rate = {self.config.learning_rate:g} or max_grad_norm = "
                f"{self.config.max_grad_norm}, or look for extreme features or rewards"
            )

    def state(self) -> dict[str, Any]:
        """A copy of all that `load` needs to go on bit by bit; tensors and plain numbers."""
        optimizer = copy.deepcopy(self._optimizer.state_dict())
        return {"optimizer": optimizer, "steps": self._steps, "failed": self._failed.clone()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`, of the same configuration and parameters."""
        self._optimizer.load_state_dict(copy.deepcopy(state["optimizer"]))
        self._steps = state["steps"]
        self._failed.copy_(state["failed"])
