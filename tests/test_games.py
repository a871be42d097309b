"""Games of several players: the steps against matrices and finite differences, then what theory knows of each method.

A step near an equilibrium is a matrix; its eigenvalues say whether and how fast training converges. Here they are
measured, by one step from two tiny displacements, and compared with the formulas of the papers:
Mescheder, Geiger, Nowozin 2018 (arXiv:1801.04406) for the Dirac-GAN, Daskalakis et al. 2018 and Gidel et al. 2019 for
bilinear games.
"""

import math

import numpy as np
import pytest
from helpers import normal, rng

from minigan import optim
from minigan.backend import strict, to_device
from minigan.gan import Game, Loss, Player, bilinear_game, dirac_gan, losses, penalties
from minigan.gan.penalties import GradientPenalty
from minigan.nn import Parameter
from minigan.ops import exp, sigmoid, tanh

A = np.array([[1.3, -0.4], [0.2, 0.5]])  # not symmetric, two singular values: 1.38 and 0.53
X, Y = np.array([0.7, -1.1]), np.array([0.4, 0.9])


def by(kind, lr, **settings):
    """Makes the optimizer of a player."""
    return lambda parameters: kind(parameters, lr, **settings)


def trajectory(game, step, steps):
    """The points of a game, the start among them: (steps + 1, n)."""
    points = [game.point()]
    for _ in range(steps):
        step(game)
        points.append(game.point())
    return np.array(points)


def flat(gradients):
    return np.concatenate([g.numpy().ravel() for own in gradients for g in own])


# The steps of a game


def three_players(device, kind=optim.SGD, lr=0.1):
    """Each loss depends on the parameters of all, of different shapes, and on its own in a way of its own."""
    x, y, z = (
        [Parameter(normal(shape, device, seed=i).data) for i, shape in enumerate(shapes, start)]
        for start, shapes in ((0, [(2, 3), (3, 1)]), (2, [(2, 1)]), (3, [(), (2, 1)]))
    )

    def first():
        return (tanh(x[0] @ x[1]) * y[0]).sum() + z[0] * (x[1] * x[1]).sum()

    def second():
        return (exp(0.3 * y[0]) * (x[0] @ x[1])).sum() - (y[0] * z[1]).sum() * z[0]

    def third():
        return sigmoid(z[0]) * (z[1] * y[0]).sum() + (z[1] ** 2).sum() - 0.5 * x[0].sum() * z[0]

    return Game(*(Player(loss, kind(own, lr)) for loss, own in ((first, x), (second, y), (third, z))))


def put(game, point):
    """Move all players there."""
    start = 0
    for player in game.players:
        for p in player.parameters:
            p.data[...] = to_device(point[start : start + p.size].reshape(p.shape), p.device)
            start += p.size


def test_gradients_are_those_of_each_player_alone(device):
    """Each loss differentiated numerically in its own player's parameters, all at the same point."""
    game = three_players(device)
    here = game.point()
    sizes = [sum(p.size for p in player.parameters) for player in game.players]
    assert sizes == [9, 2, 3]
    assert here.shape == (14,)
    expected, start = [], 0
    for player, size in zip(game.players, sizes, strict=True):
        for i in range(start, start + size):
            values = []
            for sign in (1, -1):
                put(game, here + sign * 1e-6 * np.eye(14)[i])
                values.append(player.loss().item())
            expected.append((values[0] - values[1]) / 2e-6)
        start += size
    put(game, here)
    np.testing.assert_allclose(flat(game.gradients()), expected, rtol=1e-7, atol=1e-8)
    assert not any(g.requires_grad for own in game.gradients() for g in own)
    with pytest.raises(AttributeError):
        game.players[0].loss = None


