"""`groundup bench model` and `groundup profile`: what they measure, write and refuse."""

import json
import math
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch._dynamo.exc import TorchDynamoException
from torch.autograd import DeviceType

from groundup.commands import profile, profiling
from groundup.commands.bench import measure_point, model_report, this_machine
from groundup.commands.bench.grid_point import Point, attention
from groundup.commands.common import Refusal
from groundup.stages import ROOT

SHAPE = ["--width", "32", "--depth", "2", "--context", "16", "--vocab", "64", "--device", "cpu"]
FAR_TOO_LARGE = 10**9


@pytest.fixture(scope="module")
def measured(run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    grid = [*SHAPE, "--batch", "3", "--batch", str(FAR_TOO_LARGE)]
    words = [*grid, "--against", "rtx4090", "--repeats", "2", "--out", str(folder)]
    done = run("groundup", "bench", "model", "--reference", "all", *words)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout, folder


@pytest.fixture(scope="module")
def lines(measured):
    [file] = measured[1].glob("*.jsonl")
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def small(lines):
    """Records by attention."""
    return {each["point"]["attention"]: each for each in lines[1:] if each["point"]["batch"] == 3}


def test_the_first_line_says_where_it_was_measured_and_for_what_it_is_predicted(lines):
    assert {"machine", "threads", "device", "when", "repeats", "limits"} <= lines[0].keys()
    assert lines[0]["limits"]["peak_flops"]["bfloat16"] == 165.2e12


def test_every_point_of_the_grid_has_a_line(lines):
    points = [(each["point"]["batch"], each["point"]["attention"]) for each in lines[1:]]
    assert points == [(b, a) for b in (3, FAR_TOO_LARGE) for a in ("own", "fused")]


def test_a_point_is_predicted_and_measured(small):
    for record in small.values():
        found, predicted = record["measured"], record["predicted"]
        assert math.isclose(sum(predicted["by_operation"].values()), predicted["seconds"])
        assert list(found["split"]) == ["forward", "backward", "optimizer"]
        assert math.isclose(found["tokens_per_second"] * found["step"]["median"], 3 * 16)
        share = predicted["flops"] / found["step"]["median"] / 82.6e12
        assert math.isclose(found["mfu"], share)
    own = small["own"]
    assert 0.8 < own["measured"]["peak_memory"] / own["predicted"]["peak_memory"] < 1.2


def test_fused_attention_computes_what_own_attention_does(small):
    losses = [small[kind]["measured"]["loss"] for kind in ("own", "fused")]
    assert math.isclose(*losses, rel_tol=1e-4)


def test_a_model_with_fused_attention_is_compiled_once():
    import s03_attention_rope

    made, q = [], torch.ones(1, 2, 4, 8)
    with attention("fused"):
        fused = s03_attention_rope.scaled_dot_product_attention
        compiled = torch.compile(fused, backend=lambda graph, _: made.append(graph) or graph)
        for step in fused, compiled, compiled, compiled:
            step(q, q, q)
    torch.compiler.reset()
    assert len(made) == 1


def test_attention_that_no_model_calls_is_not_taken_for_fused():
    with pytest.raises(Refusal, match="use --attention own"), attention("fused"):
        pass


def test_out_of_memory_is_a_result(lines, measured):
    large = [each for each in lines[1:] if each["point"]["batch"] == FAR_TOO_LARGE]
    assert [each["error"] for each in large] == ["out of memory"] * 2
    assert measured[0].count("out of memory") >= 3


def test_a_table_and_two_plots_are_made(measured):
    output, folder = measured
    assert "forward/backward/optimizer" in output and "measured ÷ predicted" in output
    assert sorted(path.suffix for path in folder.iterdir()) == [".jsonl", ".png", ".svg"]


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8.00 GB)"),
        MemoryError(),
    ],
    ids=["cuda", "cpu", "mps", "python"],
)
def test_a_step_that_runs_out_of_memory_is_recorded(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(measure_point, "predict", lambda *_: {"peak_memory": 1})
    monkeypatch.setattr(measure_point, "_run", fail)
    record = measure_point.measure(Point(), "cpu", None, 1)
    assert record["error"] == "out of memory" and "measured" not in record


def test_a_step_that_does_not_compile_is_recorded(monkeypatch):
    def fail(*_):
        raise TorchDynamoException("InvalidCxxCompiler: No working C++ compiler found\n\nmore")

    monkeypatch.setattr(measure_point, "predict", lambda *_: {"peak_memory": 1})
    monkeypatch.setattr(measure_point, "_run", fail)
    record = measure_point.measure(Point(compile=True), "cpu", None, 1)
    why = "InvalidCxxCompiler: No working C++ compiler found"
    assert (record["error"], record["why"]) == ("does not compile", why)


def test_another_error_of_a_step_is_not_hidden(monkeypatch):
    def fail(*_):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    monkeypatch.setattr(measure_point, "predict", lambda *_: {"peak_memory": 1})
    monkeypatch.setattr(measure_point, "_run", fail)
    with pytest.raises(RuntimeError, match="mat1"):
        measure_point.measure(Point(), "cpu", None, 1)


def test_this_machine_is_measured_with_matrices_that_fill_it(monkeypatch):
    import s08_benchmarking
    from s08_benchmarking import Device

    def measured(device, dtypes, size):
        peaks = {dtypes[0]: float(size)}
        return Device(name=device, peak_flops=peaks, bandwidth=1.0, source=f"by {size}")

    monkeypatch.setattr(s08_benchmarking, "measure_device", measured)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 7)
    monkeypatch.setattr(
        torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=5)
    )
    for device, memory in ("cpu", this_machine.physical_memory()), ("mps", 7), ("cuda", 5):
        found = this_machine.limits(device, ["float32"])
        assert found.peak_flops == {"float32": this_machine.SIZES[device]}
        assert (found.source, found.memory) == (f"by {this_machine.SIZES[device]}", memory)
    # A product of 2,048 would take 20.5 s, one of 512 a third of a second.
    seconds = {"float32": 1e-4, "bfloat16": 0.04}
    monkeypatch.setattr(this_machine, "seconds_of_product", seconds.get)
    found = this_machine.limits("cpu", ["float32", "bfloat16"])
    assert found.peak_flops == {"float32": 2048, "bfloat16": 512}
    assert found.source == "by 2048; by 512"
    assert this_machine.size_for("cuda", "bfloat16") == 8192


