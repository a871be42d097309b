"""Column sums, pieces that stay in the cache, and memory that is kept."""

import numpy as np
import pytest

from minigan.backend import (
    column_sums,
    in_cache,
    keep_freed_memory,
    memory,
    to_device,
    to_host,
)


def normal(shape, device, seed=0):
    return to_device(np.random.default_rng([seed, *shape]).standard_normal(shape), device)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_column_sums(dtype, device):
    x = normal((7, 3), device).astype(dtype)
    y = column_sums(x)
    assert (y.shape, y.dtype) == ((3,), dtype)
    np.testing.assert_allclose(to_host(y), to_host(x).sum(axis=0), rtol=1e-6)


@pytest.mark.parametrize("size", [0, 1, 5, 6, 13])
def test_pieces_cover_an_array_once_and_in_order(size, monkeypatch):
    monkeypatch.setattr(memory, "CACHED", 5)
    x = np.arange(size)
    pieces = [x[part] for part in in_cache(x)]
    np.testing.assert_array_equal(np.concatenate([*pieces, []]), x)
    assert all(len(piece) <= 5 for piece in pieces)
    assert len(pieces) == -(-size // 5)


def test_a_device_takes_an_array_as_a_whole(monkeypatch):
    monkeypatch.setattr(memory, "CACHED", 5)
    x = to_device(np.arange(13), "strict")
    assert [len(x[part]) for part in in_cache(x)] == [13]
    assert not list(in_cache(x[:0]))


def test_a_system_without_mallopt_is_left_as_it_is(monkeypatch):
    keep = keep_freed_memory.__wrapped__
    for library in (lambda name: object(), lambda name: (_ for _ in ()).throw(OSError), lambda name: int("x", None)):
        monkeypatch.setattr(memory.ctypes, "CDLL", library)
        assert keep() is False


def test_the_system_is_told_to_keep_memory(monkeypatch):
    told = []

    class Library:
        @staticmethod
        def mallopt(parameter, value):
            told.append((parameter, value))
            return 1

    monkeypatch.setattr(memory.ctypes, "CDLL", lambda name: Library)
    assert keep_freed_memory.__wrapped__() is True
    assert told == [(-3, 2**30), (-1, 2**31 - 1)]
