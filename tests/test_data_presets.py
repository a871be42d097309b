"""Names and paths: what `load` takes for what."""

import numpy as np
import pytest

from minigan.data import PRESETS, ImageData, PointData, embedded, load
from minigan.errors import DataError


def test_the_presets_are_these():
    names = ["fashion", "digits", "fashion-full", "mnist", "ring", "grid", "swiss_roll", "moons"]
    assert list(PRESETS) == names


@pytest.mark.parametrize("name", ["ring", "grid", "swiss_roll", "moons"])
def test_points_are_loaded_by_name(name):
    data = load(name)
    assert isinstance(data, PointData)
    assert data.name == name


def test_fashion_is_always_the_embedded_set(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIGAN_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name in embedded.SHA256:
        (tmp_path / name.replace("t10k", "train")).write_bytes((embedded.FILES / name).read_bytes())
    data = load("fashion")
    assert isinstance(data, ImageData)
    assert len(data) == 10_000


@pytest.mark.parametrize(
    ("name", "guess"), [("fashoin", "fashion"), ("fashion_full", "fashion-full"), ("swissroll", "swiss_roll")]
)
def test_a_misspelt_name_is_guessed(name, guess):
    with pytest.raises(DataError, match=rf"Did you mean {guess}\?"):
        load(name)


def test_a_missing_path_names_itself_and_the_presets(tmp_path):
    with pytest.raises(DataError) as caught:
        load(tmp_path / "absent")
    assert "absent" in str(caught.value)
    assert "Did you mean" not in str(caught.value)
    assert all(name in str(caught.value) for name in PRESETS)


def test_a_path_may_be_called_like_a_preset(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.save("moons.npy", np.zeros((3, 2, 2), np.uint8))
    (tmp_path / "moons.npy").rename("ring.npy")
    (tmp_path / "ring").mkdir()
    assert isinstance(load("ring"), PointData)
    with pytest.raises(DataError, match="expected images"):
        load("./ring/")


def test_a_path_that_cannot_be_read_is_a_data_error(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("minigan.data.presets.load_folder", refuse)
    with pytest.raises(DataError, match="Permission denied"):
        load(tmp_path)
