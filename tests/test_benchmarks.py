"""The benchmarks, at a size that takes seconds: what they record, how they go on, and what each failure shows."""

import dataclasses
import functools
import json
import math

import numpy as np
import pytest

import minigan as mg
from benchmarks.failures import clipping, collapse, cycling, vanishing
from benchmarks.failures.__main__ import main as failures
from benchmarks.modes import recipes, results, runs, table
from benchmarks.modes.__main__ import main as modes
from benchmarks.modes.study import Study
from benchmarks.steps import (
    agreement,
    convolutions,
    elsewhere,
    imports,
    limits,
    memory,
    peers,
    products,
    profiling,
    report,
    scaling,
    timing,
)
from benchmarks.steps import results as step_results
from benchmarks.steps.__main__ import main as steps
from benchmarks.steps.ours import make_trainer
from benchmarks.steps.peers import torch_peers
from benchmarks.steps.workloads import WORKLOADS, dcgan64
from minigan.errors import DataError
from minigan.training import Config

NAMES = ["minimax", "wasserstein + wgan-gp"]


@pytest.mark.parametrize("data", recipes.DATA)
@pytest.mark.parametrize("recipe", recipes.RECIPES)
def test_every_recipe_is_a_configuration(recipe, data):
    settings = recipes.settings(recipe, data)
    config = Config(**settings, seed=3)
    assert config.data == data
    # The common budget counts the updates of both networks, so that critic steps are paid for.
    if "steps" not in recipes.RECIPES[recipe]:
        updates = config.steps * (1 + config.critic_steps)
        assert recipes.BUDGET - config.critic_steps <= updates <= recipes.BUDGET
    assert recipes.settings(recipe, data, steps=7) == settings | {"steps": 7}


def test_every_loss_and_penalty_has_a_recipe():
    configs = [Config(**recipes.settings(name, "ring")) for name in recipes.RECIPES]
    assert {config.loss for config in configs} == set(mg.gan.losses)
    assert {config.penalty for config in configs} == set(mg.gan.penalties)


def test_the_data_are_pacgans():
    ring, grid = recipes.DATA["ring"], recipes.DATA["grid"]
    assert (len(ring.centres), ring.std) == (8, 0.01)
    np.testing.assert_allclose(np.linalg.norm(ring.centres, axis=1), 1)
    assert len(grid.centres) == 25
    assert np.diff(np.unique(grid.centres[:, 0].round(6))) / grid.std == pytest.approx(40)
    np.testing.assert_allclose(grid.centres.std(axis=0), 1, rtol=1e-3)


@pytest.fixture(scope="module")
def a_run():
    return runs.run("minimax", recipes.settings("minimax", "ring", steps=2), seed=4)


def test_a_run_is_scored_on_both_generators(a_run):
    record = a_run.record
    assert (record["recipe"], record["data"], record["seed"], record["diverged"]) == ("minimax", "ring", 4, None)
    for generator in ("averaged", "raw"):
        for n in (2500, 25_000):
            report = record[generator][str(n)]
            assert report["n"] == n
            assert 0 <= report["high_quality"] <= 1
    assert record["averaged"] != record["raw"]
    assert a_run.points.shape == (1000, 2)
    assert json.loads(json.dumps(record)) == record


def test_a_run_repeats_with_its_seed(a_run):
    settings = recipes.settings("minimax", "ring", steps=2)
    again, other = (runs.run("minimax", settings, seed) for seed in (4, 5))
    assert again.record | {"cpu_seconds": 0} == a_run.record | {"cpu_seconds": 0}
    np.testing.assert_array_equal(again.points, a_run.points)
    assert other.record["averaged"] != a_run.record["averaged"]


def test_the_seed_is_that_of_the_training_too(monkeypatch):
    seeds = []
    monkeypatch.setattr(runs, "Config", lambda **settings: seeds.append(settings["seed"]) or Config(**settings))
    runs.run("minimax", recipes.settings("minimax", "ring", steps=1), seed=6)
    assert seeds == [6]


def test_the_smaller_sample_is_a_part_of_the_larger():
    data = recipes.DATA["ring"]
    samples = np.zeros((25_000, 2))
    samples[:2500] = data.centres[0]
    scores = runs.scores(samples, data)
    assert (scores["2500"]["high_quality"], scores["25000"]["high_quality"]) == (1.0, 0.1)
    assert runs.scores(samples[2500:].repeat(2, axis=0), data)["2500"]["reverse_kl"] is None


