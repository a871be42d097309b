"""Pictures show what they are given: every pixel in its place, with its own brightness, in whole files."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan import plotting
from minigan.errors import DataError, TrainingError
from minigan.plotting import (
    DISCRIMINATOR,
    GENERATED,
    GRADIENT,
    REAL,
    animation,
    image_grid,
    loss_curves,
    save_image_grid,
    save_png,
    save_points,
    text_preview,
)

rng = np.random.default_rng(0)


def numbered(count, height=2, width=3, channels=1):
    """Images in which every pixel has a value of its own."""
    size = count * height * width * channels
    assert size < 255
    return np.arange(size, dtype=np.uint8).reshape(count, height, width, channels)


def rgb(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)])


def opened(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB")).astype(int)


def has(picture, colour, tolerance=3):
    return (abs(picture - rgb(colour)).max(axis=-1) <= tolerance).any()


# --- colours


def linear(colour):
    c = rgb(colour) / 255
    return np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)


def lab(light):
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    t = np.array(to_xyz) @ np.clip(light, 0, 1) / [0.9505, 1, 1.089]
    f = np.where(t > 0.008856, np.cbrt(t), 7.787 * t + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


# How red, green and blue light is seen (Machado, Oliveira, Fernandes 2009, severity 1).
VISIONS = {
    "normal": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [[0.152, 1.053, -0.205], [0.115, 0.786, 0.099], [-0.004, -0.048, 1.052]],
    "deuteranopia": [[0.367, 0.861, -0.228], [0.280, 0.673, 0.047], [-0.012, 0.043, 0.969]],
    "tritanopia": [[1.256, -0.077, -0.179], [-0.078, 0.931, 0.148], [0.005, 0.691, 0.304]],
}


@pytest.mark.parametrize("vision", VISIONS)
def test_the_four_colours_stay_apart_for_every_kind_of_colour_vision(vision):
    seen = [lab(np.array(VISIONS[vision]) @ linear(c)) for c in (REAL, GENERATED, DISCRIMINATOR, GRADIENT)]
    distances = [np.linalg.norm(a - b) for i, a in enumerate(seen) for b in seen[:i]]
    assert min(distances) > 20  # 2.3 is the least difference an eye can see


@pytest.mark.parametrize("colour", [REAL, GENERATED, DISCRIMINATOR, GRADIENT])
def test_every_colour_reads_on_white(colour):
    assert 1.05 / (linear(colour) @ [0.2126, 0.7152, 0.0722] + 0.05) > 3  # the contrast WCAG asks of graphics


def test_the_colours_are_what_they_are_called():
    def hue(colour):
        red, green, blue = rgb(colour)
        return np.degrees(np.arctan2(np.sqrt(3) * (green - blue), 2 * red - green - blue)) % 360

    assert 110 < hue(REAL) < 165
    assert 265 < hue(GENERATED) < 300
    assert 200 < hue(DISCRIMINATOR) < 225
    assert 320 < hue(GRADIENT) < 345


# --- image_grid


def test_a_grid_is_exactly_its_images_row_by_row_with_white_between():
    first, second, third = numbered(3)[..., 0]
    white = 255
    expected = np.full((2 * 2 + 1, 2 * 3 + 1), white)
    expected[0:2, 0:3] = first
    expected[0:2, 4:7] = second
    expected[3:5, 0:3] = third
    grid = image_grid(numbered(3))
    assert grid.dtype == np.uint8
    assert grid.shape == (5, 7, 1)
    np.testing.assert_array_equal(grid[..., 0], expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("count", "columns", "gap"), [(1, None, 1), (5, 2, 0), (6, 3, 2), (7, 4, 3), (2, 5, 1)])
def test_every_image_is_found_where_it_belongs(count, columns, gap, channels):
    images = numbered(count, channels=channels)
    grid = image_grid(images, columns, gap)
    across = columns or 1
    down = -(-count // across)
    assert grid.shape == (down * (2 + gap) - gap, across * (3 + gap) - gap, channels)
    seen = np.zeros(grid.shape[:2], bool)
    for index, image in enumerate(images):
        top, left = index // across * (2 + gap), index % across * (3 + gap)
        np.testing.assert_array_equal(grid[top : top + 2, left : left + 3], image)
        seen[top : top + 2, left : left + 3] = True
    assert (grid[~seen] == 255).all()


@pytest.mark.parametrize(
    ("count", "down", "across"), [(1, 1, 1), (2, 1, 2), (4, 2, 2), (5, 2, 3), (64, 8, 8), (65, 8, 9)]
)
def test_the_layout_is_nearly_square(count, down, across):
    assert image_grid(np.zeros((count, 1, 1, 1), np.uint8), gap=0).shape == (down, across, 1)


def test_enlarging_repeats_every_pixel_and_the_gaps():
    small, large = image_grid(numbered(3)), image_grid(numbered(3), scale=4)
    assert large.shape == (20, 28, 1)
    for row in range(4):
        for column in range(4):
            np.testing.assert_array_equal(large[row::4, column::4], small)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_floats_have_one_fixed_range_whatever_the_batch_holds(dtype):
    values = np.array([-1, -0.5, 0, 0.25, 1], dtype)
    shown = [image_grid(np.full((1, 1, 1, 1), v, dtype)).item() for v in values]
    assert shown == [0, 64, 128, 159, 255]
    together = image_grid(values.reshape(5, 1, 1, 1), columns=5, gap=0)
    assert together.ravel().tolist() == shown
    assert image_grid(np.array([-7, 7], dtype).reshape(2, 1, 1, 1), gap=0).ravel().tolist() == [0, 255]


def test_eight_bit_values_survive_the_way_to_floats_and_back():
    values = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    np.testing.assert_array_equal(image_grid((values / 127.5 - 1).astype(np.float32))[None], values)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((3, 4, 5)), "shape"),
        (np.zeros((3, 4, 5, 2)), "shape"),
        (np.zeros((0, 4, 5, 1)), "shape"),
        (np.zeros((1, 2, 2, 1), np.int64), "int64"),
        (np.full((1, 2, 2, 1), np.nan), "NaN"),
        (np.full((1, 2, 2, 1), np.inf), "infinity"),
    ],
)
@pytest.mark.parametrize("draw", [image_grid, text_preview])
def test_what_is_no_image_is_refused(draw, images, message):
    with pytest.raises(DataError, match=message):
        draw(images)


@pytest.mark.parametrize("layout", [{"columns": 0}, {"columns": -2}, {"gap": -1}, {"scale": 0}])
def test_an_impossible_layout_is_refused(layout):
    with pytest.raises(DataError, match="expected columns >= 1"):
        image_grid(numbered(2), **layout)


# --- PNG files


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_holds_the_pixels(tmp_path, channels):
    picture = rng.integers(0, 256, (4, 6, channels), np.uint8)
    save_png(tmp_path / "a.png", picture)
    with Image.open(tmp_path / "a.png") as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image).reshape(4, 6, channels), picture)


@pytest.mark.parametrize("picture", [np.zeros((4, 4, 1)), np.zeros((4, 4), np.uint8), np.zeros((4, 4, 2), np.uint8)])
def test_what_is_no_picture_is_refused(tmp_path, picture):
    with pytest.raises(DataError, match="expected a uint8 picture"):
        save_png(tmp_path / "a.png", picture)
    with pytest.raises(DataError, match="expected a uint8 picture"):
        animation(tmp_path / "a.gif", [picture])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("count", "size"), [(1, 28), (64, 28), (64, 32), (25, 64), (4, 400)])
def test_a_saved_grid_is_enlarged_by_a_whole_number_to_about_800_pixels(tmp_path, count, size):
    images = rng.integers(0, 256, (count, size, size, 1), np.uint8)
    save_image_grid(tmp_path / "a.png", images)
    saved = opened(tmp_path / "a.png")
    grid = image_grid(images)
    scale = len(saved) // len(grid)
    np.testing.assert_array_equal(saved[..., :1], image_grid(images, scale=scale))
    assert 640 <= max(saved.shape) <= 900


def test_a_saved_grid_has_the_columns_asked_for(tmp_path):
    save_image_grid(tmp_path / "a.png", numbered(4, 2, 2), columns=4)
    height, width, _ = opened(tmp_path / "a.png").shape
    assert height * 11 == width * 2


# --- figures


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were saved, so that a test can ask what is in them."""
    figures = []
    save = plotting.save_figure

    def keep(path, figure):
        figures.append(figure)
        save(path, figure)

    monkeypatch.setattr(plotting, "save_figure", keep)
    return figures


