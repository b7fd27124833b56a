"""The contract of stage 08: what a training step should cost, and what it does cost.

FLOP are floating-point operations; FLOP/s is a rate. All memory is in bytes, all time in seconds.
A `dtype` is named as in `TrainConfig`: "float32", or "bfloat16" for mixed precision.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import torch

from s04_transformer import ModelConfig

from .devices import DEVICES as DEVICES
from .devices import Device as Device
from .results import Budget as Budget
from .results import PhaseTimes as PhaseTimes
from .results import StepTimes as StepTimes

Config = TypeVar("Config")


def count_parameters(config: ModelConfig) -> int:
    """How many numbers `TransformerLM(config)` learns, from the configuration alone.

    A tied matrix counts once. 22,696,448 for vocab 10,000, d_model 512, 4 layers and d_ff 1,344.
    """
    raise NotImplementedError


def forward_flops(config: ModelConfig, batch: int, seq: int) -> dict[str, int]:
    """FLOP of the matrix products of one forward pass, by operation, summed over the layers.

    The keys are q_proj, k_proj, v_proj, scores, weighted_values, o_proj, ffn and lm_head. An
    (m, k) times (k, n) product is 2mnk: m·n sums of k products. Masked scores are computed, so
    they are counted. Embedding is a look-up: no FLOP. Not counted, because their time goes by
    bytes and not by FLOP: norms, RoPE, softmax, gating, residual additions, the loss.
    """
    raise NotImplementedError


def training_flops(config: ModelConfig, batch: int, seq: int) -> int:
    """FLOP of one forward and one backward pass: three times the forward pass.

    For y = x Wᵀ the backward pass computes dx = dy W and dW = dyᵀ x, each as dear as y itself.
    """
    raise NotImplementedError


def moved_bytes(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    """Bytes that the products of one forward pass move, by operation as in `forward_flops`.

    Operands and results cross the bus once: an (m, k) times (k, n) product moves mk + kn + mn
    numbers, of 4 bytes with "float32" or "tf32" and 2 with "bfloat16". Each head's products are
    products of their own. FLOP divided by bytes is the arithmetic intensity of an operation.

    Raises:
        ValueError: another dtype.
    """
    raise NotImplementedError


def training_memory(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    """Bytes that a training step of stage 06 needs, by kind.

    "float32" has 4-byte numbers everywhere. "bfloat16" is mixed precision (torch.autocast, as
    in stage 06): what enters a matrix product has b = 2 bytes, all else stays at 4.

    - parameters: 4 bytes each; with bfloat16 also a 2-byte copy of every matrix that takes part
      in a product, so not of the gains, nor of an embedding that is not tied.
    - gradients: 4 bytes for each parameter. optimizer_state: AdamW's two moments, 8 bytes.
    - activations: what autograd keeps from the forward pass until the backward pass. With
      T = batch · seq and A = batch · num_heads · seq², that is

          in each layer  the input of q, k and v; of o; of gate and up     3 T d_model · b
                         q, k and v                                        3 T d_model · b
                         softmax: the exponentials, and the weights        A · 4 + A · b
                         gate, σ(gate), silu(gate), up, input of down      5 T d_ff · b
          in each norm   its input, and that input divided by its rms      2 T d_model · 4
          at the end     the input of lm_head                              T d_model · b
                         the loss: the exponentials                        T vocab_size · 4

      In bfloat16 the first row is 6 T d_model · b: autocast makes each of the six products a copy
      of its own. Without a gate (ffn "silu") they are five, and the 5 T d_ff are 3. Per-token
      scalars, masks and RoPE's tables are left out. Other code keeps other tensors.

    Raises:
        ValueError: another dtype.
    """
    raise NotImplementedError


def memory_by_moment(config: ModelConfig, batch: int, seq: int, dtype: str) -> dict[str, int]:
    """Bytes held at the three moments at which a training step may need most.

    Of the kinds of `training_memory`, with T = batch · seq:

    - loss: parameters, optimizer_state and activations, and the logits twice: as they come and
      with their maximum subtracted, 8 bytes each of the T vocab_size. In bfloat16 10: the
      product gives 2-byte logits, of which the loss takes a 4-byte copy.
    - backward, as it ends: gradients, optimizer_state, 4 bytes for each parameter (the 2-byte
      copies are gone) and the activations of one block: without the loss's exponentials, which
      are gone as well, (activations - 4 T vocab_size) // num_layers.
    - update: 12 bytes for each parameter and 4 for its gradient, and AdamW's denominator, 4
      bytes for each number of the largest matrix.

    The largest of the three is the peak. Other code has other temporary tensors.
    """
    raise NotImplementedError


def largest_batch(config: ModelConfig, seq: int, device: Device, dtype: str) -> int:
    """The largest batch whose `memory_by_moment` fits into the memory of `device` as sold.

    0 where not even one sequence fits. At most so many: a driver takes some memory as well.

    Raises:
        ValueError: the memory of `device` is not known.
    """
    raise NotImplementedError


def time_steps(
    step: Callable[[], object],
    *,
    warmup: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> StepTimes:
    """Time `repeats` calls of `step`, each alone, after `warmup` calls that are not timed.

    A GPU runs behind Python: a call returns when its work is queued, and `synchronize` when it is
    done (`torch.cuda.synchronize`, `torch.mps.synchronize`, `torch.cpu.synchronize`), so each
    reading of `clock` comes right after one. Percentiles interpolate as `numpy.percentile` does.

    Raises:
        ValueError: fewer than 1 repeat, or a negative warm-up.
    """
    raise NotImplementedError


def time_phases(
    phases: Mapping[str, Callable[[], object]],
    *,
    warmup: int,
    repeats: int,
    synchronize: Callable[[], object],
    clock: Callable[[], float] = time.perf_counter,
) -> PhaseTimes:
    """Where the time of a step goes, whose `phases` are called in order, such as forward, backward
    and optimizer: `warmup` steps that are not timed, except the first, and then `repeats`.

    A phase begins with the reading of `clock` that the one before ended with, and each reading
    comes right after `synchronize`. So the phases of a step add up to it. Medians of each phase,
    taken by themselves, would be of different steps, and would not.

    Raises:
        ValueError: no phases, fewer than 1 repeat or 1 warm-up (the first step compiles).
    """
    raise NotImplementedError


def peak_memory(step: Callable[[], object], device: torch.device | str) -> int:
    """The most bytes of tensors that `step` held on `device` at one moment, beyond what was
    allocated there before it.

    `step` runs once and should not free what was there before. How it is measured:

    - cuda: `torch.cuda.max_memory_allocated`, reset before the step and read after a
      synchronize, less `torch.cuda.memory_allocated` before the step.
    - cpu: the running sum of the allocations and frees that `torch.profiler` records.
    - mps: PyTorch keeps no peak there. Its pool, emptied first, only grows: the growth of
      `torch.mps.driver_allocated_memory` is an upper bound.

    Raises:
        ValueError: another kind of device.
    """
    raise NotImplementedError


def utilisation(flops: float, seconds: float, peak: float) -> float:
    """The share of `peak` FLOP/s that `flops` in `seconds` make use of.

    With `training_flops` of one step this is the model FLOPs utilisation, MFU (Chowdhery et al.
    2022, appendix B). On several devices `peak` is the sum of their peaks.

    Raises:
        ValueError: seconds or peak that are not above 0.
    """
    raise NotImplementedError


def measure_device(
    device: torch.device | str = "cpu",
    dtypes: Sequence[str] = ("float32",),
    *,
    size: int = 2048,
    copied_bytes: int = 2**28,
    repeats: int = 10,
    clock: Callable[[], float] = time.perf_counter,
) -> Device:
    """What this machine reaches, by the median of `time_steps` after 3 warm-ups.

    `dtypes` are any of torch's by name, as in "float32", "bfloat16" or "float64".
    The peak of a dtype is that of a (size, size) by (size, size) product, the bandwidth that of
    copying `copied_bytes` from one tensor to another, each of them read and written.
    """
    raise NotImplementedError


@dataclass(frozen=True)
class Prediction:
    """A training step on the roofline."""

    seconds: dict[str, float]
    """By operation."""
    bound: dict[str, str]
    """By operation: "compute" or "memory", whichever takes longer."""

    @property
    def total(self) -> float:
        """Of the whole step."""
        raise NotImplementedError


def predict_step(
    config: ModelConfig, batch: int, seq: int, device: Device, dtype: str
) -> Prediction:
    """The least time a training step takes: each operation at the device's peak FLOP/s or at its
    full bandwidth, whichever takes longer (Williams et al. 2009), one after the other.

    The operations are those of `forward_flops`, three times each (forward, and twice in the
    backward pass), whose operands and results cross the bus once, in 4 bytes with "float32" or
    "tf32" and in 2 with "bfloat16"; "elementwise", which writes and later reads the activations
    of `training_memory`; and "optimizer", where AdamW moves 28 bytes for each parameter: it
    reads weight, gradient and two moments and writes all of them but the gradient.

    Raises:
        ValueError: `dtype` is none of the three, or `device` has no peak for it.
    """
    raise NotImplementedError


def training_budget(
    tokens: int, *, batch: int, seq: int, step_seconds: float, price_per_hour: float = 0.0
) -> Budget:
    """What it takes to train on at least `tokens` tokens, in whole steps of batch · seq.

    `step_seconds` is measured, or the total of a `Prediction`, which gives the least there can
    be. A part of an hour costs that part of the price.

    Raises:
        ValueError: tokens, batch, seq or step_seconds not above 0, or a negative price.
    """
    raise NotImplementedError


def sweep(base_config: Config, grid: Mapping[str, Sequence[Any]]) -> list[Config]:
    """A copy of `base_config` for every combination of the grid's values, the last name fastest.

    A name is a field, as in "max_lr", or a field of a nested configuration, as in
    "model.d_model". All values of a combination are set at once: only the result has to be valid.
    Two fields follow, where `base_config` has them and the grid does not name them:
    `warmup_steps` keeps its share of `steps`, rounded, when those vary; `run_dir` becomes a folder
    of its own in the base's, as in `runs/max_lr=0.001,model.d_model=64`, with a name that is legal
    and different on every file system, so that no run resumes from another's checkpoint.

    Raises:
        ValueError: an unknown field (the message names close ones), a name without a list of
            values or with one value twice, a combination that the configuration refuses.
    """
    raise NotImplementedError