def test_a_run_that_diverges_ends_early_and_is_scored(monkeypatch):
    monkeypatch.setattr(runs, "CHECK_EVERY", 2)
    settings = recipes.settings("minimax", "ring", steps=9) | {"lr": 1e2, "loss": "f-kl"}
    record = runs.run("wild", settings, seed=0).record
    assert record["diverged"] in (2, 4, 6, 8)
    assert record["raw"]["2500"]["modes"] == 0


def record(recipe="a", data="ring", seed=0, kl=0.5, settings="x", seconds=1.0):
    report = {"n": 1, "modes": 7, "high_quality": 0.9, "reverse_kl": kl, "spread": 0.8, "off_mode_kl": kl}
    reports = {"2500": report, "25000": report}
    place = {"recipe": recipe, "data": data, "seed": seed, "settings": settings}
    return place | {"cpu_seconds": seconds, "averaged": reports, "raw": reports}


def test_the_results_file_keeps_every_finished_run(tmp_path):
    path = tmp_path / "new" / "modes.jsonl"
    written = [record(seed=0), record(seed=1), record(data="grid"), record(settings="y")]
    for one in written:
        results.append(path, one)
    assert list(results.load(path).values()) == written
    results.append(path, record(seed=1, kl=0.1))
    assert results.load(path)["a", "ring", 1, "x"]["averaged"]["2500"]["reverse_kl"] == 0.1
    assert results.load(tmp_path / "none.jsonl") == {}


def test_a_torn_last_line_does_not_count_and_makes_room(tmp_path):
    path = tmp_path / "modes.jsonl"
    results.append(path, record(seed=0))
    results.append(path, record(seed=1))
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) - 40, whole.index(b"\n") + 2):
        path.write_bytes(whole[:length])
        assert list(results.load(path).values()) == [record(seed=0)]
        results.append(path, record(seed=1))
        assert path.read_bytes() == whole


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"recipe": "a"}', b"\xff"])
def test_other_damage_is_named(tmp_path, line):
    path = tmp_path / "modes.jsonl"
    path.write_bytes(json.dumps(record()).encode() + b"\n" + line + b"\n")
    with pytest.raises(DataError, match=r"modes.jsonl, line 2: expected a finished run"):
        results.load(path)


def test_the_digest_stands_for_every_setting():
    settings = recipes.settings("wasserstein + wgan-gp", "grid")
    others = [settings | {"steps": 1}, settings | {"betas": (0.0, 0.8)}, settings | {"loss": "hinge"}]
    digests = [results.digest(s) for s in (settings, *others)]
    assert len(set(digests)) == 4
    assert results.digest(dict(reversed(settings.items()))) == digests[0]


def test_points_are_kept_in_place_of_older_ones(tmp_path):
    path = tmp_path / "points.npz"
    points = np.random.default_rng(0).normal(size=(20, 2))
    store = results.Points(path)
    store.put("a", "ring", "old", points + 1)
    store.put("a b", "ring", "x", points / 2)
    store.put("a", "ring", "new", np.vstack([points, [[math.nan, math.inf]]]))
    back = results.Points(path)
    assert back.get("a", "ring", "old") is None
    np.testing.assert_allclose(back.get("a", "ring", "new")[:20], points, atol=5.1e-5)
    np.testing.assert_allclose(back.get("a b", "ring", "x"), points / 2, atol=5.1e-5)
    assert np.abs(back.get("a", "ring", "new")[20]).min() > 3
    assert back.get("a", "grid", "new") is None


def cells(line):
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_shows_median_least_and_most_best_first():
    kls = [0.25, 0.5, 1.0, None, 0.125]
    records = [record("wide", seed=s, kl=kl) for s, kl in enumerate(kls)]
    records += [record("even", seed=s, kl=0.2) for s in range(3)] + [record("blind", kl=None)]
    head, rule, *rows = table.markdown("ring", records).splitlines()
    assert cells(head) == ["ring, 8 modes", "seeds", *table.COLUMNS]
    assert len({len(line) for line in (head, rule, *rows)}) == 1
    assert [cells(row)[0] for row in rows[:4]] == ["even", "wide", "blind", "GAN (VEEGAN, table 1)"]
    by_name = {cells(row)[0]: dict(zip(cells(head), cells(row), strict=True)) for row in rows}
    wide = by_name["wide"]
    assert (wide["seeds"], wide["modes"], wide["HQ %"], wide["KL"]) == ("5", "7", "90.0", "0.500 [0.125, –]")
    assert by_name["blind"]["KL"] == "–"
    pacgan = by_name["PacGAN2 (PacGAN, table 1)"]
    assert (pacgan["modes"], pacgan["HQ %"], pacgan["KL"]) == ("7.9 ± 0.1", "95.6 ± 2.0", "0.07 ± 0.03")
    assert pacgan["spread"] == ""