def texts(legend):
    return [text.get_text() for text in legend.get_texts()]


def test_points_are_drawn_where_they_are_generated_over_real(tmp_path, drawn):
    from matplotlib.colors import to_hex

    real, generated = rng.normal(size=(20, 2)), rng.normal(size=(30, 2)) * [2, 5]
    save_points(tmp_path / "a.png", real, generated, title="step 7")
    axes = drawn[0].axes[0]
    below, above = axes.collections
    np.testing.assert_array_equal(below.get_offsets(), real)
    np.testing.assert_array_equal(above.get_offsets(), generated)
    assert [to_hex(c.get_facecolor()[0]) for c in (below, above)] == [REAL, GENERATED]
    assert texts(drawn[0].legends[0]) == ["real", "generated"]
    assert axes.get_title() == "step 7"
    assert axes.get_aspect() == 1
    assert axes.get_xlabel()
    assert axes.get_ylabel()
    low, high = axes.get_ylim()
    assert low < generated[:, 1].min() < generated[:, 1].max() < high
    picture = opened(tmp_path / "a.png")
    assert min(picture.shape[:2]) >= 800
    assert has(picture, REAL)
    assert has(picture, GENERATED)


def test_limits_hold_both_axes_still(tmp_path, drawn):
    save_points(tmp_path / "a.png", np.zeros((3, 2)), np.full((3, 2), 9.0), limits=(-2, 3))
    axes = drawn[0].axes[0]
    assert axes.get_xlim() == axes.get_ylim() == (-2, 3)


