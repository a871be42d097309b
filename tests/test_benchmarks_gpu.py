"""The benchmark for GPUs where there is none: every part is rehearsed, a simulated GPU answers with known times."""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
import types

import numpy as np
import pytest

from benchmarks.gpu import agreement, captured, command, machine, memory, ours, questions, report, results, suite
from benchmarks.gpu import timing as gpu_timing
from benchmarks.gpu.__main__ import main
from benchmarks.gpu.environment import environment
from benchmarks.gpu.outcomes import DISAGREEING, DONE, FAILED, TORCHLESS, UNAVAILABLE, UNFINISHED, UNREACHED, Ended
from benchmarks.gpu.parts import PARTS, everything
from benchmarks.gpu.rehearsal import SMALL, Host
from benchmarks.gpu.worker import Worker, answer
from benchmarks.steps.workloads import WORKLOADS
from minigan.backend import strict
from minigan.errors import DataError

DEVICE = "Imaginary GPU 9000"
PLACE = {"device": DEVICE, "date": "2001-02-03T04:05:06", "cupy": "0.1", "torch": "0.2", "CUDA of CuPy": "0.3"}
ALL = list(everything())


@pytest.fixture
def host(monkeypatch):
    """The understudy of a GPU, and as few repetitions as will do."""
    monkeypatch.setattr(questions, "CALLS", 3)
    for module, steps in ((questions, 2), (memory, 1), (captured, 3)):
        monkeypatch.setattr(module, "STEPS", steps)
    return Host(tf32=False)