def test_consensus_adds_the_slope_of_half_the_squared_field(device):
    game = three_players(device)
    here, gamma = game.point(), 0.7

    def half_square(point):
        put(game, point)
        return (flat(game.gradients()) ** 2).sum() / 2

    slope = [(half_square(here + e) - half_square(here - e)) / 2e-6 for e in 1e-6 * np.eye(14)]
    put(game, here)
    field = flat(game.gradients())
    np.testing.assert_allclose(
        flat(game.consensus_gradients(gamma)), field + gamma * np.array(slope), rtol=1e-6, atol=1e-7
    )
    np.testing.assert_array_equal(flat(game.consensus_gradients(0.0)), field)
    assert not any(g.requires_grad for own in game.consensus_gradients(gamma) for g in own)
    game.consensus_step(gamma)
    np.testing.assert_allclose(game.point(), here - 0.1 * (field + gamma * np.array(slope)), rtol=1e-6, atol=1e-7)


def test_simultaneous_players_all_start_from_the_same_point(device):
    game = three_players(device)
    here, field = game.point(), flat(game.gradients())
    game.simultaneous_step()
    np.testing.assert_allclose(game.point(), here - 0.1 * field, rtol=1e-14, atol=1e-15)


def test_alternating_players_see_the_moves_before_theirs(device):
    game, other = three_players(device), three_players(device)
    game.alternating_step()
    points, at = [other.point()], [slice(0, 9), slice(9, 11), slice(11, 14)]
    for own in at:
        field = flat(other.gradients())
        moved = points[-1].copy()
        moved[own] -= 0.1 * field[own]
        put(other, moved)
        points.append(moved)
    np.testing.assert_allclose(game.point(), points[-1], rtol=1e-13, atol=1e-14)
    assert abs(points[-1] - (points[0] - 0.1 * flat(three_players(device).gradients()))).max() > 1e-2


def test_extragradient_moves_by_the_field_at_the_point_ahead(device):
    game, other = three_players(device, optim.ExtraSGD), three_players(device)
    here, field = other.point(), flat(other.gradients())
    put(other, here - 0.1 * field)
    ahead = flat(other.gradients())
    game.extragradient_step()
    np.testing.assert_allclose(game.point(), here - 0.1 * ahead, rtol=1e-13, atol=1e-14)


def test_each_player_has_an_optimizer_of_its_own(device):
    """Different rules and rates in one game."""
    x, y = (Parameter(normal((3,), device, seed=i).data) for i in range(2))
    game = Game(
        Player(lambda: (x * y * y).sum(), optim.Adam([x], 0.3, (0.5, 0.9))),
        Player(lambda: (x * x * y).sum(), optim.SGD([y], 0.02, momentum=0.5)),
    )
    twin = [Parameter(p.data.copy()) for p in (x, y)]
    adam, sgd = optim.Adam([twin[0]], 0.3, (0.5, 0.9)), optim.SGD([twin[1]], 0.02, momentum=0.5)
    for _ in range(3):
        game.alternating_step()
        adam.step([(twin[1] * twin[1]).detach()])
        sgd.step([(twin[0] * twin[0]).detach()])
        np.testing.assert_allclose(game.point(), np.concatenate([p.numpy() for p in twin]), rtol=1e-13)


@pytest.mark.parametrize("kind", [optim.ExtraSGD, optim.ExtraAdam])
def test_extragradient_looks_ahead_with_all_players_before_any_steps(kind, device):
    game, twin = three_players(device, kind), three_players(device, kind)
    for _ in range(3):
        game.extragradient_step()
        for player, own in zip(twin.players, twin.gradients(), strict=True):
            player.optimizer.extrapolate(own)
        for player, own in zip(twin.players, twin.gradients(), strict=True):
            player.optimizer.step(own)
        np.testing.assert_array_equal(game.point(), twin.point())


STEPS = {
    "simultaneous": (optim.SGD, Game.simultaneous_step),
    "alternating": (optim.SGD, Game.alternating_step),
    "optimistic": (optim.OptimisticAdam, Game.simultaneous_step),
    "extragradient": (optim.ExtraAdam, Game.extragradient_step),
    "consensus": (optim.SGD, lambda game: game.consensus_step(0.3)),
}


