"""`started.json` in a run: the command that began it, whose code ran, and on which machine."""

import os
import shlex
import sys
from pathlib import Path

from groundup import reference
from groundup.commands.bench.machine import facts
from groundup.commands.results import write_json
from groundup.stages import STAGES

RECORD = "started.json"
CHECKPOINT = "checkpoint.pt"
"""Stage 06's, in the same folder: with it, a run goes on."""
PACKAGES = ("torch", "numpy")


def keep(run_dir: Path, device: str) -> None:
    """Write it, unless the run goes on: then it began with the command that is there.

    What is there without a checkpoint is of a command that was refused or got nowhere.
    """
    if all((run_dir / name).is_file() for name in (CHECKPOINT, RECORD)):
        return
    import torch

    named = torch.cuda.get_device_name() if device.startswith("cuda") else device
    record = {
        "command": command(sys.argv[1:]),
        "code": reference.header(STAGES[:6]),
        "device": named,
        "threads": torch.get_num_threads(),
        "machine": facts(PACKAGES),
    }
    write_json(run_dir / RECORD, record)


def command(words: list[str]) -> str:
    """The words after `groundup` as they are typed, with what else decided on the run."""
    processes = os.environ.get("WORLD_SIZE", "1")
    begin = ["groundup"]
    if processes != "1":
        begin = ["torchrun", "--nproc_per_node", processes, "-m", "groundup"]
    chosen = os.environ.get(reference.VARIABLE, "")
    given = any(word.partition("=")[0] == "--reference" for word in words)
    # The demo takes no such option: it is always the reference's.
    option = "" if given or words[:1] == ["demo"] else reference.option_for(reference.parse(chosen))
    return shlex.join(begin + words) + option