@pytest.mark.parametrize("shape", [(5,), (5, 3), (2, 5, 2)])
def test_points_of_another_shape_are_refused(tmp_path, shape):
    with pytest.raises(DataError, match="expected real points"):
        save_points(tmp_path / "a.png", np.zeros(shape), np.zeros((5, 2)))
    with pytest.raises(DataError, match="expected generated points"):
        save_points(tmp_path / "a.png", np.zeros((5, 2)), np.zeros(shape))


def test_each_loss_has_its_colour_a_thin_raw_line_and_a_smooth_one(tmp_path, drawn):
    steps = np.arange(0, 4000, 10)
    series = {
        name: level + rng.normal(size=400) for level, name in enumerate(("discriminator", "generator", "penalty"))
    }
    loss_curves(tmp_path / "a.png", steps, series)
    lines = drawn[0].axes[0].lines
    assert texts(drawn[0].legends[0]) == list(series)
    for index, colour in enumerate((DISCRIMINATOR, GENERATED, GRADIENT)):
        raw, smooth = lines[2 * index : 2 * index + 2]
        values = list(series.values())[index]
        assert raw.get_color() == smooth.get_color() == colour
        assert raw.get_linewidth() < smooth.get_linewidth()
        np.testing.assert_array_equal(raw.get_xydata(), np.c_[steps, values])
        np.testing.assert_array_equal(smooth.get_xdata(), steps)
        assert smooth.get_ydata().std() < 0.5 * values.std()
        assert has(opened(tmp_path / "a.png"), colour)
    assert drawn[0].axes[0].get_xlabel() == "step"
    assert drawn[0].axes[0].get_ylabel() == "loss"


def test_a_critic_is_a_discriminator(tmp_path, drawn):
    loss_curves(tmp_path / "a.png", [1, 2], {"critic": [0, 1]})
    assert {line.get_color() for line in drawn[0].axes[0].lines} == {DISCRIMINATOR}


def test_smoothing_keeps_constants_to_the_very_ends_and_does_not_shift():
    np.testing.assert_allclose(plotting._smooth(np.full(200, 3.0)), 3)
    impulse = np.zeros(201)
    impulse[100] = 1
    smooth = plotting._smooth(impulse)
    np.testing.assert_allclose(smooth, smooth[::-1])
    assert smooth.argmax() == 100
    assert np.count_nonzero(smooth) == 11
    np.testing.assert_allclose(smooth.sum(), 1)


