"""The contract of stage 07. Axes: batch, heads, seq, d_head, slots, vocab; `...` is any leading
axes."""

from collections.abc import Collection, Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from s04_transformer import TransformerLM


def token_probabilities(
    logits: Float[Tensor, "... vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
) -> Float[Tensor, "... vocab"]:
    """The distribution that a sampler draws the next token from; it sums to 1.

    Three filters, in this order, each on what the one before left and made to sum to 1 again:

    1. temperature: softmax(logits / temperature). Below 1 it sharpens, above 1 it flattens; 0 is
       the limit, all on the largest logit. Any finite one will do: 1e-50 and 1e300, too, which
       float32 would make 0 and infinite.
    2. top_k: only the k likeliest tokens stay (Fan et al. 2018); all, if there are fewer than k.
    3. top_p: only the smallest set of likeliest tokens stays whose probability reaches top_p
       (Holtzman et al. 2020, eq. 2). The token that crosses top_p is in it, so it is never empty.

    Of equally likely tokens the lower id counts as likelier, in all three. Logits may be -inf:
    such a token has probability 0. The result is float32, whatever the dtype of the logits, which
    are left as they were; it is computed in float32 at least, so the division may be in float64.

    With probabilities .05 .5 .12 .3 .03 and top_p 0.6 it is 0 .625 0 .375 0.

    Raises ValueError if temperature is negative or not finite, if top_k is less than 1, or if
    top_p is not in (0, 1].
    """
    raise NotImplementedError


def sample_token(
    logits: Float[Tensor, "... vocab"],
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
) -> Int[Tensor, "..."]:
    """One token id for each distribution of `token_probabilities`, drawn independently.

    With temperature 0 it is the largest logit's, and nothing is drawn. Without a generator,
    torch's global one is used; it may be on another device than the logits. Raises ValueError for
    the settings that `token_probabilities` refuses.
    """
    raise NotImplementedError


class KVCache:
    """The keys and values that one attention layer has computed so far.

    `keys` and `values` are tensors of shape (batch_size, num_heads, max_seq_len, d_head), zeros
    at first, whose memory is taken once and written in place. Slot p of a row holds the key and
    the value of the token at position p.
    """

    def __init__(
        self,
        batch_size: int,
        num_heads: int,
        max_seq_len: int,
        d_head: int,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        raise NotImplementedError

    def update(
        self,
        k: Float[Tensor, "batch heads seq d_head"],
        v: Float[Tensor, "batch heads seq d_head"],
        positions: Int[Tensor, "... seq"],
    ) -> tuple[
        Float[Tensor, "batch heads slots d_head"],
        Float[Tensor, "batch heads slots d_head"],
        Bool[Tensor, "batch 1 seq slots"],
    ]:
        """Write k and v into the slots of their positions; return what there is to attend to.

        That is the keys and the values of slots 0, 1, 2, … as far as any has been written at
        least, and the mask: the query at position p may attend to the slots up to p.

        `positions` is one row for all or one for each. A row's positions go on where it left off
        or start anew from any slot it has written; what is in later slots is then hidden until it
        is overwritten. So prompts of different lengths can be padded on the right: the padding's
        slots are overwritten before any real query may see them.
        """
        raise NotImplementedError


def generate(
    model: TransformerLM,
    prompt_ids: list[list[int]],
    max_new_tokens: int,
    *,
    stop_ids: Collection[int] = (),
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> list[list[int]]:
    """The tokens that the model adds to each prompt, without the prompt: max_new_tokens of them.

    A row ends earlier where it draws one of `stop_ids`, which is left out; the others go on. The
    prompts may have different lengths, and the rows do not see each other: with temperature 0,
    each is what it would be alone.

    The model sees a window of each row's last tokens, at positions from 0. The window grows with
    the row to context_length C; the token that does not fit cuts it to the last H = max(1, C // 2)
    tokens, and it grows again. So a row of n > C tokens, prompt and new ones together, has a
    window of H + (n - C - 1) mod (C - H + 1). With C = 8, rows of 7, 8, 9, …, 13, 14 tokens have
    windows of 7, 8, 4, 5, 6, 7, 8, 4. A prompt longer than C follows the same rule.

    With use_cache the model is fed each token of a window once, a single one per row and step;
    only a cut feeds the window anew, since its tokens have moved and have forgotten the tokens
    before them. Without it, the whole window at every step. The result is the same.

    The model runs in eval mode and without gradients; each of its modules is put back into the
    mode it was in. All tensors are made on the device of the model.

    Raises ValueError for an empty prompt, an id outside [0, vocab_size) (naming both), a negative
    max_new_tokens, and the settings that `token_probabilities` refuses.
    """
    raise NotImplementedError


def stream(
    model: TransformerLM,
    prompt_ids: list[int],
    max_new_tokens: int,
    *,
    stop_ids: Collection[int] = (),
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    use_cache: bool = True,
) -> Iterator[int]:
    """The tokens that `generate` adds to one prompt, each as soon as it is drawn.

    A token is not computed before it is asked for, and between two of them the model is in the
    mode that the caller left it in. What is wrong with the arguments is raised by the call
    itself.
    """
    raise NotImplementedError
