"""The table that ships: nothing is missing from it, all of it passes, and a wrong derivative does not."""

import re
import sys
import time

import numpy as np
import pytest
from PIL import Image

from minigan import gan, nn, ops
from minigan.autograd import grad, op, registry
from minigan.autograd.gradcheck import _copy, _directional_derivative, _project, _unit_vector
from minigan.backend import get_device
from minigan.checks import run_checks, select, without_case
from minigan.checks.steps import STEPS, errors_by_step
from minigan.cli import main
from minigan.errors import UsageError
from minigan.gan import Loss, losses, penalties


def named(rows):
    return {row.name: row for row in rows}


# ---------------------------------------------------------------- completeness


def test_nothing_is_without_a_check():
    assert without_case() == []
    assert {case.subject for case in select() if case.group == "op"} == set(registry)
    assert {case.name for case in select(["BatchNorm"])} == {"BatchNorm (training)", "BatchNorm (evaluation)"}
    for name in losses:
        assert len(select([f"{name} (discriminator)", f"{name} (generator)"])) == 2
    assert {"wgan-gp (alone)", "wgan-gp (whole critic loss)"} < {case.name for case in select(["penalty"])}


def test_what_has_no_check_is_noticed(monkeypatch):
    class Maxout(nn.Module):
        pass

    @op
    def cube(x):
        return x**3

    try:
        monkeypatch.setattr(nn, "Maxout", Maxout, raising=False)
        assert without_case() == ["op cube", "layer Maxout"]
    finally:
        del registry["cube"]


def test_a_new_loss_or_penalty_is_checked_without_further_ado(monkeypatch):
    class Cubic(Loss):
        def discriminator(self, real_logits, fake_logits):
            return ops.mean((real_logits - fake_logits) ** 3)

        def generator(self, fake_logits, real_logits=None):
            return ops.mean(fake_logits**3)

    monkeypatch.setitem(losses, "cubic", Cubic())
    monkeypatch.setitem(penalties, "twice", lambda *batch, rng: gan.gradient_penalty(*batch, rng=rng, weight=2.0))
    rows = run_checks(order=1, only=["cubic", "twice"])
    assert [row.failure for row in rows] == [None] * 4
    assert without_case() == []


# ---------------------------------------------------------------------- passing


@pytest.mark.parametrize(("device_name", "order"), [("cpu", 3), ("strict", 1)])
def test_all_derivatives_are_right(device_name, order, monkeypatch):
    monkeypatch.setenv("MINIGAN_DEVICE", "strict" if device_name == "cpu" else "cpu")  # must not matter
    start = time.perf_counter()
    rows = run_checks(order, device_name)
    assert {row.name: row.failure for row in rows if row.failure} == {}
    assert all(len(row.errors) == order and max(row.errors) < 1e-8 for row in rows)
    assert len(rows) == len(named(rows)) > 60
    assert 0 < sum(row.seconds for row in rows) <= time.perf_counter() - start < 25


def test_on_every_device(device):
    rows = run_checks(order=2, device=device, only=["conv2d", "where", "BatchNorm", "Dropout", "minimax", "wgan-gp"])
    assert [row.failure for row in rows] == [None] * 10


def test_no_derivative_to_third_order_is_trivially_zero():
    """A check of a derivative that is zero everywhere would pass whatever its rule says."""
    for case in select():
        if case.subject == "none":
            continue
        rng = np.random.default_rng(0)
        f, inputs = case.build(get_device("cpu"))
        xs = [_copy(x) for x in inputs]
        f = _project(f, xs, rng)
        for _ in range(3):
            f = _directional_derivative(f, [_unit_vector(x, rng) for x in xs])
            assert abs(f(*xs).item()) > 1e-4, case.name


# ---------------------------------------------------------------------- failing

