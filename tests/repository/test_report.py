"""One page about runs: self-contained, escaped, true to the runs' own files."""

import json
import math
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

from groundup.__main__ import main
from groundup.commands import started

LINE = {"lr": 0.001, "grad_norm": 0.5, "tokens_per_second": 2.0}
VOCAB = {"a": 0, "bcd": 1, "<|endoftext|>": 2}


def make_run(folder, *, losses=(3.0, 2.0), floor=0.25, **config):
    """A run's folder as `groundup train` leaves it, with a line for each loss."""
    folder.mkdir(parents=True)
    (folder / "tokenizer").mkdir()
    (folder / "tokenizer" / "vocab.json").write_text(json.dumps(VOCAB), encoding="utf-8")
    np.array([2, 1, 0, 2, 1], np.uint16).tofile(folder / "valid.bin")
    (folder / "valid.bin.json").write_text('{"dtype": "uint16"}', encoding="utf-8")
    whole = {"model": {"d_model": 64}, "steps": 40, "entropy_floor": floor, "max_grad_norm": 1.0}
    whole |= {"run_dir": str(folder), "valid_tokens": str(folder / "valid.bin"), **config}
    data = {"special_tokens": ["<|endoftext|>"], "vocab_size": 3, "source": {"kind": "embedded"}}
    for name, value in (("config.json", whole), ("data.json", data)):
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    with (folder / "metrics.jsonl").open("w", encoding="utf-8") as file:
        for step, loss in enumerate(losses, start=1):
            line = {"step": step, "train_loss": loss, "tokens": 100 * step, "seconds": step, **LINE}
            line |= {"valid_loss": loss, "sample": f"<b>step {step}</b> & more"}
            file.write(json.dumps(line) + "\n")
    return folder


class Page(HTMLParser):
    """What a page says, row by row, and what it would load."""

    def __init__(self, text):
        super().__init__()
        self.rows, self.tags, self.loads, self.in_cell = [], [], [], False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "tr":
            self.rows.append([])
        elif tag in ("th", "td") and self.rows:
            self.rows[-1].append("")
            self.in_cell = True
        self.loads += [
            value
            for name, value in attributes
            if name in ("src", "href", "xlink:href", "srcset", "data") and value[:1] != "#"
        ]

    def handle_endtag(self, tag):
        self.in_cell = self.in_cell and tag not in ("th", "td")

    def handle_data(self, data):
        if self.in_cell:
            self.rows[-1][-1] += data.strip()

    def row(self, name):
        [found] = [row[1:] for row in self.rows if row and row[0] == name]
        return found


def report(capsys, *folders):
    out = folders[0] / "report.html"
    assert main(["report", *map(str, folders)]) == 0
    assert capsys.readouterr().err == ""
    text = out.read_text(encoding="utf-8")
    return text, Page(text)


def test_a_report_says_what_the_runs_files_say(tmp_path, capsys):
    weights = torch.ones(6, 4)
    run = make_run(tmp_path / "one")
    torch.save(
        {"model": {"tied": weights, "twice": weights, "b": torch.ones(3)}}, run / "checkpoint.pt"
    )
    _, page = report(capsys, run)
    assert page.row("validation loss, nats per token") == ["2.0000"]
    # After the first token come 3 + 1 + 0 + 3 bytes in four tokens.
    assert page.row("validation loss, nats per byte") == [f"{2 / (7 / 4):.4f}"]
    assert page.row("perplexity per token") == [f"{math.exp(2):.3f}"]
    assert page.row("distance from the floor") == ["1.7500"]
    assert page.row("parameters") == ["27"]
    assert (page.row("steps made"), page.row("steps planned")) == (["2"], ["40"])
    assert (page.row("tokens per second"), page.row("seconds")) == (["100"], ["2.0"])


def test_runs_are_compared_and_only_what_differs_is_told_first(tmp_path, capsys):
    runs = [
        make_run(tmp_path / "slow", max_lr=1e-4),
        make_run(tmp_path / "fast", max_lr=1e-2, losses=(2.0, 1.0), floor=None),
    ]
    text, page = report(capsys, *runs)
    assert page.row("max_lr") == ["0.0001", "0.01"]
    assert page.row("entropy floor, nats per token") == ["0.2500", "–"]
    differing, same = text.split("The fields that are the same")
    assert "max_lr" in differing and "model.d_model" not in differing
    assert "model.d_model" in same and "run_dir" not in text
    assert "The lowest validation loss is that of <strong>fast</strong>" in text
    curves = [a["id"] for tag, a in page.tags if tag == "g" and "-valid-" in a.get("id", "")]
    assert curves == [
        "loss-880-valid-0",
        "loss-880-valid-1",
        "loss-400-valid-0",
        "loss-400-valid-1",
    ]