def test_values_that_are_not_finite_leave_the_others_in_place(tmp_path, drawn):
    loss_curves(tmp_path / "a.png", [1, 2, 3, 4], {"generator": [1, np.nan, np.inf, 4], "penalty": [np.nan] * 4})
    generator, smooth, penalty, _ = drawn[0].axes[0].lines
    assert generator.get_xydata().tolist() == smooth.get_xydata().tolist() == [[1, 1], [4, 4]]
    assert penalty.get_xydata().size == 0


def test_one_step_is_a_visible_point_between_whole_ticks(tmp_path, drawn):
    loss_curves(tmp_path / "a.png", [1], {"generator": [0.7]})
    assert has(opened(tmp_path / "a.png"), GENERATED)
    axes = drawn[0].axes[0]
    assert axes.lines[1].get_marker() == "o"
    assert all(tick == round(tick) for tick in axes.get_xticks())


@pytest.mark.parametrize("series", [{}, {"discriminator": [], "generator": []}])
def test_no_steps_are_an_empty_labelled_figure(tmp_path, drawn, series):
    loss_curves(tmp_path / "a.png", [], series)
    assert [name for legend in drawn[0].legends for name in texts(legend)] == list(series)
    assert drawn[0].axes[0].get_xlabel() == "step"
    assert opened(tmp_path / "a.png").shape[1] >= 1000


def test_a_series_of_another_length_is_refused(tmp_path):
    with pytest.raises(DataError, match="expected 2 values of 'generator', one a step, got 3"):
        loss_curves(tmp_path / "a.png", [1, 2], {"generator": [1, 2, 3]})


# --- animations


def read_gif(path):
    with Image.open(path) as gif:
        frames, durations = [], []
        for index in range(gif.n_frames):
            gif.seek(index)
            frames.append(np.asarray(gif.convert("RGB")).astype(int))
            durations.append(gif.info["duration"])
        return frames, durations, gif.info.get("loop")


@pytest.mark.parametrize("channels", [1, 3])
def test_an_animation_shows_its_frames_in_order_and_rests_on_the_last(tmp_path, channels):
    pictures = [np.zeros((8, 12, channels), np.uint8) for _ in range(5)]
    for index, picture in enumerate(pictures):
        picture[1, 2 * index] = 255
    animation(tmp_path / "a.gif", pictures, milliseconds=70)
    frames, durations, loop = read_gif(tmp_path / "a.gif")
    assert durations == [70, 70, 70, 70, 2000]
    assert loop == 0
    for frame, picture in zip(frames, pictures, strict=True):
        np.testing.assert_array_equal(frame, np.broadcast_to(picture, frame.shape))


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_stays_grey_and_near_with_black_and_white_exact(tmp_path, channels):
    ramp = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(channels, axis=2)
    animation(tmp_path / "a.gif", [ramp, ramp[::-1]])
    frames, _, _ = read_gif(tmp_path / "a.gif")
    for frame, picture in zip(frames, (ramp, ramp[::-1]), strict=True):
        assert (frame == frame[..., :1]).all()
        assert abs(frame - picture).max() <= 9
    if channels == 1:
        assert frames[0][0, 0, 0] == 0
        assert frames[0][-1, -1, 0] == 255


def test_colours_of_every_frame_are_in_the_shared_palette(tmp_path):
    pictures = [np.full((9, 9, 3), 255, np.uint8) for _ in range(2)]
    pictures[0][2:5, 2:5] = rgb(REAL)
    pictures[1][5:8, 5:8] = rgb(GENERATED)
    animation(tmp_path / "a.gif", pictures)
    frames, _, _ = read_gif(tmp_path / "a.gif")
    for frame, picture in zip(frames, pictures, strict=True):
        assert abs(frame - picture).max() <= 2


def test_forty_frames_of_noise_stay_below_a_megabyte_and_a_half(tmp_path):
    frames = [rng.integers(0, 256, (231, 231, 1), np.uint8) for _ in range(40)]
    animation(tmp_path / "a.gif", frames)
    assert (tmp_path / "a.gif").stat().st_size < 1_500_000  # the worst case; clothes take half of it


def test_frames_must_be_alike_and_there_must_be_some(tmp_path):
    with pytest.raises(DataError, match="got none"):
        animation(tmp_path / "a.gif", [])
    with pytest.raises(DataError, match="one shape"):
        animation(tmp_path / "a.gif", [np.zeros((4, 4, 1), np.uint8), np.zeros((4, 5, 1), np.uint8)])


# --- the terminal


