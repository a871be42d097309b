"""The images inside the package are the published ones."""

import gzip
import hashlib

import numpy as np
import pytest

from minigan.data import embedded, load
from minigan.errors import DataError

PUBLISHED_MD5 = {  # as in the README of Fashion-MNIST
    "t10k-images-idx3-ubyte.gz": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte.gz": "bb300cfdad3c16e7a12a480ee83cd310",
}


@pytest.mark.parametrize("name", PUBLISHED_MD5)
def test_fashion_mnist_is_there_byte_for_byte(name):
    content = (embedded.FILES / name).read_bytes()
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == PUBLISHED_MD5[name]


def test_fashion_has_a_thousand_images_of_each_kind():
    data = load("fashion")
    assert (data.name, len(data), data.shape, data.images.dtype) == ("fashion", 10_000, (28, 28, 1), np.uint8)
    assert np.bincount(data.labels).tolist() == [1000] * 10
    assert data.labels[:10].tolist() == [9, 2, 1, 1, 6, 1, 4, 6, 5, 7]
    raw = gzip.decompress((embedded.FILES / "t10k-images-idx3-ubyte.gz").read_bytes())
    assert data.images.tobytes() == raw[16:]


def test_digits_have_the_counts_and_levels_of_the_test_part():
    data = load("digits")
    assert (data.name, len(data), data.shape, data.images.dtype) == ("digits", 1797, (8, 8, 1), np.uint8)
    assert np.bincount(data.labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.unique(data.images).tolist() == [round(level * 255 / 16) for level in range(17)]
    zero = [0, 0, 5, 13, 9, 1, 0, 0]
    assert data.images[0, 0, :, 0].tolist() == [round(level * 255 / 16) for level in zero]
    assert data.labels[:10].tolist() == list(range(10))


@pytest.mark.parametrize("name", ["fashion", "digits"])
def test_labels_can_be_computed_with(name):
    assert load(name).labels.dtype == np.int64


@pytest.mark.parametrize("name", ["FASHION-MNIST-LICENSE.txt", "DIGITS-LICENSE.txt"])
def test_the_licences_ship_beside_the_files(name):
    text = (embedded.FILES / name).read_text(encoding="utf-8")
    assert "Zalando SE" in text or "CC BY 4.0" in text


@pytest.mark.parametrize("load_set", [embedded.fashion, embedded.digits])
def test_a_damaged_or_missing_file_says_to_install_again(load_set, tmp_path, monkeypatch):
    monkeypatch.setattr(embedded, "FILES", tmp_path)
    with pytest.raises(DataError, match="install minigan again"):
        load_set()
    for name in embedded.SHA256:
        (tmp_path / name).write_bytes(b"damaged")
    with pytest.raises(DataError, match="SHA-256"):
        load_set()
