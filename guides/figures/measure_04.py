"""Measures what writing the model yourself costs: a forward and a backward pass of the reference
beside the same model of torch's own layers, on one thread.

    python guides/figures/measure_04.py [sequences]
"""

import statistics
import sys
from time import perf_counter

import torch
from torch import Tensor, nn
from torch.nn import functional

from groundup import reference

reference.activate(reference.parse("all"))
from s03_attention_rope import RotaryEmbedding  # noqa: E402
from s04_transformer import ModelConfig, TransformerLM  # noqa: E402

CONFIG = ModelConfig(
    vocab_size=1024, context_length=128, d_model=128, num_layers=4, num_heads=4, d_ff=344
)
ROUNDS = 30


class Block(nn.Module):
    def __init__(self, rope: RotaryEmbedding) -> None:
        super().__init__()
        d_model, d_ff = CONFIG.d_model, CONFIG.d_ff
        self.rope = rope
        self.norms = nn.ModuleList(nn.RMSNorm(d_model, CONFIG.norm_eps) for _ in range(2))
        self.q, self.k, self.v, self.o = (nn.Linear(d_model, d_model, bias=False) for _ in range(4))
        self.gate, self.up = (nn.Linear(d_model, d_ff, bias=False) for _ in range(2))
        self.down = nn.Linear(d_ff, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        normed, positions = self.norms[0](x), torch.arange(x.shape[1])
        q, k, v = (
            proj(normed).unflatten(-1, (CONFIG.num_heads, -1)).transpose(1, 2)
            for proj in (self.q, self.k, self.v)
        )
        q, k = self.rope(q, positions), self.rope(k, positions)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.o(mixed.transpose(1, 2).flatten(-2))
        normed = self.norms[1](x)
        return x + self.down(functional.silu(self.gate(normed)) * self.up(normed))


def of_torchs_layers() -> nn.Module:
    rope = RotaryEmbedding(CONFIG.d_model // CONFIG.num_heads, CONFIG.context_length)
    return nn.Sequential(
        nn.Embedding(CONFIG.vocab_size, CONFIG.d_model),
        *(Block(rope) for _ in range(CONFIG.num_layers)),
        nn.RMSNorm(CONFIG.d_model, CONFIG.norm_eps),
        nn.Linear(CONFIG.d_model, CONFIG.vocab_size, bias=False),
    )


def main(sequences: str = "16") -> None:
    torch.set_num_threads(1)
    models = {"reference": TransformerLM(CONFIG), "torch's layers": of_torchs_layers()}
    ids = torch.randint(CONFIG.vocab_size, (int(sequences), CONFIG.context_length))
    seconds: dict[str, list[float]] = {name: [] for name in models}
    for each in range(ROUNDS + 2):
        for name, model in models.items():
            began = perf_counter()
            model(ids).square().mean().backward()
            if each >= 2:
                seconds[name].append(perf_counter() - began)
    ours, torchs = (statistics.median(found) for found in seconds.values())
    print(f"{sequences} sequences: {ours * 1e3:.1f} ms, with torch's layers {torchs * 1e3:.1f} ms")
    print(f"the reference takes {ours / torchs:.2f} times as long")


if __name__ == "__main__":
    main(*sys.argv[1:])