def test_a_preview_draws_each_quarter_where_it_is():
    image = np.zeros((28, 28), np.uint8)
    image[:14, :14] = 255  # full cells: 3 rows and the upper half of the fourth
    image[16:20, 0] = 255  # the left half of a cell
    image[20:24, 26:28] = 255  # all of the last cell
    image[24:28, 4:8] = 128
    lines = text_preview(image[None, ..., None]).split("\n")
    assert lines == ["███████"] * 3 + ["▀▀▀▀▀▀▀", "▌", " " * 13 + "█", "  ▒▒"]


def test_left_and_right_and_lower_halves_are_told_apart():
    image = np.full((28, 28), -1.0)
    image[0:4, 0] = image[0:4, 3] = image[2:4, 4:6] = 1
    assert text_preview(image[None, ..., None]).split("\n")[0] == "▌▐▄"


def test_pixels_finer_than_a_quarter_are_averaged():
    stripes = np.zeros((1, 28, 28, 1), np.uint8)
    stripes[:, ::2] = 255
    assert text_preview(stripes, columns=1).split("\n") == ["▒" * 14] * 7


def test_previews_stand_side_by_side_and_fit_the_terminal():
    images = np.full((7, 28, 28, 1), 255, np.uint8)
    images[1] = 0
    images[5:] = 64
    lines = text_preview(images).split("\n")
    full, shade = "█" * 14, "░" * 14
    row = "  ".join([full, " " * 14, full, full, full])
    assert lines == [row] * 7 + [""] + [f"{shade}  {shade}"] * 7
    assert len(row) == 78


@pytest.mark.parametrize("columns", [1, 5, 6, 10, 27])
@pytest.mark.parametrize("shape", [(8, 8, 1), (32, 32, 3), (20, 40, 1)])
def test_a_preview_never_exceeds_80_columns(columns, shape):
    text = text_preview(np.full((30, *shape), 255, np.uint8), columns)
    widths = {len(line) for line in text.split("\n")}
    assert 14 <= max(widths) <= 80
    assert text.count("\n\n") == -(-30 // columns) - 1


@pytest.mark.parametrize("columns", [0, 28])
def test_a_preview_that_cannot_fit_is_refused(columns):
    with pytest.raises(DataError, match="expected 1 to 27 columns"):
        text_preview(numbered(2), columns)


# --- all files, and the world around them

WRITERS = {
    "png": lambda path: save_png(path, np.zeros((4, 4, 1), np.uint8)),
    "grid": lambda path: save_image_grid(path, np.zeros((4, 4, 4, 1))),
    "points": lambda path: save_points(path, np.zeros((3, 2)), np.ones((3, 2))),
    "curves": lambda path: loss_curves(path, [1, 2], {"generator": [1, 2]}),
    "animation": lambda path: animation(path, [np.zeros((4, 4, 1), np.uint8)]),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_leaves_the_old_picture(tmp_path, monkeypatch, writer):
    path = tmp_path / "picture"
    path.write_bytes(b"old")

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(TrainingError, match="free some disk space"):
        WRITERS[writer](path)
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["picture"]
    monkeypatch.undo()
    WRITERS[writer](path)
    assert path.read_bytes() != b"old"


def test_matplotlib_waits_until_it_is_needed_and_pyplot_and_settings_stay_untouched(tmp_path):
    code = """
import sys
import numpy as np
from minigan import plotting
plotting.text_preview(np.zeros((1, 28, 28, 1)))
plotting.animation("a.gif", [np.zeros((4, 4, 1), np.uint8)])
plotting.save_image_grid("a.png", np.zeros((4, 4, 4, 1)))
assert "matplotlib" not in sys.modules
import matplotlib
before = dict(matplotlib.rcParams)
plotting.save_points("b.png", np.zeros((3, 2)), np.ones((3, 2)))
plotting.loss_curves("c.png", [1], {"generator": [1]})
assert dict(matplotlib.rcParams) == before
assert "matplotlib.pyplot" not in sys.modules
"""
    root = str(Path(plotting.__file__).parents[1])
    environment = {name: value for name, value in os.environ.items() if name != "DISPLAY"}
    environment |= {"PYTHONPATH": root, "MPLBACKEND": "TkAgg"}
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, cwd=tmp_path, env=environment)