@pytest.mark.parametrize("name", STEPS)
def test_steps_agree_on_all_devices_and_move_no_data(name, device):
    kind, step = STEPS[name]
    game, there = three_players(device, kind), three_players("cpu", kind)
    for _ in range(4):
        with strict.transfers("forbid"):
            step(game)
        step(there)
    tolerance = 1e-12 if device.name.startswith("cuda") else 0
    np.testing.assert_allclose(game.point(), there.point(), rtol=tolerance, atol=0)


def test_the_point_is_a_copy(device):
    game = three_players(device)
    point = game.point()
    before = point.copy()
    game.simultaneous_step()
    np.testing.assert_array_equal(point, before)
    point[...] = 99
    assert (game.point() != 99).all()


def test_float32_stays_float32(device):
    x, y = (Parameter(normal((2, 2), device, seed=i, dtype=np.float32).data) for i in range(2))
    game = Game(
        Player(lambda: tanh(x @ y).sum(), optim.ExtraSGD([x], 0.1)),
        Player(lambda: -tanh(x @ y).sum(), optim.ExtraSGD([y], 0.1)),
    )
    game.extragradient_step()
    assert {g.dtype for own in game.consensus_gradients(0.3) for g in own} == {np.dtype(np.float32)}
    assert game.point().dtype == np.float32


# What a game refuses


def test_one_player_is_no_game():
    x = Parameter(np.ones(2))
    with pytest.raises(ValueError, match="at least two players, got 1"):
        Game(Player(lambda: (x * x).sum(), optim.SGD([x], 0.1)))


def test_extragradient_needs_optimizers_that_look_ahead(device):
    x, y = (Parameter(normal((3,), device, seed=i).data) for i in range(2))
    loss = lambda: (x * y).sum()
    game = Game(Player(loss, optim.ExtraSGD([x], 0.1)), Player(loss, optim.SGD([y], 0.1)))
    before = game.point()
    with pytest.raises(TypeError, match="expected ExtraSGD or ExtraAdam, got SGD"):
        game.extragradient_step()
    np.testing.assert_array_equal(game.point(), before)
    assert game.players[0].optimizer.origin is None


@pytest.mark.parametrize("step", [Game.simultaneous_step, lambda game: game.consensus_step(0.1)])
def test_a_loss_depends_on_all_parameters_of_its_player(step, device):
    x, y, unused = (Parameter(normal((3,), device, seed=i).data) for i in range(3))
    loss = lambda: (x * y).sum()
    game = Game(Player(loss, optim.SGD([x], 0.1)), Player(loss, optim.SGD([y, unused], 0.1)))
    before = game.point()
    with pytest.raises(ValueError, match=r"does not depend on its parameter 1, of shape \(3,\)"):
        step(game)
    np.testing.assert_array_equal(game.point(), before)


def test_players_share_no_parameter(device):
    x, y = (Parameter(normal((3,), device, seed=i).data) for i in range(2))
    loss = lambda: (x * y).sum()
    game = Game(Player(loss, optim.SGD([x], 0.1)), Player(loss, optim.SGD([x, y], 0.1)))
    with pytest.raises(RuntimeError, match="parameters have moved"):
        game.simultaneous_step()


def test_consensus_where_the_field_does_not_depend_on_a_parameter(device):
    """The field of 3 x and y^2 is (3, 2 y): its square says nothing about x."""
    x, y = (Parameter(normal((2,), device, seed=i).data) for i in range(2))
    game = Game(
        Player(lambda: (3.0 * x).sum(), optim.SGD([x], 0.1)), Player(lambda: (y * y).sum(), optim.SGD([y], 0.1))
    )
    (gx,), (gy,) = game.consensus_gradients(0.5)
    np.testing.assert_array_equal(gx.numpy(), [3, 3])
    np.testing.assert_allclose(gy.numpy(), 2 * y.numpy() + 0.5 * 4 * y.numpy(), rtol=1e-15)


# Bilinear games: with the singular value decomposition A = U S V', u = U' x and v = V' y, each w = u + i v of a
# singular value s turns by itself: the field of s u v is i s w.


def singular(game_points):
    """(s, w), w of shape (steps + 1, number of singular values)."""
    U, s, Vt = np.linalg.svd(A)
    return s, game_points[:, :2] @ U + 1j * game_points[:, 2:] @ Vt.T