@pytest.fixture
def torch():
    """PyTorch on one thread."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


# ------------------------------------------------------------------ every part, rehearsed


def test_every_question_has_an_answer(host):
    for question in questions.QUESTIONS:
        status, note, figures = answer(host, "questions", question, 60)
        assert (status, note) == (DONE, ""), f"{question} {note}"
        assert figures
        json.dumps(figures, allow_nan=False)


def test_a_question_whose_control_fails_has_no_answer(host, monkeypatch):
    monkeypatch.setattr(Host, "waits", lambda self, work: False)
    status, note, figures = answer(host, "questions", "What waits for the device?", 60)
    assert status == FAILED
    assert note.startswith("the controls say")
    assert len(figures) == 5


def test_a_refused_capture_is_an_answer(host, monkeypatch):
    def refuse(self, work):
        raise NotImplementedError("not while\ncapturing")

    monkeypatch.setattr(Host, "captured", refuse)
    figures = questions.refusal(host)
    assert figures == {"matmul can be captured": False, "because": "NotImplementedError: not while\ncapturing"}


def test_copies_are_what_a_product_takes_beyond_its_result(host, monkeypatch):
    @contextlib.contextmanager
    def watching(self):
        found = machine.Memory()
        yield found
        found.peak = 3 * 16 * 4  # result and both operands of 16 numbers

    monkeypatch.setattr(Host, "watching", watching)
    found = questions.products(host)
    assert {value for name, value in found.items() if name.endswith("copied")} == {2.0}


@pytest.mark.parametrize("part", ["device", "memory", "launches"])
def test_parts_that_need_no_pytorch(host, part, monkeypatch):
    monkeypatch.setattr(memory.importlib.util, "find_spec", lambda name: None)
    status, note, figures = answer(host, part, PARTS[part].things[0], 60)
    assert (status, note) == (DONE, "")
    assert figures
    assert environment(host)["device"] == host.facts()["device"]


def test_the_understudy_has_all_that_a_gpu_has():
    names = {name for name in vars(machine.Cuda) if not name.startswith("_")}
    assert names <= set(dir(Host))
    assert list(SMALL) == list(WORKLOADS)


def test_our_batches_lie_on_the_device_and_runs_repeat(host):
    one, other = ours.make_ours(host, "toy"), ours.make_ours(host, "toy")
    assert type(one.batches.next()).__name__ == "StrictArray"
    other.batches.next()
    one.step()
    assert not ours.same_weights(one, other)
    other.step()
    assert ours.same_weights(one, other)


def test_a_captured_step_is_compared_with_a_plain_one(host, monkeypatch):
    def capture_step(trainer, spoil=0):
        count = itertools.count()

        def step():
            if next(count) == spoil:
                trainer.generator_step(trainer.real_batch())
            return trainer.step()

        return step

    def use(function):
        fake = types.SimpleNamespace(capture_step=function)
        monkeypatch.setitem(sys.modules, "minigan.training.capture", fake)

    monkeypatch.setattr(captured.importlib.util, "find_spec", lambda name: None)
    use(lambda trainer: capture_step(trainer, spoil=-1))
    status, _, figures = answer(host, "captured", "toy", 60)
    assert status == DONE
    assert figures["difference of losses"] == figures["difference of weights"] == 0
    assert {"captured, ms", "minigan, ms", "to minigan"} <= set(figures)
    use(lambda trainer: capture_step(trainer, spoil=captured.STEPS - 2))
    status, note, figures = answer(host, "captured", "toy", 60)
    assert status == FAILED
    assert "differ by more than 1e-03" in note
    assert figures["difference of weights"] > 1e-3
    monkeypatch.setitem(sys.modules, "minigan.training.capture", None)
    status, note, _ = answer(host, "captured", "toy", 60)
    assert (status, note) == (UNAVAILABLE, "this version of minigan has no capture_step")


def test_losses_that_are_not_finite_are_no_time(host):
    step = lambda: {"d_loss": types.SimpleNamespace(item=lambda: float("nan"))}
    with pytest.raises(Ended) as end:
        gpu_timing.compare(host, {"minigan": step})
    assert end.value.status == FAILED
    assert "the losses of minigan are not finite" in end.value.note


def test_ratios_are_of_neighbouring_blocks(host, monkeypatch):
    calls, now = [], [0.0]
    losses = {"d_loss": types.SimpleNamespace(item=lambda: 1.0)}

    def step(name, durations):
        def run():
            calls.append(name)
            now[0] += next(durations)
            return losses

        return run

    def seconds(self, work):
        begin = now[0]
        work()
        return machine.Seconds(now[0] - begin, (now[0] - begin) / 4)

    monkeypatch.setattr(Host, "seconds", seconds)
    monkeypatch.setattr(Host, "blocks", 3)
    monkeypatch.setattr(Host, "block_seconds", 4.0)
    warm = gpu_timing.WARM_UP + 1
    a = step("a", itertools.chain([9] * (warm - 1), [2], [1, 1, 2, 2, 6, 6], itertools.repeat(1)))
    b = step("b", itertools.chain([9] * (warm - 1), [4], [2, 2, 12], itertools.repeat(1)))
    row = gpu_timing.compare(host, {"a": a, "b": b})
    assert calls == ["a"] * warm + ["b"] * warm + ["a", "a", "b"] * 3 + ["a", "b"]
    assert row == {
        "a, ms": 2000, "a, host, ms": 500, "b, ms": 2000, "b, host, ms": 500, "to b": 0.5,
        "to b, quartiles": [0.5, 0.75],
    }  # fmt: skip


# ------------------------------------------------------------------ beside PyTorch


@pytest.mark.parametrize("name", ["toy", "dcgan28"])
def test_agreement_and_times_beside_pytorch(torch, host, name):
    with strict.counting() as counts:
        status, note, figures = answer(host, "agreement", name, 60)
    assert (status, note) == (DONE, "")
    assert figures["float64"] < 1e-12
    assert counts.launches > 500
    status, note, figures = answer(host, "time", name, 60)
    assert (status, note) == (DONE, "")
    assert {"minigan, ms", "torch, ms", "torch expert, ms", "torch graph, ms", "to torch graph"} <= set(figures)


def test_a_step_that_differs_is_found(torch, host, monkeypatch):
    monkeypatch.setattr(agreement, "difference", lambda *_: 2e-4)
    status, note, figures = answer(host, "agreement", "toy", 60)
    assert status == FAILED
    assert "more than 1e-09 in float64 and 1e-04 in float32" in note
    assert figures == {"float64": 2e-4, "float32": 2e-4}
    monkeypatch.setattr(agreement, "difference", lambda w, p, dtype, d: 2e-4 if dtype == "float32" else 0)
    assert answer(Host(tf32=True), "agreement", "toy", 60)[0] == DONE


@pytest.mark.parametrize("name", ["toy", "wgan28"])
def test_a_graphed_step_sees_the_experts_batches(torch, host, name):
    from benchmarks.gpu import theirs

    shown = []
    for peer in (theirs.EXPERT, theirs.GRAPH):
        step = theirs.make_theirs(host, name, peer).step
        torch.manual_seed(3)
        shown.append([{k: loss.item() for k, loss in step().items()} for _ in range(5)])
    assert shown[0] == shown[1]


def test_the_order_of_channels_is_the_faster_one(torch, host, monkeypatch):
    from benchmarks.gpu import theirs

    for slow in (False, True):
        peer = lambda m, name, peer, last, slow=slow: types.SimpleNamespace(step=lambda: last == slow)
        monkeypatch.setattr(theirs, "make_theirs", peer)
        monkeypatch.setattr(
            Host, "seconds", lambda self, work: machine.Seconds(1.0 + work.__closure__[0].cell_contents(), 0)
        )
        assert theirs.fastest_order(host, "dcgan64") is not slow
    assert theirs.fastest_order(host, "toy") is False


def test_a_graph_that_cannot_be_captured_is_noted(torch, host, monkeypatch):
    from benchmarks.gpu import theirs

    def refuse(step, device):
        raise RuntimeError("capture is invalid\nmore")

    monkeypatch.setattr(theirs, "captured", refuse)
    status, _, figures = answer(host, "time", "toy", 60)
    assert (status, figures["torch graph refused"]) == (DONE, "capture is invalid")
    assert "to torch expert" in figures
    assert host.is_spoiled


def test_a_graph_is_captured_after_steps_on_another_stream(torch, monkeypatch):
    from benchmarks.gpu import theirs

    log = []

    @contextlib.contextmanager
    def block(name):
        log.append(f"in {name}")
        yield
        log.append(f"out of {name}")

    stream = lambda name: types.SimpleNamespace(wait_stream=lambda other: log.append(f"{name} waits"))
    graph = types.SimpleNamespace(replay=lambda: log.append("replay"))
    fakes = {"Stream": lambda: stream("side"), "current_stream": lambda: stream("main"), "CUDAGraph": lambda: graph}
    fakes |= {"stream": lambda s: block("side"), "graph": lambda g: block("graph")}
    for name, fake in fakes.items():
        monkeypatch.setattr(torch.cuda, name, fake)
    replay = theirs.captured(lambda: log.append("step") or "losses", "cuda")
    assert log == [
        "side waits",
        "in side",
        *["step"] * 3,
        "out of side",
        "main waits",
        "in graph",
        "step",
        "out of graph",
    ]
    assert [replay(), replay()] == ["losses", "losses"]
    assert log[-2:] == ["replay", "replay"]


def test_tf32_is_switched_for_products_and_convolutions(torch):
    from benchmarks.gpu import theirs

    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        for allowed, precision in ((True, "high"), (False, "highest")):
            theirs.set_tf32(allowed)
            assert (torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32) == (precision, allowed)
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


# ------------------------------------------------------------------ a simulated GPU


class Simulation:
    """A host that asks for work and a device that does it later, each with its own clock, in seconds."""

    def __init__(self):
        self.host = self.device = self.aside = 0.0
        self.log, self.hooks, self.is_capturing = [], [], False

    def launch(self, seconds):
        self.host += 0.25
        self.device = max(self.host, self.device) + seconds

    def launch_aside(self, seconds):
        """On another stream, which events of the usual one do not wait for."""
        self.aside = max(self.host, self.aside) + seconds

    def wait(self):
        self.host = max(self.host, self.device, self.aside)

    def set_math_mode(self, handle, mode):
        self.log.append(("cublas", mode))

    def modules(self):
        """What `import cupy` would find."""
        gpu = self

        class Event:
            def __init__(self, disable_timing=False):
                self.at, self.timed = None, not disable_timing

            def record(self):
                self.at = gpu.device = max(gpu.host, gpu.device)

            def synchronize(self):
                gpu.host = max(gpu.host, self.at)

            @property
            def done(self):
                return gpu.host >= self.at

        class Hook:
            def __enter__(self):
                gpu.hooks.append(self)

            def __exit__(self, *_):
                gpu.hooks.remove(self)

        class Stream:
            def __init__(self, non_blocking=False):
                self.log = []

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

            def synchronize(self):
                gpu.wait()

            def begin_capture(self):
                gpu.is_capturing = True

            def end_capture(self):
                gpu.is_capturing = False
                return types.SimpleNamespace(launch=lambda stream: gpu.launch(1.0))

        def elapsed(start, end):
            assert start.timed
            assert end.timed
            return 1e3 * (end.at - start.at)

        cuda = types.ModuleType("cupy.cuda")
        cuda.Event, cuda.MemoryHook, cuda.Stream = Event, Hook, Stream
        cuda.Device = lambda: types.SimpleNamespace(synchronize=gpu.wait)
        cuda.get_elapsed_time = elapsed
        cuda.MemoryPool = lambda: types.SimpleNamespace(malloc=None)
        cuda.using_allocator = lambda malloc: contextlib.nullcontext()
        cuda.cublas = types.SimpleNamespace(setMathMode=self.set_math_mode)
        cuda.device = types.SimpleNamespace(get_cublas_handle=lambda: 1)
        properties = {
            "name": DEVICE.encode(),
            "totalGlobalMem": 8 * 10**9,
            "multiProcessorCount": 3,
            "major": 9,
            "minor": 0,
        }
        cuda.runtime = types.SimpleNamespace(
            getDeviceProperties=lambda index: properties, driverGetVersion=lambda: 13020
        )
        cuda.get_local_runtime_version = lambda: 12080
        core = types.ModuleType("cupy._core")
        core.set_compute_type = lambda dtype, kind: self.log.append((dtype, kind))
        core._routines_linalg = types.SimpleNamespace(COMPUTE_TYPE_TF32=7, COMPUTE_TYPE_DEFAULT=1)
        cupy = types.ModuleType("cupy")
        cupy.cuda, cupy._core, cupy.__version__ = cuda, core, "0.1"
        cupy.full, cupy.empty_like = np.full, np.empty_like
        cupy.matmul = lambda a, b, out: self.launch(1.0)
        return {"cupy": cupy, "cupy.cuda": cuda, "cupy._core": core}


@pytest.fixture
def simulation(monkeypatch):
    simulation = Simulation()
    for name, module in simulation.modules().items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(machine, "get_device", lambda name: None)
    monkeypatch.setattr(machine, "time", types.SimpleNamespace(perf_counter=lambda: simulation.host))
    monkeypatch.setattr(machine.Cuda, "size", 4)
    return simulation


def test_the_time_is_that_of_the_device_and_of_the_work_alone(simulation):
    gpu = machine.Cuda(tf32=False)
    simulation.launch(100)
    seconds = gpu.seconds(lambda: [simulation.launch(3), simulation.launch(2)])
    assert seconds == machine.Seconds(pytest.approx(5.25), pytest.approx(0.5))
    assert gpu.seconds(lambda: simulation.launch_aside(7)).device == pytest.approx(7)


def test_what_waits_is_known_from_what_was_asked_for_before(simulation):
    gpu, first = machine.Cuda(tf32=False), iter([True])
    assert gpu.waits(lambda: [simulation.launch(1), simulation.wait()])
    assert not gpu.waits(lambda: simulation.launch(1))
    # A kernel that is compiled at its first call waits once.
    assert not gpu.waits(lambda: simulation.wait() if next(first, False) else simulation.launch(1))


def test_memory_is_watched_from_the_pool(simulation):
    gpu = machine.Cuda(tf32=False)
    with gpu.watching() as memory:
        (hook,) = simulation.hooks
        hook.alloc_preprocess(device_id=0, mem_size=2048)
        for size in (512, 1024, -512, 512, -1536, 512):
            event = {"device_id": 0, "mem_size": abs(size), "mem_ptr": 1, "pmem_id": 1}
            hook.malloc_postprocess(size=1, **event) if size > 0 else hook.free_postprocess(**event)
    assert (memory.peak, memory.held, memory.requests) == (1536, 512, 1)
    assert not simulation.hooks


@pytest.mark.parametrize("tf32", [False, True])
def test_tf32_is_what_was_asked_for_and_comes_back(simulation, tf32):
    usual = [("f", 7), ("cublas", 3)] if tf32 else [("f", 1), ("cublas", 0)]
    gpu = machine.Cuda(tf32)
    assert simulation.log == usual
    with gpu.multiplying(tf32=True):
        assert simulation.log[2:] == [("f", 7), ("cublas", 3)]
    assert simulation.log[4:] == usual


def test_a_capture_runs_the_work_once_before_and_may_fail(simulation):
    gpu, states = machine.Cuda(tf32=False), []
    replay = gpu.captured(lambda: states.append(simulation.is_capturing))
    assert states == [False, True]
    assert gpu.seconds(replay).device == pytest.approx(1.25)

    def refuse():
        if simulation.is_capturing:
            raise NotImplementedError("no products")

    assert not gpu.is_spoiled
    with pytest.raises(NotImplementedError, match="no products"):
        gpu.captured(refuse)
    assert gpu.is_spoiled
    assert not simulation.is_capturing


def test_the_facts_of_a_device(simulation):
    facts = machine.Cuda(tf32=False).facts()
    assert (facts["device"], facts["memory, GB"], facts["capability"]) == (DEVICE, 8.0, "9.0")
    assert (facts["driver, CUDA up to"], facts["CUDA of CuPy"]) == ("13.2", "12.8")


def test_cupy_has_the_names_that_are_used():
    cupy = pytest.importorskip("cupy")
    from cupy._core import _routines_linalg, set_compute_type  # noqa: F401
    from cupy.cuda.device import get_cublas_handle  # noqa: F401

    assert (_routines_linalg.COMPUTE_TYPE_TF32, _routines_linalg.COMPUTE_TYPE_DEFAULT) == (7, 1)
    used = {
        cupy.cuda: "Device MemoryHook MemoryPool get_elapsed_time get_local_runtime_version runtime using_allocator",
        cupy.cuda.Event: "record synchronize done",
        cupy.cuda.Stream: "synchronize begin_capture end_capture",
        cupy.cuda.Graph: "launch",
        cupy.cuda.MemoryHook: "malloc_postprocess free_postprocess alloc_preprocess",
        cupy.cuda.runtime: "getDeviceProperties driverGetVersion",
    }
    for place, names in used.items():
        assert not [name for name in names.split() if not hasattr(place, name)]


# ------------------------------------------------------------------ the property suite in another process

PRINTED = """
tests/test_a.py::test_one[cuda:0] PASSED                       [  1%]
tests/test_a.py::test_one[cuda:0-a b] FAILED                   [ 10%]
[gw1] [ 33%] PASSED tests/test_a.py::test_one[cuda:0-a c]
[gw0] [100%] SKIPPED tests/test_b.py::test_two[cuda:0]
tests/test_b.py::test_three[cuda:0]
FAILED tests/test_a.py::test_one[cuda:0-a b] - assert 1 == 2
== 1 failed, 2 passed, 70 deselected, 5 selected in 3s ==
""".splitlines()


def test_outcomes_of_tests_are_counted():
    figures, failed = suite.counts(["collected 75 items / 70 deselected / 5 selected", *PRINTED])
    assert figures == {"passed": 2, "failed": 1, "error": 0, "skipped": 1, "selected": 5}
    assert failed == ["tests/test_a.py::test_one[cuda:0-a b]"]


@pytest.mark.parametrize(
    ("code", "status", "note"),
    [
        (1, FAILED, "pytest ended with status 1: tests/test_a.py::test_one[cuda:0-a b]"),
        (None, FAILED, "stopped after 0.0 s: tests/test_a.py::test_one[cuda:0-a b]"),
    ],
)
def test_a_suite_with_failures_or_without_an_end(host, monkeypatch, code, status, note):
    def run(choice, seconds, output):
        output.write("\n".join(PRINTED))
        return code

    monkeypatch.setattr(suite, "_run", run)
    found = answer(host, "suite", "all", 60)
    assert found[:2] == (status, note)
    assert found[2]["failed"] == 1


def test_the_suite_runs_for_as_long_as_it_may(host, monkeypatch):
    monkeypatch.setattr(suite, "MARGIN", 0.0)
    monkeypatch.setattr(Host, "suite", ("-k", "strict", "tests/test_spectral.py"))
    assert answer(host, "suite", "all", 0.05)[0] == UNFINISHED
    monkeypatch.setattr(Host, "suite", ("-k", "nothing", "tests/test_floors.py"))
    status, note, _ = answer(host, "suite", "all", 60)
    assert (status, note.partition(":")[0]) == (FAILED, "pytest ended with status 5")


# ------------------------------------------------------------------ the process that measures


def test_a_process_that_takes_too_long_or_dies_is_replaced():
    question = ("questions", "What does a graph save?")
    with Worker(rehearse=True, tf32=False) as worker:
        assert worker.start()["device"] == Host(tf32=False).facts()["device"]
        first = worker.process.pid
        assert worker.run("memory", "toy", 0.0)[:2] == (UNFINISHED, "stopped after 0 s")
        assert worker.process is None
        assert worker.run(*question, 60)[0] == DONE
        second = worker.process
        assert second.pid != first
        os.kill(second.pid, signal.SIGKILL)
        assert worker.run(*question, 60)[:2] == (FAILED, f"the process ended with status {-signal.SIGKILL}")
        assert worker.process is None
    assert not second.is_alive()


def test_without_a_gpu_there_is_a_sentence(tmp_path, capfd):
    from minigan.backend import available_devices

    if "cuda:0" in available_devices():
        pytest.skip("there is a GPU")
    with pytest.raises(SystemExit, match=r"^benchmarks.gpu: expected [^\n]*$"):
        main(["--results", str(tmp_path / "x.jsonl")])
    assert "Traceback" not in capfd.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_killed_command_leaves_whole_results(tmp_path):
    path = tmp_path / "gpu.jsonl"
    arguments = [sys.executable, "-m", "benchmarks.gpu", "--rehearse", "--results", str(path)]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": suite.ROOT}
    with subprocess.Popen(arguments, **quiet) as process:
        while process.poll() is None and not (path.exists() and len(results.load(path)) > 1):
            time.sleep(0.01)
        process.kill()
    book = results.load(path)
    assert 2 <= len(book) < len(ALL)
    assert book["device", "all", False]["status"] == DONE


# ------------------------------------------------------------------ the command


class Stage:
    """In the place of the process: gives the answers it was told to, and notes what was asked."""

    def __init__(self, answers=None, place=PLACE):
        self.answers, self.place, self.asked = answers or {}, place, []

    def __call__(self, rehearse, tf32):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def start(self):
        return self.place

    def run(self, part, what, seconds):
        self.asked.append((part, what))
        self.seconds = seconds
        found = self.answers.get((part, what), self.answers.get(part, (DONE, "", {"x": 1.5})))
        if isinstance(found, BaseException):
            raise found
        return found


@pytest.fixture
def run_on(tmp_path, monkeypatch, capsys):
    """`run_on(stage, "--again")` gives the status and what was printed to the two outputs."""
    monkeypatch.setattr(report, "markdown", lambda records: f"{len(records)} records")

    def call(stage, *arguments):
        monkeypatch.setattr(command, "Worker", stage)
        status = main([*arguments, "--results", str(tmp_path / "gpu.jsonl")])
        return status, *capsys.readouterr()

    return call


def statuses(tmp_path):
    return {key[:2]: record["status"] for key, record in results.load(tmp_path / "gpu.jsonl").items()}


def test_all_parts_are_measured_once(run_on, tmp_path):
    stage = Stage()
    assert run_on(stage)[:2] == (0, f"{len(ALL)} records\n")
    assert stage.asked == ALL
    assert set(statuses(tmp_path).values()) == {DONE}
    again = Stage()
    assert run_on(again)[0] == 0
    assert again.asked == []
    run_on(again, "--again")
    assert again.asked == ALL


def test_what_failed_was_stopped_or_cut_off_is_tried_again(run_on, tmp_path):
    lost = [("time", "dense"), ("questions", "What does a launch cost?"), ("captured", "toy")]
    endings = dict(zip(lost, ((FAILED, "no", {}), (UNFINISHED, "late", {}), (UNAVAILABLE, "no", {})), strict=True))
    stage = Stage(endings)
    status, _, err = run_on(stage)
    assert status == 1
    assert "time, dense: failed, 0.0 s (no)" in err
    assert f"2 of {len(ALL)} parts are missing or failed" in err
    stage = Stage()
    assert run_on(stage)[0] == 0
    assert sorted(stage.asked) == sorted(lost)


def test_a_run_that_is_cut_off_goes_on_where_it_was(run_on, tmp_path):
    with pytest.raises(SystemExit, match="stopped; what was measured is kept"):
        run_on(Stage({("time", "dense"): KeyboardInterrupt()}))
    at = ALL.index(("time", "dense"))
    assert list(statuses(tmp_path)) == ALL[:at]
    stage = Stage()
    assert run_on(stage)[0] == 0
    assert stage.asked == ALL[at:]


def test_what_is_not_reached_in_time_is_said_and_replaces_nothing(run_on, tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(command, "time", types.SimpleNamespace(monotonic=lambda: now[0]))

    class Slow(Stage):
        def run(self, part, what, seconds):
            assert seconds <= min(PARTS[part].limit, 120 - now[0])
            now[0] += 50
            return super().run(part, what, seconds)

    slow = Slow()
    assert run_on(slow, "--minutes", "2")[0] == 1
    assert slow.asked == ALL[:3]
    assert slow.seconds == 20
    assert set(list(statuses(tmp_path).values())[7:]) == {UNREACHED, DISAGREEING}
    run_on(Stage(), "--minutes", "9")
    now[0] = 0.0
    run_on(Slow(), "--minutes", "2", "--again")
    assert set(statuses(tmp_path).values()) == {DONE}


def test_without_pytorch_the_rest_runs(run_on, tmp_path):
    stage = Stage(place={name: value for name, value in PLACE.items() if name != "torch"})
    status, _, err = run_on(stage)
    assert status == 1
    assert "PyTorch is not installed" in err
    assert {part for part, _ in stage.asked} == set(PARTS) - {"agreement", "time"}
    assert statuses(tmp_path)["time", "toy"] == TORCHLESS


def test_steps_that_disagree_are_not_timed(run_on, tmp_path):
    stage = Stage({("agreement", "toy"): (FAILED, "far apart", {"float32": 1.0})})
    assert run_on(stage)[0] == 1
    assert ("time", "toy") not in stage.asked
    assert ("time", "dense") in stage.asked
    assert statuses(tmp_path)["time", "toy"] == DISAGREEING


def test_tf32_is_measured_beside_float32(run_on, tmp_path):
    run_on(Stage())
    stage = Stage()
    assert run_on(stage, "--tf32")[:2] == (0, f"{2 * len(ALL)} records\n")
    assert stage.asked == ALL


def test_results_of_another_device_are_not_mixed(run_on, tmp_path):
    run_on(Stage())
    with pytest.raises(SystemExit, match=f"expected results of Other, got some of {DEVICE}; choose another file"):
        run_on(Stage(place=PLACE | {"device": "Other"}))


# ------------------------------------------------------------------ files and tables


def test_the_file_is_named_like_the_device():
    assert results.default_path("NVIDIA H200").name == "gpu-nvidia-h200.jsonl"
    assert results.default_path("Quadro (R) / T4").name == "gpu-quadro-r-t4.jsonl"


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"part": "time"}', b"\xff"])
def test_damage_is_named(tmp_path, line):
    path = tmp_path / "gpu.jsonl"
    book = results.Book(path, DEVICE)
    book.put(a_record("device", "all", {}))
    assert results.load(path) == book.records
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(DataError, match=r"gpu.jsonl, line 2: expected a result"):
        results.load(path)
    with pytest.raises(DataError, match="choose another file"):
        results.load(tmp_path)


def a_record(part, what, figures, status=DONE, note="", tf32=False):
    place = {"part": part, "what": what, "tf32": tf32, "status": status, "note": note}
    return place | {"figures": figures, "environment": PLACE}


def a_time(ours, *others):
    row = {"minigan, ms": ours}
    for name, ms in zip(("torch", "torch expert", "torch graph"), others, strict=False):
        ratio = ours / ms
        row |= {f"{name}, ms": ms, f"to {name}": ratio, f"to {name}, quartiles": [ratio - 0.01, ratio + 0.02]}
    return row


@pytest.fixture
def measured(tmp_path):
    """A made-up file of results."""
    path = tmp_path / "gpu.jsonl"
    book = results.Book(path, DEVICE)
    as_graph = {"captured, ms": 1.0, "minigan, ms": 4.0, "to minigan": 0.25, "to minigan, quartiles": [0.2, 0.3]}
    for record in (
        a_record("device", "all", {"driver": "580.1"}),
        a_record("time", "toy", a_time(3.0, 6.0, 4.0, 1.5)),
        a_record("time", "dense", a_time(2.0, 5.0, 2.5)),
        a_record("time", "wgan28", {}, FAILED, "out of memory"),
        a_record("launches", "toy", {"launches": 1234}),
        a_record("captured", "toy", as_graph | {"difference of weights": 0.0}),
        a_record("captured", "dense", {}, UNAVAILABLE),
        a_record("agreement", "toy", {"float64": 1e-15, "float32": 2e-6}),
        a_record("agreement", "dense", {"float64": 1.0, "float32": 1.0}, FAILED, "far apart"),
        a_record("memory", "toy", {"minigan, MB": 12.0, "torch, MB": 20.0, "torch expert, MB": 19.0}),
        a_record("questions", "What waits for the device?", {"a | b": False, "c": True}),
        a_record("suite", "all", {"passed": 7, "failed": 1, "error": 0, "skipped": 2}, FAILED, "status 1"),
        a_record("time", "toy", a_time(1.0, 2.0, 2.0, 1.5), tf32=True),
    ):
        book.put(record)
    return path


def cells(line):
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_report_shows_times_ratios_and_the_rest(measured, capsys):
    assert main(["--report", "--results", str(measured)]) == 0
    plain, _, tf32 = capsys.readouterr().out.partition("TF32 allowed")
    head = f"**{DEVICE}** (driver 580.1, CuPy 0.1, CUDA 0.3, PyTorch 0.2; float32 without TF32; 2001-02-03)"
    assert plain.startswith(head)
    rows = {(c := cells(line))[0]: c[1:] for line in plain.splitlines() if line.startswith("|")}
    first = ["3 ms", "6 ms", "4 ms", "1.5 ms", "0.50 [0.49, 0.52]", "0.75 [0.74, 0.77]", "2.00 [1.99, 2.02]", "1,234"]
    assert rows["2-D WGAN-GP, 3 x 256, 5 + 1, 256"] == first
    assert rows["dense GAN, 784, 64"][2:7] == ["2.5 ms", "–", "0.40 [0.39, 0.42]", "0.80 [0.79, 0.82]", "–"]
    assert rows["2-D WGAN-GP, 3 x 256, 5 + 1"] == ["12 MB", "20 MB", "19 MB", "2.0e-06"]
    assert "| 1 ms    | 4 ms                | 0.25 [0.20, 0.30] |" in plain
    assert rows["What waits for the device?"] == ["a \\| b", "no"]
    assert "Property suite on the device: 7 passed, 1 failed, 0 error, 2 skipped." in plain
    assert "dense GAN, 784" not in rows
    assert "- agreement, dense: failed (far apart)" in plain
    assert "- time, wgan28: failed (out of memory)" in plain
    assert "- time, dcgan64: missing" in plain
    assert "captured, dense" not in plain
    assert "| 1 ms    | 2 ms" in tf32


def test_the_figure_is_drawn_of_float32_times(measured, tmp_path, capsys):
    picture = tmp_path / "gpu.png"
    assert main(["--figure", str(picture), "--results", str(measured)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == ""
    lines = [line for line in measured.read_text().splitlines() if json.loads(line)["tf32"] or '"time"' not in line]
    measured.write_text("\n".join(lines) + "\n")
    with pytest.raises(SystemExit, match="expected times of steps in float32 to draw, got none"):
        main(["--figure", str(picture), "--results", str(measured)])
    with pytest.raises(SystemExit, match="expected results of a GPU, got none"):
        main(["--report", "--results", str(tmp_path / "none.jsonl")])


@pytest.mark.parametrize("minutes", ["0", "-1", "nan", "inf", "soon"])
def test_minutes_are_above_0(minutes, capsys):
    with pytest.raises(SystemExit):
        main(["--minutes", minutes])
    assert "--minutes" in capsys.readouterr().err
