"""One point of `groundup bench model`: a training step of a certain shape, ready to run."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from groundup.commands.common import Refusal

D_HEAD = 32


@dataclass(frozen=True, kw_only=True)
class Point:
    """What a step costs depends on these, and on the device."""

    width: int = 128
    depth: int = 3
    context: int = 128
    batch: int = 4
    vocab: int = 512
    dtype: str = "float32"
    compile: bool = False
    attention: str = "own"
    """"own", or "fused": torch's kernel in its place."""

    def __post_init__(self) -> None:
        if self.width % D_HEAD:
            raise ValueError(f"width ({self.width}) must be a multiple of {D_HEAD}, one head")

    @functools.cached_property
    def model(self) -> Any:
        """A `ModelConfig`, d_ff a multiple of 32 near 8/3 of the width."""
        from s04_transformer import ModelConfig

        return ModelConfig(
            vocab_size=self.vocab,
            context_length=self.context,
            d_model=self.width,
            num_layers=self.depth,
            num_heads=self.width // D_HEAD,
            d_ff=round(self.width / 12) * 32,
        )

    @property
    def tokens(self) -> int:
        return self.batch * self.context


class Training:
    """A step in three phases, which hand on the loss."""

    PHASES = ("forward", "backward", "optimizer")

    def __init__(self, point: Point, device: str) -> None:
        import torch

        from s04_transformer import TransformerLM
        from s05_adamw_schedule import AdamW

        torch.manual_seed(0)
        self.point, self.device = point, device
        self.model = TransformerLM(point.model, device=device)
        self.forward_pass = torch.compile(self.model) if point.compile else self.model
        self.optimizer = AdamW(self.model.parameters(), lr=1e-4)
        shape = (point.batch, point.context + 1)
        self.ids = torch.randint(0, point.vocab, shape).to(device)
        self.loss: Any = None
        if point.compile:
            # Once as it is, since `attention` cannot see what compiled code calls.
            with torch.no_grad():
                self.model(self.ids[:1, :1])

    def forward(self) -> None:
        import torch

        from s02_layers import cross_entropy

        mixed = self.point.dtype == "bfloat16"
        with torch.autocast(torch.device(self.device).type, torch.bfloat16, enabled=mixed):
            logits = self.forward_pass(self.ids[:, :-1])
        self.loss = cross_entropy(logits.float(), self.ids[:, 1:])

    def backward(self) -> None:
        self.loss.backward()
        self.loss = None

    def optimize(self) -> None:
        self.optimizer.step()
        self.optimizer.zero_grad()

    @property
    def phases(self) -> dict[str, Callable[[], object]]:
        return dict(zip(self.PHASES, (self.forward, self.backward, self.optimize), strict=True))

    def step(self) -> None:
        for phase in self.phases.values():
            phase()


@contextmanager
def attention(kind: str) -> Iterator[None]:
    """With "fused", torch's kernel takes the place of `scaled_dot_product_attention`. A block of
    this is refused where nothing called it: the measurement would be of the own function."""
    if kind == "own":
        yield
        return
    import torch

    import s03_attention_rope

    own, calls = s03_attention_rope.scaled_dot_product_attention, []

    def fused(q: Any, k: Any, v: Any, mask: Any = None) -> Any:
        if not torch.compiler.is_compiling():  # or each step would be compiled anew
            calls.append(1)
        # In training the mask is the causal one. Told so, torch need not read it.
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)

    modules = [each for name, each in sys.modules.items() if name.startswith(("s03_", "s04_"))]
    patched = [each for each in modules if vars(each).get(own.__name__) is own]
    for module in patched:
        setattr(module, own.__name__, fused)
    try:
        yield
    finally:
        for module in patched:
            setattr(module, own.__name__, own)
    if not calls:
        raise Refusal(
            "expected the model to call scaled_dot_product_attention, found that it does not, so "
            "that torch's cannot take its place; use --attention own"
        )