def test_a_step_is_timed_whole_and_the_phases_are_held_against_it(small):
    record = small["own"]
    times = {"split": {"forward": 3.0, "backward": 5.5, "optimizer": 1.0}, "step": {"median": 9.0}}
    told = dict(model_report.summary([record | {"measured": record["measured"] | times}]))
    assert told["forward + backward + optimizer, one by one ÷ step"] == "1.06 (1.06 to 1.06)"


def test_a_container_has_the_memory_that_it_is_given(monkeypatch, tmp_path):
    machine = this_machine.physical_memory()
    limits = [tmp_path / "none", tmp_path / "no_limit", tmp_path / "limit"]
    limits[1].write_text("max\n", encoding="ascii")
    limits[2].write_text("4096\n", encoding="ascii")
    monkeypatch.setattr(this_machine, "LIMITS_OF_CONTAINERS", limits[:2])
    assert this_machine.physical_memory() >= machine
    monkeypatch.setattr(this_machine, "LIMITS_OF_CONTAINERS", limits)
    assert this_machine.physical_memory() == 4096


BAD = {
    "--device gpu": "--device gpu: write cpu, mps, cuda",
    "--width 33": "width (33) must be a multiple of 32, one head",
    "--batch 0": "--batch must be at least 1, found 0",
    "--dtype float16": "--dtype float16: write float32 or bfloat16",
    "--against gtx": "--against gtx: write one of rtx3090, rtx4090",
    "--out README.md": "expected a folder to write to at README.md, found: ",
}


@pytest.fixture(scope="module")
def refusals(run):
    start = ("groundup", "bench", "model", "--reference", "all", "--device", "cpu")
    found = run.at_once([((*start, *words.split()), ROOT, {}) for words in BAD])
    return dict(zip(BAD, found, strict=True))