def test_the_study_runs_only_what_is_missing(tmp_path, capsys, monkeypatch):
    arguments = ["--results", str(tmp_path), "--steps", "2", "--seeds", "1", "--data", "ring", "--only"]
    assert modes([*arguments, "minimax"]) == 0
    out = capsys.readouterr().out
    assert "| minimax " in out
    assert "VEEGAN" in out
    first = (tmp_path / "modes-2-steps.jsonl").read_bytes()
    assert (tmp_path / "modes-2-steps.png").read_bytes().startswith(b"\x89PNG")

    study = Study(tmp_path, NAMES, ["ring"], seeds=2, steps=2)
    assert [key[:3] for key in study.missing()] == [(NAMES[1], "ring", 0), (NAMES[0], "ring", 1), (NAMES[1], "ring", 1)]
    # A setting that changed makes another run of it; the old one stays, and does not show.
    monkeypatch.setitem(recipes.SHARED, "lr", 0.5)
    changed = Study(tmp_path, ["minimax"], ["ring"], seeds=1, steps=2)
    assert len(changed.missing()) == 1
    changed.report()
    assert capsys.readouterr().out == ""
    assert (tmp_path / "modes-2-steps.jsonl").read_bytes() == first


def test_a_run_that_fails_is_named_and_the_others_are_kept(tmp_path, monkeypatch):
    study = Study(tmp_path, NAMES, ["ring"], seeds=1, steps=1)
    study.settings["minimax", "ring"]["loss"] = "no such loss"
    (failure,) = study.run(jobs=1)
    assert failure.startswith("minimax on ring, seed 0: ConfigError")
    assert [key[0] for key in results.load(study.file)] == [NAMES[1]]
    assert [key[0] for key in study.missing()] == ["minimax"]


def test_the_report_runs_nothing(tmp_path, capsys):
    assert modes(["--results", str(tmp_path), "--report", "--only", "minimax"]) == 0
    assert capsys.readouterr().out == ""
    (tmp_path / "modes.jsonl").write_bytes(b"no JSON\n")
    with pytest.raises(SystemExit, match=r"benchmarks.modes: .*modes.jsonl, line 1"):
        modes(["--results", str(tmp_path), "--report"])


def test_collapse_is_on_one_mode():
    failing, healthy = collapse.show(steps=300, snapshots=3, width=64)
    assert failing.steps == healthy.steps == [100, 200, 300]
    assert failing.largest()[-1] > 0.8
    assert failing.modes()[-1] <= 2 < 4 <= healthy.modes()[-1]
    assert healthy.largest()[-1] < 0.5


def test_shares_are_of_the_nearest_mode():
    points = np.concatenate([collapse.DATA.centres.repeat([98, 1, 0, 0, 1, 0, 0, 0], axis=0) * 1.3])
    run = collapse.Run("", [1], [points])
    assert (run.largest(), run.modes()) == ([0.98], [1])


def test_cycling_is_the_rotation_that_theory_knows():
    paths = cycling.show(steps=200)
    r = {name: np.linalg.norm(points, axis=1) for name, points in paths.items()}
    outward = paths["simultaneous"]
    slope = 1 / (1 + np.exp(outward[:-1].prod(axis=1)))  # f'(theta psi) for f(t) = -log(1 + exp(-t))
    np.testing.assert_allclose(r["simultaneous"][1:] ** 2, r["simultaneous"][:-1] ** 2 * (1 + (0.2 * slope) ** 2))
    assert np.abs(r["alternating"] / r["alternating"][0] - 1).max() < 0.1
    for cured in ("extragradient", "simultaneous, R1 0.3", "simultaneous, noise 0.7"):
        assert r[cured][-1] < 0.5 * r[cured][0]
    # Near (0, 0) the spiral of R1 shrinks by the spectral radius of its linearisation (Mescheder et al. 2018).
    shrinks = (r["simultaneous, R1 0.3"][150] / r["simultaneous, R1 0.3"][50]) ** (1 / 100)
    assert shrinks == pytest.approx(0.974679, abs=2e-3)
    assert all(cycling.turns(points) > 0.9 for points in paths.values())


