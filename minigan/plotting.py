"""Pictures: image grids, point clouds, loss curves, animations, and a preview for the terminal.

One language of colour throughout: what is real is green, what is generated violet, the discriminator blue,
gradients pink. Nothing here needs a display, touches pyplot or changes matplotlib's settings.
"""

import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from minigan.errors import DataError
from minigan.files import atomic_write

# Apart from each other for every kind of colour vision, and readable as lines on white.
REAL = "#1a7f37"
GENERATED = "#6f2c91"
DISCRIMINATOR = "#2f86f6"
GRADIENT = "#e8488f"

_DOTS_PER_INCH = 200
_PICTURE_SIZE = 800
_GREY_LEVELS = 16
_COLOURS = 64
_LAST_FRAME_MILLISECONDS = 2000
_TERMINAL_COLUMNS = 80
_SERIES_COLOURS = {"discriminator": DISCRIMINATOR, "critic": DISCRIMINATOR, "generator": GENERATED}

# How much of each quarter of a character cell (upper left, upper right, lower left, lower right) is lit.
_GLYPHS = {
    " ": (0, 0, 0, 0),
    "░": (0.25, 0.25, 0.25, 0.25),
    "▒": (0.5, 0.5, 0.5, 0.5),
    "▓": (0.75, 0.75, 0.75, 0.75),
    "█": (1, 1, 1, 1),
    "▀": (1, 1, 0, 0),
    "▄": (0, 0, 1, 1),
    "▌": (1, 0, 1, 0),
    "▐": (0, 1, 0, 1),
}


def image_grid(images: np.ndarray, columns: int | None = None, gap: int = 1, scale: int = 1) -> np.ndarray:
    """Lay images out row by row on white, as near to a square as they go unless `columns` is given.

    Args:
        images: (N, H, W, C), C 1 or 3, uint8 or floats. Floats always mean -1 black to 1 white, whatever
            the batch holds, so that two pictures can be compared; values beyond are clipped.
        columns: images per row.
        gap: white pixels between neighbours.
        scale: every pixel becomes `scale` x `scale` pixels.

    Returns:
        uint8 (height, width, C).

    Raises:
        DataError: the images have another shape or dtype, are none, or hold NaN or infinity; or the layout
            is impossible.
    """
    pixels = _pixels(images)
    count, height, width, channels = pixels.shape
    columns = math.ceil(math.sqrt(count)) if columns is None else columns
    if columns < 1 or gap < 0 or scale < 1:
        raise DataError(f"expected columns >= 1, gap >= 0, scale >= 1, got {columns}, {gap}, {scale}; change them")
    rows = math.ceil(count / columns)
    cells = np.full((rows * columns, height + gap, width + gap, channels), 255, np.uint8)
    cells[:count, :height, :width] = pixels
    grid = cells.reshape(rows, columns, height + gap, width + gap, channels).swapaxes(1, 2)
    grid = grid.reshape(rows * (height + gap), columns * (width + gap), channels)
    grid = grid[: grid.shape[0] - gap, : grid.shape[1] - gap]
    return grid.repeat(scale, axis=0).repeat(scale, axis=1)


def save_png(path: str | Path, array: np.ndarray) -> None:
    """Write a uint8 (H, W, C) picture, C 1 or 3, as a PNG file, atomically.

    Raises:
        DataError: the array has another shape or dtype.
        TrainingError: the file cannot be written.
    """
    buffer = io.BytesIO()
    _pil_image(array).save(buffer, format="PNG")
    atomic_write(path, buffer.getbuffer())


def save_image_grid(path: str | Path, images: np.ndarray, columns: int | None = None) -> None:
    """Save `image_grid(images, columns)` as PNG, enlarged to about 800 pixels on its longer side.

    Raises:
        DataError, TrainingError: as `image_grid` and `save_png` do.
    """
    grid = image_grid(images, columns)
    scale = max(1, round(_PICTURE_SIZE / max(grid.shape)))
    save_png(path, grid.repeat(scale, axis=0).repeat(scale, axis=1))


