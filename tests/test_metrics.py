"""The metrics: against closed forms, against loops, and against samples whose scores are known."""

import dataclasses
import itertools
import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from minigan.data import grid, ring
from minigan.errors import DataError
from minigan.metrics import count_modes, wasserstein_1d

OUTSIDE = math.exp(-4.5)
TRUNCATED_STD = math.sqrt(1 - 4.5 * OUTSIDE / (1 - OUTSIDE))
"""Of a round Gaussian cut off at 3 std, along one axis: t = |x|^2 / 2 is exponential, and E[t | t < a] is
1 - a exp(-a) / (1 - exp(-a)), which is the variance along each of the two axes."""


def report_of(samples, data, **chosen):
    return count_modes(samples, data.centres, data.std, **chosen)


@pytest.mark.parametrize("data", [ring(), grid(), ring(modes=3, std=0.2)], ids=repr)
@pytest.mark.parametrize("n", [2_500, 25_000])
def test_a_perfect_sampler(data, n):
    report = report_of(data.sample(n, np.random.default_rng(1)), data)
    modes = len(data.centres)
    assert (report.n, report.modes) == (n, modes)
    binomial_std = math.sqrt(OUTSIDE * (1 - OUTSIDE) / n)
    assert report.high_quality == pytest.approx(1 - OUTSIDE, abs=4 * binomial_std)
    # 2 n KL is chi-squared, nearly: of K - 1 degrees of freedom, or of K with the bin for samples astray.
    for kl, freedom in ((report.reverse_kl, modes - 1), (report.off_mode_kl, modes)):
        assert 2 * n * kl == pytest.approx(freedom, abs=4 * math.sqrt(2 * freedom))
    assert report.spread == pytest.approx(TRUNCATED_STD, abs=4 / math.sqrt(2 * 2 * n))


def test_what_a_perfect_sampler_scores():
    assert pytest.approx(0.98889, abs=5e-6) == 1 - OUTSIDE
    assert pytest.approx(0.9744, abs=5e-5) == TRUNCATED_STD


@pytest.mark.parametrize("data", [ring(), grid()], ids=repr)
def test_a_generator_that_knows_one_mode(data):
    modes = len(data.centres)
    report = report_of(data.centres[[3] * 40], data)
    assert (report.modes, report.high_quality) == (1, 1.0)
    assert report.spread == pytest.approx(0, abs=1e-12)
    assert report.reverse_kl == pytest.approx(math.log(modes))
    assert report.off_mode_kl == pytest.approx(math.log(modes / (1 - OUTSIDE)))


def test_samples_astray():
    report = report_of(ring().sample(50, np.random.default_rng(0)) + [7, 0], ring())
    assert (report.modes, report.high_quality) == (0, 0.0)
    assert math.isnan(report.reverse_kl)
    assert math.isnan(report.spread)
    assert report.off_mode_kl == pytest.approx(4.5)


def test_unequal_weights():
    counts, astray = np.array([1, 2, 3, 4, 5, 6, 7, 0]), 12
    data = ring()
    samples = np.concatenate([data.centres.repeat(counts, axis=0), np.zeros((astray, 2))])
    report = report_of(samples, data)
    p = counts[:7] / 28
    assert (report.modes, report.high_quality) == (7, 0.7)
    assert report.reverse_kl == pytest.approx(math.log(8) + (p * np.log(p)).sum())
    expected = (0.7 * p * np.log(0.7 * p * 8 / (1 - OUTSIDE))).sum() + 0.3 * math.log(0.3 / OUTSIDE)
    assert report.off_mode_kl == pytest.approx(expected)


def test_the_spread_is_about_each_modes_own_mean():
    data = grid(side=2, spacing=1)
    at = data.centres.repeat([3, 2, 1, 0], axis=0)
    # Three points in line and two: sums of squares 2 (0.03)^2 and 2 (0.02)^2, five points less two means on two
    # axes; the lone point costs a mean and adds nothing, and the common shift is no spread.
    moves = np.array([[-0.03, 0], [0, 0], [0.03, 0], [0, 0.02], [0, -0.02], [0.01, 0.01]]) + [0.04, -0.05]
    assert report_of(at + moves, data).spread == pytest.approx(math.sqrt(0.0026 / (2 * (6 - 3))) / 0.05)
    assert report_of(at[:5] + [0.04, -0.05], data).spread == pytest.approx(0, abs=1e-12)
    assert math.isnan(report_of(data.centres, data).spread)


