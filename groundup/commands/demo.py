"""`groundup demo`: the whole course in minutes, on the reference."""

import shutil
from pathlib import Path

from groundup.commands.alone import alone_in
from groundup.commands.check import check_stages
from groundup.commands.common import Refusal, say, table
from groundup.commands.data import show
from groundup.commands.generate import load_writer, write_out
from groundup.commands.prepared import DATA, prepare
from groundup.commands.sources import Embedded
from groundup.commands.train import RUNS, make_config, train_model
from groundup.presets import CORPORA, PRESETS, Corpus, Preset
from groundup.stages import STAGES

NAME = "groundup-demo"
NUM_STORIES = 3
SAMPLING = {"temperature": 0.7, "top_p": 0.9}


def demo() -> None:
    """Check the reference, train a small model on stories made here, and let it tell three.

    It uses the reference for every stage and leaves your own stages, data and runs alone.
    """
    if not check_stages(STAGES, "all", go_on=True):
        raise Refusal("the reference does not pass its own tests here: please report it")
    tell_stories(CORPORA["embedded"], PRESETS["demo"], DATA / NAME, RUNS / NAME)


def tell_stories(
    corpus: Corpus, preset: Preset, folder: Path, run_dir: Path, *, max_new_tokens: int = 500
) -> None:
    """Everything after the tests, always from the beginning: `run_dir` is deleted first."""
    say()
    prepared = prepare(folder, Embedded(corpus), corpus.vocab_size)
    show(folder, prepared)
    say()
    with alone_in(run_dir):
        shutil.rmtree(run_dir, ignore_errors=True)
        config = make_config(preset, folder, prepared, run_dir, {}, {})
        rows = train_model(config, folder, prepared)
    writer = load_writer(run_dir, max_new_tokens, SAMPLING)
    for seed in range(NUM_STORIES):
        say(f"\n[story {seed + 1} of {NUM_STORIES}]")
        write_out("", writer.stream("", seed))
    say("\n" + table(rows))