def save_points(
    path: str | Path,
    real: np.ndarray,
    generated: np.ndarray,
    title: str | None = None,
    limits: tuple[float, float] | None = None,
) -> None:
    """Draw points of the plane, generated over real, and save the figure as PNG.

    Args:
        path: the file to write.
        real: (N, 2).
        generated: (M, 2).
        title: a line above the figure.
        limits: (low, high) of both axes; by default all points are in view.

    Raises:
        DataError: an array is not of shape (N, 2).
        TrainingError: the file cannot be written.
    """
    figure, axes = new_figure(width=4.5, height=4.5)
    for points, colour, label in ((real, REAL, "real"), (generated, GENERATED, "generated")):
        points = np.asarray(points)
        if points.ndim != 2 or points.shape[1] != 2:
            raise DataError(f"expected {label} points of shape (N, 2), got {points.shape}; pass two columns")
        axes.scatter(*points.T, s=7, color=colour, alpha=0.55, linewidths=0, label=label)
    axes.set(xlabel="first coordinate", ylabel="second coordinate", title=title or "", aspect="equal")
    if limits is not None:
        axes.set(xlim=limits, ylim=limits)
    for handle in add_legend(axes, columns=2).legend_handles:
        handle.set(alpha=1, sizes=[30])
    save_figure(path, figure)