def test_high_quality_is_a_disc_of_the_radius():
    data = dataclasses.replace(ring(modes=1, std=0.5), centres=np.array([[2.0, 1.0]]))
    directions = np.array([[1, 0], [0, -1], [0.6, 0.8]])
    for radius in (3, 1.5):
        inside, outside = (data.centres + s * radius * 0.5 * directions for s in (0.999, 1.001))
        assert report_of(inside, data, radius=radius).high_quality == 1
        assert report_of(outside, data, radius=radius).high_quality == 0
    # The corner of the square about the disc is outside.
    assert report_of(data.centres + 0.45 * 3 * np.array([[0.5, 0.5]]), data).high_quality == 1
    assert report_of(data.centres + 0.95 * 3 * np.array([[0.5, 0.5]]), data).high_quality == 0
    assert count_modes([[1.0, 0.0], [0.0, 0.0]], [[0.0, 0.0]], std=1.0, radius=1.0).high_quality == 0.5


@given(factor=st.sampled_from([1e-3, 0.3536, 7.0, 1e4]), seed=st.integers(0, 99))
def test_the_unit_of_length_does_not_matter(factor, seed):
    data = grid(std=0.4)
    samples = data.sample(200, np.random.default_rng(seed)).astype(float)
    one, other = (count_modes(f * samples, f * data.centres, f * data.std, radius=2) for f in (1, factor))
    assert dataclasses.asdict(other) == pytest.approx(dataclasses.asdict(one), nan_ok=True)


def by_loops(samples, centres, std, radius):
    """The scores again, one sample at a time, with Python's numbers."""
    modes = [[] for _ in centres]
    for x in samples:
        apart = [math.dist(x, c) for c in centres]
        k = min(range(len(centres)), key=lambda k: apart[k])
        if apart[k] < radius * std:
            modes[k].append(x)
    found = [points for points in modes if points]
    good = sum(map(len, found))
    outside = math.exp(-(radius**2) / 2)
    entropy = -sum(len(points) / good * math.log(len(points) / good) for points in found)
    kl = sum(len(m) / len(samples) * math.log(len(m) / len(samples) * len(centres) / (1 - outside)) for m in found)
    astray = 1 - good / len(samples)
    squares = 0.0
    for points in found:
        for axis in (0, 1):
            mean = sum(p[axis] for p in points) / len(points)
            squares += sum((p[axis] - mean) ** 2 for p in points)
    freedom = 2 * (good - len(found))
    return {
        "n": len(samples),
        "modes": len(found),
        "high_quality": good / len(samples),
        "reverse_kl": math.log(len(centres)) - entropy if good else math.nan,
        "spread": math.sqrt(squares / freedom) / std if freedom else math.nan,
        "off_mode_kl": kl + (astray * math.log(astray / outside) if good < len(samples) else 0),
    }