def test_turns_are_counted():
    angles = np.linspace(0, 6 * np.pi, 50)
    circle = np.column_stack([np.cos(angles), -np.sin(angles)])
    assert cycling.turns(circle) == pytest.approx(3)


def test_the_saturating_gradient_vanishes_and_the_other_does_not():
    course = vanishing.show(steps=300, width=64, checks=4)
    assert course.steps[0] == 0
    assert course.steps[-1] == 300
    saturating, other = course.norms["minimax"], course.norms["non-saturating"]
    # At first D is nearly 0 everywhere, where both losses have the same slope.
    assert saturating[0] == pytest.approx(other[0], rel=0.1)
    assert saturating[-1] < 0.02 * other[-1]
    assert other[-1] > other[0]
    assert course.logit[-1] < -3


def test_the_clipped_critic_wastes_its_weights():
    critics = clipping.show(steps=400, width=32)
    assert [(c.name, c.data) for c in critics] == [
        (name, data) for name in ("clipped", "gradient penalty") for data in clipping.DATA
    ]
    clipped, penalised = critics[:2], critics[2:]
    for one, other in zip(clipped, penalised, strict=True):
        assert np.abs(one.weights).max() <= 0.01 + 1e-9
        assert one.at_the_edge > 0.3 > 0.05 > other.at_the_edge
        assert one.stable_rank < 0.5 * other.stable_rank
        assert one.slope < 0.05 < 0.5 < other.slope < 2


def test_the_stable_rank_is_1_for_copies_and_full_for_rotations():
    rng = np.random.default_rng(0)
    network = clipping.dense_network(2, 6, 1, mg.nn.ReLU, rng)
    middle = network.parameters()[2]
    critic = clipping.Critic("", "ring", network, 1.0)
    middle.data[...] = np.outer(rng.normal(size=6), [1, -1, 1, 1, 1, -1])
    assert critic.stable_rank == pytest.approx(1)
    middle.data[...] = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    assert critic.stable_rank == pytest.approx(6, rel=1e-5)


@pytest.mark.parametrize(
    ("failure", "module", "size"),
    [
        ("collapse", collapse, {"steps": 4, "snapshots": 2, "width": 8}),
        ("cycling", cycling, {"steps": 5}),
        ("vanishing", vanishing, {"steps": 5, "width": 8, "checks": 3}),
        ("clipping", clipping, {"steps": 3, "width": 8}),
    ],
)
def test_every_failure_prints_numbers_and_draws(failure, module, size, tmp_path, capsys, monkeypatch):
    shown = module.show(**size)
    monkeypatch.setattr(module, "show", lambda: shown)
    picture = tmp_path / "failure.png"
    assert failures([failure, "--figure", str(picture)]) == 0
    assert len(capsys.readouterr().out.splitlines()) >= 5
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_written(tmp_path, monkeypatch):
    shown = cycling.show(steps=5)
    monkeypatch.setattr(cycling, "show", lambda: shown)
    with pytest.raises(SystemExit, match="cannot write"):
        failures(["cycling", "--figure", str(tmp_path / "no folder" / "failure.png")])


# ------------------------------------------------------------------ whole steps beside PyTorch

TINY = {
    "toy": dataclasses.replace(WORKLOADS["toy"], batch=6),
    "dense": dataclasses.replace(WORKLOADS["dense"], shape=(4, 4, 1), batch=3),
    "dcgan28": dataclasses.replace(WORKLOADS["dcgan28"], shape=(4, 8, 1), batch=3),
    "dcgan28-nodropout": dataclasses.replace(WORKLOADS["dcgan28-nodropout"], shape=(8, 4, 3), batch=3),
    "wgan28": dataclasses.replace(WORKLOADS["wgan28"], shape=(8, 8, 1), batch=3),
    "dcgan64": dataclasses.replace(
        WORKLOADS["dcgan64"], builder=functools.partial(dcgan64, width=4), shape=(32, 32, 3), batch=4
    ),
}