def loss_curves(path: str | Path, steps: Sequence[float], series: Mapping[str, Sequence[float]]) -> None:
    """Draw each series as a thin line with its moving average on top, and save the figure as PNG.

    The discriminator (or critic) is blue, the generator violet, everything else, such as a penalty, pink.
    Values that are not finite leave no mark.

    Raises:
        DataError: a series has another length than `steps`.
        TrainingError: the file cannot be written.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = new_figure(width=7, height=4)
    steps = np.asarray(steps, dtype=float)
    for name, values in series.items():
        values = np.asarray(values, dtype=float)
        if values.shape != steps.shape:
            raise DataError(f"expected {steps.size} values of '{name}', one a step, got {values.size}")
        finite = np.isfinite(values)
        x, y = steps[finite], values[finite]
        colour = _SERIES_COLOURS.get(name, GRADIENT)
        axes.plot(x, y, color=colour, linewidth=0.6, alpha=0.35)
        marker = "o" if x.size == 1 else None
        axes.plot(x, _smooth(y), color=colour, linewidth=1.8, label=name, marker=marker, zorder=3)
    axes.set(xlabel="step", ylabel="loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.xaxis.set_major_formatter("{x:,.10g}")
    if series:
        add_legend(axes, columns=len(series))
    save_figure(path, figure)


def animation(path: str | Path, frames: Sequence[np.ndarray], milliseconds: int = 100) -> None:
    """Save pictures of one shape, uint8 (H, W, C), as a GIF that loops and rests on its last frame.

    All frames share one small palette: 16 greys, or 64 colours where there is colour.

    Args:
        path: the file to write.
        frames: the pictures in order.
        milliseconds: how long each frame but the last stays, in tens.

    Raises:
        DataError: there are no frames, or one is no picture or of another shape.
        TrainingError: the file cannot be written.
    """
    shapes = {np.shape(frame) for frame in frames}
    if len(shapes) != 1:
        raise DataError(f"expected frames of one shape, got {sorted(shapes) or 'none'}; draw all alike")
    first, *rest = _share_palette([_pil_image(frame) for frame in frames])
    buffer = io.BytesIO()
    first.save(
        buffer,
        format="GIF",
        save_all=True,
        append_images=rest,
        duration=[milliseconds] * len(rest) + [_LAST_FRAME_MILLISECONDS],
        loop=0,
        optimize=True,
    )
    atomic_write(path, buffer.getbuffer())


def text_preview(images: np.ndarray, columns: int = 5) -> str:
    """Draw images, as `image_grid` takes them, with block characters, at most 80 to a line.

    A 28 x 28 image becomes 14 x 7 characters; bright pixels are lit, as on a dark terminal.

    Raises:
        DataError: as `image_grid` does, or more columns are asked for than fit.
    """
    pixels = _pixels(images)
    between = "  "
    most = (_TERMINAL_COLUMNS + len(between)) // (1 + len(between))
    if not 1 <= columns <= most:
        raise DataError(f"expected 1 to {most} columns, got {columns}; choose fewer")
    width = min(14, (_TERMINAL_COLUMNS + len(between)) // columns - len(between))
    pictures = [_characters(image, width) for image in pixels]
    rows = [pictures[start : start + columns] for start in range(0, len(pictures), columns)]
    lines = [[between.join(parts).rstrip() for parts in zip(*row, strict=True)] for row in rows]
    return "\n\n".join("\n".join(row) for row in lines)


def _pixels(images):
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or images.size == 0:
        raise DataError(f"expected images of shape (N, H, W, 1 or 3), got {images.shape}; reshape them")
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise DataError(f"expected images of uint8 or floats in [-1, 1], got {images.dtype}; convert them")
    if not np.isfinite(images).all():
        raise DataError("expected finite images, got NaN or infinity; look at the network that made them")
    return np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8)


def _pil_image(array):
    from PIL import Image

    array = np.asarray(array)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[-1] not in (1, 3) or array.size == 0:
        raise DataError(
            f"expected a uint8 picture of shape (H, W, 1 or 3), got {array.dtype} {array.shape}; image_grid makes one"
        )
    return Image.fromarray(array[..., 0] if array.shape[-1] == 1 else array)


def _share_palette(images):
    from PIL import Image

    if images[0].mode == "L":
        greys = np.rint(np.linspace(0, 255, _GREY_LEVELS)).astype(np.uint8)
        nearest = np.rint(np.arange(256) / 255 * (_GREY_LEVELS - 1)).astype(np.uint8)
        paletted = [Image.fromarray(nearest[np.asarray(image)]) for image in images]
        for image in paletted:
            image.putpalette(greys.repeat(3).tobytes())
        return paletted
    every_frame = Image.fromarray(np.concatenate([np.asarray(image) for image in images]))
    palette = every_frame.quantize(_COLOURS)
    return [image.quantize(palette=palette, dither=Image.Dither.NONE) for image in images]


def _characters(image, width):
    """Draw one uint8 (H, W, C) image as a list of lines `width` characters long."""
    from PIL import Image

    height = max(1, round(width * image.shape[0] / image.shape[1] / 2))
    grey = Image.fromarray(np.rint(image.mean(axis=-1)).astype(np.uint8))
    grey = np.asarray(grey.resize((2 * width, 2 * height), Image.Resampling.BOX)) / 255
    cells = grey.reshape(height, 2, width, 2).swapaxes(1, 2).reshape(height, width, 1, 4)
    distances = np.square(cells - np.array(list(_GLYPHS.values()))).sum(axis=-1)
    glyphs = np.array(list(_GLYPHS))[distances.argmin(axis=-1)]
    return ["".join(line) for line in glyphs]


def _smooth(values):
    """Average each value with its neighbours up to a fortieth of the series away, the near ones most."""
    window = np.hanning(2 * (values.size // 40) + 3)[1:-1]
    if values.size == 0:
        return values
    return np.convolve(values, window, "same") / np.convolve(np.ones_like(values), window, "same")


def new_figure(width: float, height: float) -> tuple:
    """A figure of that many inches and its axes, in the common style, without pyplot."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.92", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def add_legend(axes, columns: int):
    """Put the legend below the axes."""
    return axes.figure.legend(loc="outside lower center", ncols=columns, frameon=False)


def save_figure(path: str | Path, figure) -> None:
    """Save a figure as PNG, atomically."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=_DOTS_PER_INCH)
    atomic_write(path, buffer.getbuffer())