def test_a_report_loads_nothing_and_ids_are_its_own(tmp_path, capsys):
    text, page = report(capsys, make_run(tmp_path / "one"))
    assert page.loads == []
    assert not {"script", "link", "iframe", "img"} & {tag for tag, _ in page.tags}
    assert "@import" not in text and text.count("url(") == text.count("url(#")
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    pictures = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all(each["role"] == "img" and each["aria-labelledby"] in ids for each in pictures)


def test_what_comes_from_a_run_is_escaped(tmp_path, capsys):
    text, _ = report(capsys, make_run(tmp_path / "a<i>&$x$", note="<script>1</script>"))
    assert "<blockquote>&lt;b&gt;step 2&lt;/b&gt; &amp; more</blockquote>" in text
    assert "<h1>a&lt;i&gt;&amp;$x$</h1>" in text
    assert "<i>" not in text and "<script" not in text


def test_a_run_under_way_is_shown_as_far_as_it_is(tmp_path, capsys):
    run = make_run(tmp_path / "one", losses=(3.0,))
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write('{"step": 2, "train_lo')
    line = json.loads((run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()[0])
    _, page = report(capsys, run)
    assert page.row("steps made") == ["1"]
    del line["valid_loss"], line["sample"]
    (run / "metrics.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    text, page = report(capsys, run)
    assert page.row("last training loss") == ["3.0000"]
    assert "perplexity" not in text and "Samples" not in text


def test_the_command_is_written_down_as_it_is_typed(monkeypatch):
    monkeypatch.setenv("GROUNDUP_REFERENCE", "1,2,3,4,5,6,7,8")
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert started.command(["train", "a b"]) == "groundup train 'a b' --reference all"
    assert started.command(["train", "--reference=1"]) == "groundup train --reference=1"
    assert started.command(["demo"]) == "groundup demo"
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("GROUNDUP_REFERENCE", "")
    assert started.command(["train"]) == "torchrun --nproc_per_node 2 -m groundup train"


def spoil(name, text):
    return lambda run: (run / name).write_text(text, encoding="utf-8")


NUMBERS = {"step": 1, "train_loss": 3.0, "tokens": 8, "seconds": 1.0}
BAD = {
    "no lines": (spoil("metrics.jsonl", ""), "metrics.jsonl has no line yet; wait for "),
    "no JSON": (spoil("metrics.jsonl", '{"step": 1\n'), "metrics.jsonl, line 1: expected a JSON "),
    "no object": (spoil("metrics.jsonl", "[1]\n"), "metrics.jsonl, line 1: expected a JSON "),
    "no configuration": (lambda run: (run / "config.json").unlink(), "config.json, found none; is"),
    "a list": (spoil("config.json", "[]"), "config.json is no JSON object; put the run's own back"),
    "no run": (lambda run: (run / "metrics.jsonl").unlink(), "is no run with a metrics.jsonl in "),
    "no UTF-8": (
        lambda run: (run / "metrics.jsonl").write_bytes(b"\xff\n"),
        "metrics.jsonl, line 1: expected a JSON object with the numbers step, ",
    ),
    "a loss in words": (
        spoil("metrics.jsonl", json.dumps(LINE | NUMBERS | {"valid_loss": "x"}) + "\n"),
        "metrics.jsonl, line 1: expected a JSON object with the numbers step, ",
    ),
    "a floor in words": (
        spoil("config.json", '{"entropy_floor": "low"}'),
        "config.json to be a number, found 'low'; put the run's own back, or train anew",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_run_is_told_in_one_line(case, tmp_path, capsys):
    change, message = BAD[case]
    run = make_run(tmp_path / "one")
    change(run)
    assert main(["report", str(run)]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and message in printed.err
    assert len(printed.err.splitlines()) == 1
    assert not (run / "report.html").exists()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tokenizer/vocab.json", "{"),
        ("tokenizer/vocab.json", "[]"),
        ("tokenizer/vocab.json", '{"a": 7}'),
        ("valid.bin.json", "[]"),
        ("valid.bin.json", '{"dtype": "colour"}'),
        ("valid.bin", ""),
        ("data.json", '{"vocab_size": "three"}'),
    ],
)
def test_a_report_leaves_out_bytes_per_token_where_its_files_are_broken(
    tmp_path, capsys, name, text
):
    run = make_run(tmp_path / "one")
    (run / name).write_text(text, encoding="utf-8")
    written, page = report(capsys, run)
    assert page.row("validation loss, nats per token") == ["2.0000"]
    assert "nats per byte" not in written


def test_a_step_that_is_no_whole_number_is_shown_as_unknown(tmp_path, capsys):
    run = make_run(tmp_path / "one")
    with (run / "metrics.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(LINE | NUMBERS | {"step": 2.5}) + "\n")
    written, _ = report(capsys, run)
    assert "steps made" not in written