@pytest.fixture
def torch():
    """PyTorch on one thread: more would wait for each other, the networks are so small."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


@pytest.fixture
def tiny(monkeypatch, request):
    """The benchmark with small networks and few turns, of our library alone unless a test asks for PyTorch."""
    if "torch" not in request.fixturenames:
        monkeypatch.setattr(peers, "PEERS", (peers.OURS,))
    for name, workload in TINY.items():
        monkeypatch.setitem(WORKLOADS, name, workload)
    for module, name, value in (
        (timing, "PAUSE", 0.0),
        (timing, "BLOCK_SECONDS", 0.0),
        (scaling, "BATCHES", (2, 4)),
        (scaling, "SIDES", (4, 8)),
        (limits, "SIZE", 8),
        (convolutions, "CASES", (convolutions.Case(2, 5, (3, 2), 3, 1, 1), convolutions.Case(2, 4, (1, 2), 7, 1, 3))),
    ):
        monkeypatch.setattr(module, name, value)


@pytest.fixture
def steps_command(tiny, tmp_path, capsys):
    """`steps_command("launches", "--only", "toy")` gives what was printed."""

    def call(*arguments):
        assert steps([*arguments, "--threads", "1", "--blocks", "2", "--results", str(tmp_path / "steps.jsonl")]) == 0
        return capsys.readouterr().out

    return call


def test_the_workloads_are_those_of_the_literature():
    assert list(TINY) == list(WORKLOADS)
    sizes = {name: [sum(p.size for p in n.parameters()) for n in w.networks()] for name, w in WORKLOADS.items()}
    assert sizes["toy"] == [3 * 256 + 2 * 257 * 256 + 257 * 2, 3 * 256 + 2 * 257 * 256 + 257]
    assert sizes["dcgan28"] == sizes["wgan28"] == [2_305_472, 212_865]
    # The counts of the PyTorch tutorial's networks.
    assert sizes["dcgan64"] == [3_576_704, 2_765_568]
    assert {name: (w.batch, w.config().critic_steps, w.config().penalty) for name, w in WORKLOADS.items()} == {
        "toy": (256, 5, "wgan-gp"),
        "dense": (64, 1, "none"),
        "dcgan28": (64, 1, "none"),
        "dcgan28-nodropout": (64, 1, "none"),
        "wgan28": (64, 1, "wgan-gp"),
        "dcgan64": (32, 1, "none"),
    }
    dropped = {name for name, w in WORKLOADS.items() if any(isinstance(m, mg.nn.Dropout) for m in w.networks()[1])}
    assert dropped == {"dcgan28"}


@pytest.mark.parametrize("name", TINY)
def test_the_trainer_takes_the_workloads_step(name):
    known = list(mg.models.models)
    trainer = make_trainer(TINY[name])
    assert list(mg.models.models) == known
    before = [network.state_dict() for network in (trainer.generator, trainer.discriminator)]
    losses = trainer.step()
    assert all(math.isfinite(loss.item()) for loss in losses.values())
    for old, network in zip(before, (trainer.generator, trainer.discriminator), strict=True):
        assert any((old[key] != value).any() for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", TINY)
def test_losses_and_gradients_agree_with_pytorchs(torch, name):
    assert agreement.check(TINY[name], torch_peers()).keys() == agreement.ALLOWED.keys()


def test_a_step_that_differs_is_not_timed(torch, monkeypatch):
    written = torch_peers()["torch"]
    monkeypatch.setattr(written, "g_loss", lambda self, fake: 1.001 * self.bce(fake, self.ones))
    with pytest.raises(SystemExit, match=r"dense GAN.*agree .* 1e-09 in float64, got a difference of"):
        agreement.check(TINY["dense"], {"torch": written})


def test_the_expert_leaves_the_discriminator_trainable_and_moves_both(torch):
    for peer in torch_peers().values():
        twins = peer(TINY["toy"], *TINY["toy"].networks())
        before = [p.detach().clone() for n in (twins.G, twins.D) for p in n.parameters()]
        for _ in range(2):
            twins.step()
        after = [p for n in (twins.G, twins.D) for p in n.parameters()]
        assert sum(bool(torch.equal(a, b)) for a, b in zip(before, after, strict=True)) <= 1  # D's last bias
        assert all(p.requires_grad for p in twins.D.parameters())


def test_blocks_take_turns_and_ratios_are_of_neighbours():
    calls, now = [], [0.0]

    def step(name, seconds):
        def run():
            calls.append(name)
            now[0] += seconds

        return run

    clock = lambda: now[0]
    times = timing.interleaved({"a": step("a", 2.0), "b": step("b", 4.0)}, 3, clock, lambda: None)
    assert calls == ["a", "a", "b", "b"] + ["a", "b"] * 3
    assert [list(t) for t in times.values()] == [[2.0] * 3, [4.0] * 3]
    row = timing.summary({"minigan": np.array([1, 2, 3.0]), "torch": np.array([2, 2, 12.0])})
    assert row == {
        "minigan, ms": 2000, "torch, ms": 2000, "to torch": 0.5, "to torch, quartiles": [0.375, 0.75]
    }  # fmt: skip


def test_times_are_kept_reported_and_drawn(torch, steps_command, tmp_path):
    out = steps_command("time", "--only", "toy", "dense", "--figure", str(tmp_path / "steps.png"))
    assert out.startswith("**Time of a training step** (")
    rows = {cells(line)[0]: cells(line) for line in out.splitlines() if line.startswith("|")}
    assert list(rows)[2:] == ["toy", "dense"]
    assert rows[""][1:5] == ["minigan, ms", "torch, ms", "torch expert, ms", "to torch"]
    assert (tmp_path / "steps.png").read_bytes().startswith(b"\x89PNG")
    assert steps_command("--report") == out


@pytest.mark.parametrize("study", ["launches", "limits", "convolutions", "profile", "scaling"])
def test_every_study_prints_its_table(steps_command, study):
    out = steps_command(study, *(["--only", "dcgan28"] if study in ("launches", "limits") else []))
    assert out.startswith(f"**{report.HEADINGS[study]}** (")
    assert len(out.splitlines()) >= 5
    assert steps_command("--report") == out


def test_memory_and_imports_are_measured_in_other_processes(steps_command, monkeypatch):
    asked = []
    monkeypatch.setattr(memory, "evaluate", lambda code, *names: asked.append(names) or 100)
    assert "100" in steps_command("memory", "--only", "toy")
    assert asked[0] == ("toy", "minigan")
    monkeypatch.setattr(imports, "evaluate", lambda code, name: [2.0, 1.0])
    assert "| import minigan | 2 " in steps_command("imports")


def test_a_process_of_its_own_says_what_it_held(tiny, capsys):
    memory.main("toy", "minigan", steps=1)
    assert 20 < json.loads(capsys.readouterr().out) < 100_000
    assert elsewhere.evaluate("import sys, json; print(json.dumps(sys.argv[1:]))", "a", "b") == ["a", "b"]


def test_operations_are_counted_in_every_product(monkeypatch):
    a, b = mg.Tensor(np.ones((3, 5))), mg.Tensor(np.ones((5, 7)))
    stacks = mg.Tensor(np.ones((2, 3, 5))), mg.Tensor(np.ones((2, 5, 7)))
    assert products.count(lambda: a @ b) == 2 * 3 * 5 * 7
    assert products.count(lambda: mg.ops.matmul(*stacks)) == 2 * 2 * 3 * 5 * 7
    assert (a @ b).shape == (3, 7)


def test_the_stopwatch_counts_each_second_once():
    now = [0.0]
    watch = profiling.Stopwatch(lambda: now[0])

    def wait(seconds):
        now[0] += seconds

    inner = watch.timed("inner", lambda: wait(2.0))

    def outer():
        wait(1.0)
        inner()
        inner()

    watch.timed("outer", outer)()
    assert watch.spent == {"inner": 4.0, "outer": 1.0}


def result(what, date="1", study="time", **figures):
    return {"study": study, "what": what, "figures": figures, "environment": {"threads": 1, "date": date}}


def test_the_latest_run_of_each_thing_is_reported():
    old = [result("a", x=1), result("b", x=1), result("c: x", x=1), result("c: y", x=2)]
    new = [result("a", "2", x=3), result("c: x", "2", x=4)]
    shown = {r["what"]: r["figures"]["x"] for r in step_results.latest(old + new)}
    assert shown == {"a": 3, "b": 1, "c: x": 4}


def test_damage_and_wrong_names_are_named(steps_command, tmp_path):
    with pytest.raises(SystemExit, match=r"--only: expected some of toy, .*, got tutorial"):
        steps_command("launches", "--only", "toy", "tutorial")
    (tmp_path / "steps.jsonl").write_text('{"study": "time"}\n')
    with pytest.raises(SystemExit, match=r"steps.jsonl, line 1: expected a result"):
        steps_command("--report")
    (tmp_path / "steps.jsonl").write_text("")
    with pytest.raises(SystemExit, match=r"expected results of the study 'time' to draw"):
        steps_command("--report", "--figure", str(tmp_path / "steps.png"))