def bilinear(kind, h, device):
    return bilinear_game(A, X, Y, by(kind, h), device=device)


def test_a_bilinear_game_is_its_matrix(device):
    """x descends x' A y, y ascends it, for a matrix that is not square."""
    matrix, x, y = rng(1).standard_normal((2, 3)), [0.3, -0.7], [1.1, 0.2, -0.5]
    game = bilinear_game(matrix, x, y, by(optim.SGD, 0.1), device=device)
    np.testing.assert_array_equal(game.point(), x + y)
    np.testing.assert_allclose(
        flat(game.gradients()), np.concatenate([matrix @ y, -(matrix.T @ x)]), rtol=1e-14, atol=1e-15
    )
    assert {p.dtype for player in game.players for p in player.parameters} == {np.dtype(np.float64)}
    assert {p.device for player in game.players for p in player.parameters} == {device}


@pytest.mark.parametrize(
    ("kind", "step", "eigenvalue"),
    [
        (optim.SGD, Game.simultaneous_step, lambda a: 1 + 1j * a),
        (optim.ExtraSGD, Game.extragradient_step, lambda a: 1 - a**2 + 1j * a),
        (optim.SGD, lambda game: game.consensus_step(0.8), lambda a: 1 - 0.8 * a**2 / 0.3 + 1j * a),
    ],
    ids=["simultaneous", "extragradient", "consensus"],
)
def test_eigenvalues_of_bilinear_games(kind, step, eigenvalue, device):
    """a = h s. Simultaneous descent leaves at sqrt(1 + a^2), extragradient arrives at sqrt(1 - a^2 + a^4)."""
    h = 0.3
    s, w = singular(trajectory(bilinear(kind, h, device), step, 40))
    for i, one in enumerate(s):
        np.testing.assert_allclose(w[:, i], w[0, i] * eigenvalue(h * one) ** np.arange(41), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("a", "converges"), [(0.99, True), (1.01, False)])
def test_extragradient_converges_below_rate_one(a, converges):
    game = bilinear_game([[2.0]], [1.0], [0.5], by(optim.ExtraSGD, a / 2), device="cpu")
    radii = np.linalg.norm(trajectory(game, Game.extragradient_step, 100), axis=1)
    assert (radii[100] < radii[0]) == converges
    np.testing.assert_allclose(radii[100] / radii[0], (1 - a**2 + a**4) ** 50, rtol=1e-11)


