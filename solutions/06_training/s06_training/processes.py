"""Several processes that train one model, as torchrun starts them."""

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed
from torch.nn.parallel import DistributedDataParallel

from .adapter import TrainConfig, best_device

PAUSE = 0.3


@dataclass(frozen=True)
class Processes:
    """This process among all; one that is alone does everything itself."""

    rank: int = 0
    count: int = 1

    @property
    def writes(self) -> bool:
        return self.rank == 0

    def rows(self, batch_size: int) -> slice:
        """The rows of a batch that are this process's."""
        share = batch_size // self.count
        return slice(self.rank * share, (self.rank + 1) * share)

    def connect(self, forward: Callable[..., Tensor]) -> Callable[..., Tensor]:
        """A model whose backward pass leaves the mean of all processes' gradients."""
        return DistributedDataParallel(forward) if self.count > 1 else forward

    def exchange(self, forward: object, wanted: bool) -> AbstractContextManager[object]:
        """Where gradients are only added up, to be sent with those of a later batch."""
        if wanted or not isinstance(forward, DistributedDataParallel):
            return contextlib.nullcontext()
        return forward.no_sync()

    def mean(self, value: Tensor) -> Tensor:
        if self.count > 1:
            distributed.all_reduce(value)
            value = value / self.count
        return value

    def any(self, wanted: bool) -> bool:
        """Whether one of the processes wants it; they have to stop after the same step."""
        if self.count > 1:
            asked = torch.tensor(wanted, dtype=torch.int32)
            distributed.all_reduce(asked)
            wanted = asked.item() > 0
        return wanted


@contextlib.contextmanager
def together(config: TrainConfig) -> Iterator[Processes]:
    """Join the processes that torchrun started, if it did, for as long as a run lasts."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        yield Processes()
        return
    if config.batch_size % count:
        raise ValueError(
            f"batch_size ({config.batch_size}) must be divisible by the number of processes "
            f"({count}), which WORLD_SIZE says: each takes its share of every batch"
        )
    kind = torch.device(config.device or best_device()).type
    if kind not in ("cpu", "cuda"):
        raise ValueError(f"device ({kind}) must be cpu or cuda for several processes")
    if kind == "cuda":
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    # What stays on the CPU, such as a wish to stop, need not wait for the GPU.
    distributed.init_process_group("gloo" if kind == "cpu" else "cpu:gloo,cuda:nccl")
    try:
        yield Processes(distributed.get_rank(), count)
    finally:
        # A thread of gloo's gives back the tensor of the last exchange, and needs Python's lock for
        # it. Destroying the group waits for that thread without letting go of the lock: a deadlock,
        # seen with torch 2.13, unless the thread is done before.
        time.sleep(PAUSE)
        distributed.destroy_process_group()