@pytest.mark.parametrize("words", BAD)
def test_bad_input_is_one_line_and_exit_code_2(words, refusals):
    done = refusals[words]
    assert done.returncode == 2
    assert BAD[words] in done.stderr and done.stderr.count("\n") == 1


@pytest.fixture(scope="module")
def profiled(run, tmp_path_factory):
    trace = tmp_path_factory.mktemp("profile") / "trace.json"
    words = [*SHAPE, "--batch", "3", "--out", str(trace)]
    done = run("groundup", "profile", "--reference", "all", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout, json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]


def test_a_profile_has_a_table_by_operation_and_one_by_module(profiled):
    rows = {line[:44].strip(): line[44:].split() for line in profiled[0].splitlines()}
    assert {"aten::mm", "forward", "backward", "optimizer"} <= rows.keys()
    blocks = [rows[name] for name in rows if name.startswith("module ") and name.endswith(".*")]
    assert ["2"] in [row[:1] for row in blocks], "two blocks of one name"
    assert rows["forward"][0] == "1"


def test_a_trace_holds_the_ranges_of_phases_and_modules(profiled):
    names = {event["name"] for event in profiled[1]}
    assert {"forward", "backward", "optimizer"} <= names
    assert any(name.startswith(profiling.MODULE) for name in names)


def test_a_profile_for_nsight_is_refused_where_there_is_no_cuda(run):
    done = run("groundup", "profile", "--reference", "all", *SHAPE, "--nsight")
    told = "groundup: --nsight is for cuda, which nsys and ncu record, not for cpu\n"
    assert (done.returncode, done.stderr) == (2, told)


def test_a_trace_is_not_written_to_a_folder(run, tmp_path):
    done = run("groundup", "profile", "--reference", "all", *SHAPE, "--out", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.endswith("expected a file to write, found a folder\n")


def test_for_nsight_one_step_is_recorded_with_phases_of_the_process(monkeypatch):
    seen = []
    for name in ("start", "stop"):
        monkeypatch.setattr(torch.cuda.profiler, name, lambda name=name: seen.append(name))
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: seen.append("wait"))
    monkeypatch.setattr(torch.cuda.nvtx, "range_start", lambda name: seen.append(name) or name)
    monkeypatch.setattr(torch.cuda.nvtx, "range_end", lambda name: seen.append(f"end {name}"))
    training = SimpleNamespace(model=nn.Identity(), phases={"forward": int, "backward": int})
    profile.record_for_nsight(training, "cuda")
    phases = ["forward", "wait", "end forward", "backward", "wait", "end backward"]
    assert seen == ["start", "wait", *phases, "stop"]


def test_phases_on_cuda_go_by_the_clock_and_modules_by_their_kernels():
    """The rows as torch.profiler makes them there: two of each name, and no kernel of a backward
    pass in the range that waited for it."""

    def row(key, kind, clock, kernels):
        return SimpleNamespace(
            key=key, count=1, device_type=getattr(DeviceType, kind), cpu_time_total=clock,
            device_time_total=kernels,
        )  # fmt: skip

    rows = [
        row("backward", "CPU", 9.0, 0.0), row("backward", "CUDA", 0.0, 0.5),
        row("module a", "CPU", 1.0, 4.0), row("module a", "CUDA", 0.0, 7.0),
    ]  # fmt: skip
    found = profiling.by_range(rows, ["backward"], "cuda")
    assert found == [("backward", 1, 9.0), ("module a", 1, 4.0)]


def test_on_cuda_every_module_is_an_nvtx_range_as_well(monkeypatch):
    ranges = []
    monkeypatch.setattr(torch.cuda.nvtx, "range_push", ranges.append)
    monkeypatch.setattr(torch.cuda.nvtx, "range_pop", lambda: ranges.append("end"))
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    with profiling.ranges_of_modules(model, "cuda"):
        model(torch.ones(1, 2))
    model(torch.ones(1, 2))  # no range: the hooks are gone
    assert ranges == ["module Sequential", "module 0", "end", "module 1", "end", "end"]
