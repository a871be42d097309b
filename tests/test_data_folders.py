"""Folders of image files: what goes in comes out, and what is wrong is named."""

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from minigan.data import load
from minigan.errors import DataError

RNG = np.random.default_rng(0)
GREY = RNG.integers(256, size=(3, 5, 4, 1), dtype=np.uint8)
COLOUR = RNG.integers(256, size=(3, 5, 4, 3), dtype=np.uint8)


def save(folder, images, suffix="png"):
    for number, image in enumerate(images):
        Image.fromarray(image.squeeze(axis=2) if image.shape[2] == 1 else image).save(
            folder / f"image{number}.{suffix}"
        )


@drawing(25)
@given(
    images=hnp.arrays(np.uint8, st.tuples(st.just(2), st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3])))
)
def test_png_images_come_back(tmp_path, images):
    save(tmp_path, images)
    data = load(str(tmp_path))
    assert data.shape[2] in (1, images.shape[3])
    np.testing.assert_array_equal(np.broadcast_to(data.images, images.shape), images)


@pytest.mark.parametrize("images", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("suffix", ["png", "bmp", "PNG"])
def test_grey_keeps_one_channel_and_colour_three(tmp_path, images, suffix):
    save(tmp_path, images, suffix)
    data = load(tmp_path)
    np.testing.assert_array_equal(data.images, images)
    assert (data.name, data.labels) == (tmp_path.name, None)
    assert "3 images" in data.source


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "gif", "webp"])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_file_is_read(tmp_path, suffix, channels):
    ramp = np.linspace(0, 255, 16 * 16).reshape(16, 16, 1).astype(np.uint8)
    image = ramp if channels == 1 else np.concatenate([ramp, ramp, ramp // 2], axis=2)
    save(tmp_path, [image, image], suffix)
    data = load(tmp_path)
    assert data.images.shape[:3] == (2, 16, 16)
    assert np.abs(data.images[0].astype(int) - image).mean() < 6
    assert channels == 1 or data.shape[2] == 3


def test_one_coloured_image_makes_all_coloured(tmp_path):
    save(tmp_path, [GREY[0], COLOUR[1], GREY[2]])
    data = load(tmp_path)
    expected = np.stack([GREY[0].repeat(3, axis=2), COLOUR[1], GREY[2].repeat(3, axis=2)])
    np.testing.assert_array_equal(data.images, expected)


def test_images_come_in_the_order_of_their_names(tmp_path):
    for name, level in [("c", 3), ("a", 1), ("b", 2)]:
        Image.new("L", (2, 2), level).save(tmp_path / f"{name}.png")
    assert load(tmp_path).images[:, 0, 0, 0].tolist() == [1, 2, 3]


def test_transparent_parts_become_white(tmp_path):
    clear_black = np.zeros((1, 2, 4), np.uint8)
    clear_black[0, 1] = [10, 20, 30, 255]
    for name in "ab":
        Image.fromarray(clear_black).save(tmp_path / f"{name}.png")
    assert load(tmp_path).images[0].tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_other_files_are_passed_over(tmp_path):
    save(tmp_path, GREY)
    for name in (".DS_Store", "._image0.png", "notes.txt", "labels.csv"):
        (tmp_path / name).write_bytes(b"not an image")
    (tmp_path / "folder.png").mkdir()
    np.testing.assert_array_equal(load(tmp_path).images, GREY)


def test_mixed_sizes_name_both_files_and_sizes(tmp_path):
    save(tmp_path, [GREY[0], GREY[1], GREY[2][:4]])
    with pytest.raises(DataError, match=r"image0\.png is 4 x 5 and .*image2\.png is 4 x 4: crop or resize"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"not an image", b"\x89PNG\r\n\x1a\n" + b"\0" * 40])
def test_a_broken_image_is_named(tmp_path, content):
    save(tmp_path, GREY)
    (tmp_path / "zz-broken.png").write_bytes(content)
    with pytest.raises(DataError, match=r"zz-broken\.png: not a readable image"):
        load(tmp_path)


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "webp", "bmp"])
def test_a_damaged_image_gives_images_or_a_data_error(tmp_path, suffix):
    save(tmp_path, np.repeat(COLOUR[:2], 4, axis=1), suffix)
    path = tmp_path / f"image1.{suffix}"
    content = path.read_bytes()
    messages = []
    for _ in range(60):
        damaged = bytearray(content[: RNG.integers(len(content) // 2, len(content))])
        damaged[RNG.integers(len(damaged))] ^= RNG.integers(1, 256)
        path.write_bytes(bytes(damaged))
        try:
            load(tmp_path)
        except DataError as error:
            messages.append(str(error))
    assert messages
    assert all(f"image1.{suffix}" in message for message in messages)


def test_sixteen_bits_a_channel_are_refused_rather_than_clipped(tmp_path):
    for name in "ab":
        Image.fromarray(np.full((2, 2), 40_000, np.uint16)).save(tmp_path / f"{name}.png")
    with pytest.raises(DataError, match="8 bits a channel"):
        load(tmp_path)


def test_a_folder_without_images_names_what_is_accepted(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(DataError, match=r"\.bmp, \.gif, \.jpeg, \.jpg, \.png, \.webp"):
        load(tmp_path)