FAULTS = {  # the op, its wrong rules, the checks that must notice
    "tanh without square": (ops.tanh, [lambda g, y, x: g * (1 - y)], "tanh", "Tanh", "wgan-gp (alone)"),
    "one factor lost": (
        ops.multiply,
        [ops.multiply.rules[0], lambda g, y, a, b: ops.sum_to(g, shape=b.shape)],
        "multiply",
    ),
    "not summed over broadcast axes": (ops.add, [lambda g, y, a, b: g, lambda g, y, a, b: g], "add", "Dense"),
    "sign": (ops.softplus, [lambda g, y, x: -g * ops.sigmoid(x)], "softplus", "Softplus", "minimax (discriminator)"),
    "kernel for image": (
        ops.conv2d,
        [ops.conv2d.rules[0], lambda g, y, x, w, **settings: w * ops.sum(g)],
        "conv2d",
        "Conv2d",
        "wgan-gp (whole critic loss)",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_rule_is_found(fault, monkeypatch):
    faulty, rules, *noticed = FAULTS[fault]
    monkeypatch.setattr(faulty, "rules", tuple(rules))
    monkeypatch.setattr(faulty, "array_rule", None)  # it has rules of its own for the first order
    rows = named(run_checks(order=1, only=[*noticed, "reshape"]))
    assert all(rows[name].failure for name in noticed)
    assert rows["reshape"].failure is None or faulty in (ops.add, ops.multiply)  # these are in every curve


def test_a_rule_that_is_wrong_at_second_order_only(monkeypatch):
    monkeypatch.setattr(ops.exp, "rules", (lambda g, y, x: g * getattr(y, "data", y),))
    (row,) = run_checks(only=["exp"])
    assert len(row.errors) == 1
    assert row.failure.startswith("order 2, argument 0: ")


def test_a_penalty_that_no_gradient_passes(monkeypatch):
    """The classical mistake: the inner gradient without create_graph is a constant."""
    constant = lambda output, inputs, create_graph: grad(output, inputs)
    monkeypatch.setattr(sys.modules["minigan.gan.penalty"], "grad", constant)
    rows = named(run_checks(order=1, only=["penalty"]))
    assert {name for name, row in rows.items() if row.failure} == {
        f"{name} ({how})" for name in gan.penalties if name != "none" for how in ("alone", "whole critic loss")
    }


def test_a_batch_norm_with_constant_statistics(monkeypatch):
    def forward(self, x):
        mean, variance = x.detach().mean(axis=(0, 1, 2)), ops.variance(x.detach(), axis=(0, 1, 2))
        return (x - mean) / ops.sqrt(variance + self.eps) * self.weight + self.bias

    monkeypatch.setattr(nn.BatchNorm, "forward", forward)
    rows = named(run_checks(order=1, only=["BatchNorm"]))
    assert rows["BatchNorm (training)"].failure.startswith("order 1, argument 0: ")


def test_a_rule_that_breaks_is_a_row_too(monkeypatch):
    def broken(g, y, x):
        raise RuntimeError("no such derivative")

    monkeypatch.setattr(ops.log, "rules", (broken,))
    rows = named(run_checks(only=["log", "exp"]))
    assert "RuntimeError: no such derivative" in rows["log"].failure
    assert rows["exp"].failure is None


# ----------------------------------------------------------------- command line


def test_the_command_prints_the_table(capsys):
    assert main(["gradcheck", "tanh", "BatchNorm", "loss"]) == 0
    titles, *lines, last = capsys.readouterr().out.splitlines()
    assert titles.split() == ["order", "1", "order", "2", "order", "3", "device"]
    assert len(lines) == 1 + 2 + 2 * len(losses)
    assert re.fullmatch(r"op +tanh( +\d\.\de-\d\d){3} +cpu", lines[0])
    assert len({line.index("cpu") for line in lines}) == 1
    assert re.fullmatch(rf"{len(lines)} checks, all passed; worst relative error \d\.\de-\d\d \(.*, order \d\)", last)


def test_orders_and_devices(capsys):
    assert main(["gradcheck", "exp", "--order", "1", "--device", "strict"]) == 0
    titles, line, last = capsys.readouterr().out.splitlines()
    assert titles.split() == ["order", "1", "device"]
    assert line.endswith("strict")
    assert last.startswith("1 check, all passed")


def test_a_wrong_rule_ends_with_code_1_and_its_place(capsys, monkeypatch):
    monkeypatch.setattr(ops.tanh, "rules", (lambda g, y, x: g * (1 - y * y * 0.999),))
    monkeypatch.setattr(ops.tanh, "array_rule", None)
    assert main(["gradcheck", "exp", "tanh", "Tanh", "--order", "2"]) == 1
    _, good, bad, where, layer, _, last = capsys.readouterr().out.splitlines()
    assert "FAIL" not in good
    assert re.fullmatch(r"op +tanh +FAIL +cpu", bad)
    assert re.fullmatch(r"layer +Tanh +FAIL +cpu", layer)
    assert re.fullmatch(
        r" +order 1, argument 0: relative error .* worst at index \(\d, \d\): derivative \S+, central difference \S+",
        where,
    )
    assert last.startswith("3 checks, 2 failed; worst relative error")


def test_a_name_that_does_not_exist(capsys):
    assert main(["gradcheck", "exp", "batchnorm"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("minigan: ")
    assert err.endswith("got 'batchnorm'. Did you mean BatchNorm?\n")
    with pytest.raises(UsageError, match=r"got 'qqqqq'\.$"):
        run_checks(only=["qqqqq"])


@pytest.mark.parametrize("order", [0, -1])
def test_an_order_that_does_not_exist(order, capsys):
    assert main(["gradcheck", "--order", str(order)]) == 2
    assert "at least 1" in capsys.readouterr().err
    with pytest.raises(UsageError, match="at least 1"):
        run_checks(order)


def test_a_plot_that_cannot_be_written(tmp_path, capsys):
    assert main(["gradcheck", "exp", "--plot", str(tmp_path / "nowhere" / "steps.png")]) == 1
    assert "cannot write" in capsys.readouterr().err


# ------------------------------------------------------------ error and step size


def test_the_plot_is_written(tmp_path, capsys):
    path = tmp_path / "steps.png"
    assert main(["gradcheck", "exp", "--plot", str(path)]) == 0
    assert capsys.readouterr().out.endswith(f"{path}\n")
    with Image.open(path) as image:
        assert min(image.size) > 500


def test_the_v_of_truncation_and_rounding():
    assert STEPS[[0, -1]] == pytest.approx([1e-12, 1])
    errors = errors_by_step(np.array([1e-12, 1e-9, 1e-3, 1e-2, 1e-1]), directions=20)
    slopes = {name: np.diff(np.log10(e)) for name, e in errors.items()}
    assert slopes["central difference"][0] == pytest.approx(-3, abs=0.5)
    assert slopes["central difference"][2:] == pytest.approx([2, 2], abs=0.1)
    assert slopes["extrapolated (Richardson)"][3] == pytest.approx(4, abs=0.2)
    assert slopes["complex step"][2:] == pytest.approx([2, 2], abs=0.1)
    assert max(errors["complex step"][:2]) < 1e-15
