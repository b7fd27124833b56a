"""A few words after each evaluation: one sees a model learn to spell, then to speak."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from groundup.commands import prepared as on_disk

TOKENS = 40
TEMPERATURE = 0.8


def sampler(folder: Path, prompt: str) -> Callable[[Any], str]:
    """A function of a model trained on `folder` that writes what follows `prompt`, in one line.

    Stage 07 does it better, but who trains may not have come that far.
    """
    import torch

    tokenizer = on_disk.load_tokenizer(folder)
    has_stories = on_disk.load(folder).separators > 0
    opening = tokenizer.encode(on_disk.opening(has_stories, prompt))
    stop = on_disk.separator_id(tokenizer)

    def write(model: Any) -> str:
        # Of its own, so that a sample changes no random number of the run.
        generator, ids = torch.Generator().manual_seed(0), list(opening)
        # Always of one length, because einx solves each anew: a model sees nothing after a token.
        length = min(model.config.context_length, len(opening) + TOKENS)
        window = torch.zeros(1, length, dtype=torch.int64, device=next(model.parameters()).device)
        for _ in range(TOKENS):
            recent = ids[-length:]
            window[0, : len(recent)] = torch.tensor(recent)
            logits = model(window)[0, len(recent) - 1].float().cpu()
            known = logits[: len(tokenizer.vocab)]  # a model may have room for more
            if not known.isfinite().all():  # the loss, or the next gradient, ends such a run
                return "no text: the logits are infinite or NaN"
            weights = torch.softmax(known / TEMPERATURE, dim=-1)
            ids.append(int(torch.multinomial(weights, 1, generator=generator)))
            if ids[-1] == stop:
                break
        written = tokenizer.decode([each for each in ids[len(opening) :] if each != stop])
        return " ".join(f"{prompt}{written}".split())

    return write