@given(data=st.data())
def test_against_loops(data):
    draw = data.draw
    cells = draw(st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=1, max_size=9, unique=True))
    std, radius = draw(st.floats(0.05, 0.2)), draw(st.floats(0.5, 2.4))
    centres = np.array(cells, dtype=float)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n = draw(st.integers(1, 60))
    samples = centres[rng.integers(len(centres), size=n) // 2] + 1.2 * std * radius * rng.uniform(-1, 1, (n, 2))
    report = count_modes(samples, centres, std, radius)
    expected = by_loops(samples.tolist(), centres.tolist(), std, radius)
    assert dataclasses.asdict(report) == pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def test_samples_that_are_not_finite_are_of_no_mode():
    samples = ring().centres.astype(np.float32).copy()
    samples[:3] = [[math.nan, 0], [math.inf, 0], [1, -math.inf]]
    report = report_of(samples, ring())
    assert (report.n, report.modes, report.high_quality) == (8, 5, 5 / 8)
    assert report.reverse_kl == pytest.approx(math.log(8 / 5))


def test_the_ring_of_seven_centres_is_noticed():
    angles = np.linspace(0, 2 * np.pi, 8)
    seven = np.column_stack([np.cos(angles), np.sin(angles)])
    with pytest.raises(DataError, match=r"got 0 and 7 only [\d.]+e-16 apart.*counts its end twice"):
        count_modes(ring().sample(10, np.random.default_rng(0)), seven, 0.01)
    # With the true centres, what learnt from those seven finds no more than one of the eight.
    assert report_of(seven, ring()).modes == 1


def test_modes_may_touch_but_not_overlap():
    points = np.zeros((1, 2))
    assert count_modes(points, [[0, 0], [6, 0], [0, 9]], std=1.0).modes == 1
    with pytest.raises(DataError, match=r"at least 6 apart .* got 1 and 2 only 5.99 apart"):
        count_modes(points, [[0, 0], [9, 0], [9, 5.99]], std=1.0)


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"samples": np.zeros((3, 3))}, r"samples: .* \(3, 3\)"),
        ({"samples": np.zeros(2)}, r"samples: .* \(2,\)"),
        ({"samples": np.zeros((0, 2))}, r"samples: .* at least 1, got \(0, 2\)"),
        ({"centres": np.zeros((0, 2))}, "centres: "),
        ({"centres": [[0.0, math.nan], [5.0, 5.0]]}, "centres: .* finite"),
        ({"std": 0.0}, "std: .* above 0, got 0.0"),
        ({"std": math.nan}, "std: "),
        ({"radius": -1.0}, "radius: .* got -1.0"),
        ({"radius": math.inf}, "radius: "),
    ],
)
def test_what_cannot_be_scored_is_refused(chosen, message):
    with pytest.raises(DataError, match=message):
        count_modes(**{"samples": np.zeros((4, 2)), "centres": [[0, 0], [9, 9]], "std": 1.0} | chosen)


def samples_of(least, most):
    return arrays(np.float64, st.integers(least, most), elements=st.floats(-100, 100))


@given(x=samples_of(1, 6), seed=st.integers(0, 999))
def test_w1_is_the_cost_of_the_best_assignment(x, seed):
    y = np.random.default_rng(seed).normal(3, 40, x.size)
    best = min(np.abs(x - y[list(order)]).mean() for order in itertools.permutations(range(x.size)))
    assert wasserstein_1d(x, y) == pytest.approx(best)


@given(x=samples_of(1, 12), y=samples_of(1, 12))
def test_w1_of_unequal_sizes_is_that_of_repeated_samples(x, y):
    # Each number repeated until both samples have n m of them, which changes neither distribution.
    apart = np.abs(np.sort(x.repeat(y.size)) - np.sort(y.repeat(x.size))).mean()
    assert wasserstein_1d(x, y) == pytest.approx(apart, abs=1e-12)
    assert wasserstein_1d(y, x) == pytest.approx(apart, abs=1e-12)


def test_equal_fractions_leave_no_sliver_between_them():
    # i / 49 = 3 i / 147: were the two floats unequal, a sliver of 1e-16 would meet a gap of 1e18.
    x = 1e18 * np.arange(49)
    assert wasserstein_1d(x, x.repeat(3)) == 0


@pytest.mark.parametrize(("mean", "std", "known"), [(1, 2, 1.16663094), (0.7, 1, 0.7), (0, 3, None), (-2, 0.5, None)])
def test_w1_of_two_gaussians(mean, std, known):
    # W1(N(0, 1), N(m, s^2)) = E |m + (s - 1) Z|: the best transport is x -> m + s x.
    width, normal = abs(std - 1), NormalDist()
    expected = abs(mean)
    if width > 0:
        expected = width * math.sqrt(2 / math.pi) * math.exp(-((mean / width) ** 2) / 2)
        expected += mean * (1 - 2 * normal.cdf(-mean / width))
    assert known is None or expected == pytest.approx(known)
    # The quantiles at the middle of n equal shares stand for the distribution, up to 1 / n.
    quantiles = [[normal.inv_cdf((i + 0.5) / n) for i in range(n)] for n in (3000, 2000)]
    assert wasserstein_1d(quantiles[0], mean + std * np.array(quantiles[1])) == pytest.approx(expected, abs=2e-3)


@pytest.mark.parametrize("bad", [np.zeros((2, 1)), [], [0.0, math.nan], 3.0])
def test_w1_refuses_what_is_no_sample_of_numbers(bad):
    with pytest.raises(DataError, match="x: expected finite numbers"):
        wasserstein_1d(bad, [1.0])
    with pytest.raises(DataError, match="y: expected finite numbers"):
        wasserstein_1d([1.0], bad)