def test_optimistic_descent_follows_its_characteristic_polynomial(device):
    """w <- w + i a (2 w - w_before) has the eigenvalues z^2 - (1 + 2 i a) z + i a = 0; the first step is 1 + 2 i a."""
    h = 0.3
    s, w = singular(trajectory(bilinear(optim.OptimisticSGD, h, device), Game.simultaneous_step, 40))
    for i, one in enumerate(s):
        a = h * one
        z = np.roots([1, -(1 + 2j * a), 1j * a])
        shares = np.linalg.solve([[1, 1], z], [1, 1 + 2j * a])
        expected = w[0, i] * (shares * z ** np.arange(41)[:, None]).sum(axis=1)
        np.testing.assert_allclose(w[:, i], expected, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize(("factor", "converges"), [(0.98, True), (1.02, False)])
def test_optimistic_descent_converges_below_one_over_root_three(factor, converges):
    """At a = 1 / sqrt(3) an eigenvalue of the polynomial above is on the unit circle."""
    game = bilinear_game([[2.0]], [1.0], [0.5], by(optim.OptimisticSGD, factor / math.sqrt(3) / 2), device="cpu")
    radii = np.linalg.norm(trajectory(game, Game.simultaneous_step, 400), axis=1)
    assert (radii[400] < 0.5 * radii[0]) == converges
    assert (radii[400] > 2 * radii[0]) != converges


def test_alternating_descent_keeps_a_quadratic_form(device):
    """|x|^2 + |y|^2 - h x' A y never changes, so the iterates stay on an ellipse: neither nearer nor farther."""
    h = 0.3
    points = trajectory(bilinear(optim.SGD, h, device), Game.alternating_step, 100)
    x, y = points[:, :2], points[:, 2:]
    kept = (x**2).sum(axis=1) + (y**2).sum(axis=1) - h * np.einsum("ti,ij,tj->t", x, A, y)
    np.testing.assert_allclose(kept, kept[0], rtol=1e-12)


def test_the_average_of_alternating_iterates_converges_like_one_over_t():
    """y_T - y_0 = h A' (x_1 + ... + x_T): the sum of the iterates is bounded, so their mean falls like 1 / T."""
    h, steps = 0.3, 1000
    points = trajectory(bilinear(optim.SGD, h, "cpu"), Game.alternating_step, steps)
    x, y = points[:, :2], points[:, 2:]
    count = np.arange(1, steps + 1)[:, None]
    mean = np.cumsum(x[1:], axis=0) / count
    np.testing.assert_allclose(mean @ A * (h * count), y[1:] - y[0], rtol=1e-10, atol=1e-11)
    bound = 2 * np.linalg.norm(y, axis=1).max() / (h * np.linalg.svd(A)[1].min())
    assert (np.linalg.norm(mean, axis=1) * count[:, 0] <= bound).all()
    assert np.linalg.norm(mean[-1]) < 0.01 < 0.5 < np.linalg.norm(x[-100:], axis=1).max()


# The Dirac-GAN

SLOPE, CURVATURE = 0.5, -0.25  # f'(0) and f''(0) of f(t) = -log(1 + exp(-t))


def f_prime(t):
    return 1 / (1 + math.exp(t))


def dirac(h, start=(1.0, 1.0), loss="minimax", kind=optim.SGD, device="cpu", **settings):
    return dirac_gan(losses[loss], by(kind, h), start, device=device, **settings)


def r1(gamma):
    return lambda critic, real, fake: penalties["r1"](critic, real, fake, rng=rng(), weight=gamma)


def step_matrix(make_game, step, distance=1e-6):
    """The matrix that one step is, near the equilibrium: the steps from two small displacements."""
    columns = []
    for start in ((distance, 0.0), (0.0, distance)):
        game = make_game(start)
        step(game)
        columns.append(game.point() / distance)
    return np.array(columns).T


def assert_eigenvalues(matrix, expected, tolerance=1e-9):
    """The characteristic polynomials are equal (eigenvalues that coincide are known to half the digits only)."""
    np.testing.assert_allclose(np.poly(matrix), np.poly(np.asarray(expected)), atol=tolerance)


def spectral_radius(matrix):
    return abs(np.linalg.eigvals(matrix)).max()


def root(x):
    return np.sqrt(complex(x))


def test_by_default_the_dirac_gan_starts_at_one_and_without_noise():
    game, other = dirac_gan(losses["minimax"], by(optim.SGD, 0.1)), dirac(0.1, (1.0, 1.0))
    np.testing.assert_array_equal(game.point(), [1.0, 1.0])
    for player, twin in zip(game.players, other.players, strict=True):
        assert player.loss().item() == twin.loss().item()


def test_the_game_is_that_of_the_paper(device):
    """L = f(theta psi) + f(0), which theta descends and psi ascends."""
    for theta, psi in ((0.8, -1.7), (2.0, 0.6)):
        game = dirac(0.1, (theta, psi), device=device)
        f = lambda t: -math.log1p(math.exp(-t))
        generator, discriminator = game.players
        assert discriminator.loss().item() == pytest.approx(-(f(theta * psi) + f(0)), rel=1e-14)
        assert generator.loss().item() == pytest.approx(f(theta * psi), rel=1e-14)
        np.testing.assert_array_equal(game.point(), [theta, psi])
        slope = f_prime(theta * psi)
        np.testing.assert_allclose(flat(game.gradients()), [psi * slope, -theta * slope], rtol=1e-14)
        assert [p.shape for player in game.players for p in player.parameters] == [(1, 1), (1, 1)]
        assert {p.dtype for player in game.players for p in player.parameters} == {np.dtype(np.float64)}
        assert {p.device for player in game.players for p in player.parameters} == {device}


POINTS = [(1.0, 1.0), (-0.4, 2.1), (0.3, -1.9), (2.5, 0.7), (-1.2, -0.6)]


@pytest.mark.parametrize("start", POINTS)
def test_the_field_of_each_loss(start, device):
    """-F is what gradient flow follows; u = theta psi."""
    theta, psi = start
    u = theta * psi
    expected = {
        "minimax": (-psi * f_prime(u), theta * f_prime(u)),
        "non-saturating": (-psi * f_prime(-u), theta * f_prime(u)),
        "wasserstein": (-psi, theta),
    }
    for name, flow in expected.items():
        field = flat(dirac(0.1, start, name, device=device).gradients())
        np.testing.assert_allclose(field, [-v for v in flow], rtol=1e-14, err_msg=name)


@pytest.mark.parametrize("start", POINTS)
def test_gradient_flow_of_the_minimax_game_circles(start):
    """The field is orthogonal to the radius: theta^2 + psi^2 is constant."""
    game = dirac(0.1, start)
    assert abs(flat(game.gradients()) @ game.point()) < 1e-15


@pytest.mark.parametrize("start", POINTS)
def test_relativistic_pairing_is_the_same_game(start):
    """One real sample at 0 against one generated: the loss differs by a constant from the non-saturating one."""
    ours, other = dirac(0.1, start, "relativistic"), dirac(0.1, start, "non-saturating")
    np.testing.assert_allclose(flat(ours.gradients()), flat(other.gradients()), rtol=1e-14)
    assert ours.players[1].loss().item() == pytest.approx(other.players[1].loss().item() - math.log(2), rel=1e-13)


def test_simultaneous_descent_leaves_by_a_known_factor_every_step():
    """r^2 grows by exactly 1 + h^2 f'(theta psi)^2, at every point and for every rate."""
    h = 0.2
    points = trajectory(dirac(h), Game.simultaneous_step, 500)
    square = (points**2).sum(axis=1)
    factors = [1 + h**2 * f_prime(theta * psi) ** 2 for theta, psi in points[:-1]]
    np.testing.assert_allclose(square[1:] / square[:-1], factors, rtol=1e-12)
    assert math.sqrt(square[-1] / square[0]) == pytest.approx(2.18987340, abs=5e-9)


@pytest.mark.parametrize("h", [0.05, 0.2, 1.0])
def test_eigenvalues_of_simultaneous_descent(h, device):
    matrix = step_matrix(lambda start: dirac(h, start, device=device), Game.simultaneous_step)
    assert_eigenvalues(matrix, [1 + 1j * h * SLOPE, 1 - 1j * h * SLOPE])


def several(n_g, n_d):
    """So many steps of each player in turn."""

    def step(game):
        for player, n in zip(game.players, (n_g, n_d), strict=True):
            for _ in range(n):
                player.optimizer.step(player.gradients())

    return step


@pytest.mark.parametrize(("n_g", "n_d"), [(1, 1), (1, 5), (2, 3)])
@pytest.mark.parametrize("h", [0.2, 1.0, 1.5])
def test_eigenvalues_of_alternating_descent(h, n_g, n_d):
    a = math.sqrt(n_g * n_d) * h * SLOPE
    expected = [1 - a**2 / 2 + sign * root((1 - a**2 / 2) ** 2 - 1) for sign in (1, -1)]
    matrix = step_matrix(lambda start: dirac(h, start), several(n_g, n_d))
    assert_eigenvalues(matrix, expected)
    if (n_g, n_d) == (1, 1):
        np.testing.assert_array_equal(matrix, step_matrix(lambda start: dirac(h, start), Game.alternating_step))


@pytest.mark.parametrize(("n_d", "threshold"), [(1, 4.0), (5, 4 / math.sqrt(5))])
def test_alternating_descent_circles_up_to_a_threshold(n_d, threshold):
    below, above = (
        spectral_radius(step_matrix(lambda start, h=h: dirac(h, start), several(1, n_d)))
        for h in (0.999 * threshold, 1.001 * threshold)
    )
    assert below == pytest.approx(1, abs=1e-9)
    assert above > 1.01


def r1_matrix(h, gamma, step, device="cpu"):
    return step_matrix(lambda start: dirac(h, start, penalty=r1(gamma), device=device), step)


@pytest.mark.parametrize(("gamma", "radius"), [(0.3, 0.974679), (1.0, 0.9), (2.0, 0.973205)])
def test_r1_contracts(gamma, radius, device):
    """The flow has the eigenvalues -gamma/2 +- sqrt(gamma^2/4 - f'(0)^2); gamma = 1 is critical damping."""
    h = 0.2
    expected = [1 + h * (-gamma / 2 + sign * root(gamma**2 / 4 - SLOPE**2)) for sign in (1, -1)]
    matrix = r1_matrix(h, gamma, Game.simultaneous_step, device)
    assert_eigenvalues(matrix, expected)
    assert spectral_radius(matrix) == pytest.approx(radius, abs=2e-6)


@pytest.mark.parametrize(("gamma", "threshold"), [(0.3, 1.2), (0.9, 3.6), (1.0, 4.0), (2.0, 1.0718)])
def test_r1_is_stable_up_to_a_rate(gamma, threshold):
    """h < gamma / f'(0)^2 below critical damping, h < 2 / (gamma/2 + sqrt(gamma^2/4 - f'(0)^2)) above."""
    above_critical = 2 / (gamma / 2 + math.sqrt(max(gamma**2 / 4 - SLOPE**2, 0)))
    exact = gamma / SLOPE**2 if gamma < 1 else above_critical
    assert exact == pytest.approx(threshold, rel=1e-4)
    assert spectral_radius(r1_matrix(0.999 * exact, gamma, Game.simultaneous_step)) < 1 - 1e-5
    assert spectral_radius(r1_matrix(1.001 * exact, gamma, Game.simultaneous_step)) > 1 + 1e-5


@pytest.mark.parametrize(("gamma", "threshold"), [(0.3, 2.976123), (1.0, 1.656854), (3.0, 0.649111)])
def test_alternating_r1_is_stable_up_to_another_rate(gamma, threshold):
    """h^2 f'(0)^2 + 2 h gamma < 4."""
    assert threshold**2 * SLOPE**2 + 2 * threshold * gamma == pytest.approx(4, abs=1e-5)
    assert spectral_radius(r1_matrix(0.999 * threshold, gamma, Game.alternating_step)) < 1 - 1e-5
    assert spectral_radius(r1_matrix(1.001 * threshold, gamma, Game.alternating_step)) > 1 + 1e-5


@pytest.mark.parametrize("std", [0.3, 1.0, 2.0])
def test_instance_noise_contracts(std, device):
    """The flow has the eigenvalues f''(0) s^2 +- sqrt(f''(0)^2 s^4 - f'(0)^2)."""
    h = 0.2
    c = CURVATURE * std**2
    expected = [1 + h * (c + sign * root(c**2 - SLOPE**2)) for sign in (1, -1)]
    matrix = step_matrix(lambda start: dirac(h, start, noise=std, device=device), Game.simultaneous_step)
    assert_eigenvalues(matrix, expected)


def test_the_quadrature_over_instance_noise_is_exact_up_to_degree_15():
    class Power(Loss):
        def __init__(self, n):
            self.n = n

        def generator(self, fake_logits, real_logits=None):
            return (fake_logits**self.n).sum()

    moments = [dirac_gan(Power(n), by(optim.SGD, 0.1), (0.0, -1.0), noise=1.0).players[0].loss() for n in (14, 16)]
    assert moments[0].item() == pytest.approx(math.prod(range(1, 14, 2)), rel=1e-12)
    assert moments[1].item() < 0.99 * math.prod(range(1, 16, 2))


def test_instance_noise_is_an_expectation_over_a_gaussian():
    """The quadrature against a fine sum over the density, away from the equilibrium."""
    theta, psi, std = 0.8, -1.3, 0.6
    e = np.linspace(-9, 9, 20001)
    weights = np.exp(-(e**2) / 2)
    weights /= weights.sum()
    f = lambda t: -np.log1p(np.exp(-t))
    expected = weights @ (f(psi * (theta + std * e)) + f(-psi * std * e))
    game = dirac(0.1, (theta, psi), noise=std)
    assert game.players[1].loss().item() == pytest.approx(-expected, rel=1e-6)
    assert game.players[0].loss().item() == pytest.approx(weights @ f(psi * (theta + std * e)), rel=1e-6)


@pytest.mark.parametrize("gamma", [0.5, 2.0])
def test_consensus_contracts(gamma, device):
    """The flow has the eigenvalues -gamma f'(0)^2 +- i f'(0)."""
    h = 0.2
    expected = [1 + h * (-gamma * SLOPE**2 + sign * 1j * SLOPE) for sign in (1, -1)]
    matrix = step_matrix(lambda start: dirac(h, start, device=device), lambda game: game.consensus_step(gamma))
    assert_eigenvalues(matrix, expected)


@pytest.mark.parametrize("h", [0.2, 1.0])
def test_extragradient_contracts(h, device):
    expected = [1 - (h * SLOPE) ** 2 + sign * 1j * h * SLOPE for sign in (1, -1)]
    matrix = step_matrix(lambda start: dirac(h, start, kind=optim.ExtraSGD, device=device), Game.extragradient_step)
    assert_eigenvalues(matrix, expected)


@pytest.mark.parametrize("start", POINTS)
def test_the_non_saturating_flow_loses_its_radius_at_a_known_rate(start):
    """R = r^2 / 2 falls by dR/dt = -u tanh(u / 2), u = theta psi: to third order near 0, so no exponential rate."""
    game = dirac(0.1, start, "non-saturating")
    u = math.prod(start)
    assert -flat(game.gradients()) @ game.point() == pytest.approx(-u * math.tanh(u / 2), rel=1e-13)


def test_the_non_saturating_flow_converges_like_four_over_t():
    """R t = 3.87 at t = 100, measured along the flow of the library's gradients (Runge-Kutta, fourth order)."""
    game, dt, t = dirac(0.1, loss="non-saturating"), 0.5, 100

    def velocity(point):
        put(game, point)
        return -flat(game.gradients())

    z = game.point()
    for _ in range(int(t / dt)):
        a = velocity(z)
        b = velocity(z + dt / 2 * a)
        c = velocity(z + dt / 2 * b)
        z = z + dt / 6 * (a + 2 * b + 2 * c + velocity(z + dt * c))
    assert z @ z / 2 * t == pytest.approx(3.873, abs=0.002)


@pytest.mark.parametrize(
    ("step", "inner", "outer"),
    [(Game.simultaneous_step, 0.371, 0.459), (Game.alternating_step, 0.351, 0.441)],
    ids=["simultaneous", "alternating"],
)
@pytest.mark.parametrize("start", [(0.01, 0.01), (0.4, 0.3)], ids=["from within", "from outside"])
def test_wgan_gp_never_converges(step, inner, outer, start):
    """With the penalty (|psi| - g0)^2 / 2, g0 = 0.3, it ends on a limit cycle, wherever it starts."""
    penalty, draw = GradientPenalty(target=0.3), rng()
    game = dirac(
        0.05,
        start,
        "wasserstein",
        penalty=lambda critic, real, fake: penalty(critic, real, fake, rng=draw, weight=0.5),
    )
    radii = np.linalg.norm(trajectory(game, step, 420), axis=1)[280:]
    assert radii.min() == pytest.approx(inner, abs=1e-3)
    assert radii.max() == pytest.approx(outer, abs=1e-3)


@pytest.mark.parametrize("noise", [-0.1, math.nan])
def test_a_standard_deviation_is_not_negative(noise):
    with pytest.raises(ValueError, match="noise: expected a standard deviation"):
        dirac(0.1, noise=noise)


def test_noise_is_refused_where_samples_are_compared():
    """Real and generated samples would get the same noise, which then cancels."""
    with pytest.raises(ValueError, match="relativistic compares samples"):
        dirac(0.1, loss="relativistic", noise=0.5)
