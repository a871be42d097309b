"""Matrix products beyond the ordinary two: one matrix with each of a stack, results written in place, column sums."""

import numpy as np
import pytest
from helpers import drawing
from hypothesis import given
from hypothesis import strategies as st

from minigan.backend import (
    array_namespace,
    column_sums,
    in_cache,
    keep_freed_memory,
    matmul,
    memory,
    to_device,
    to_host,
)

sizes = st.integers(1, 4)


def normal(shape, device, seed=0):
    return to_device(np.random.default_rng([seed, *shape]).standard_normal(shape), device)


@drawing(20)
@given(batch=sizes, n=sizes, k=sizes, m=sizes)
def test_one_matrix_times_each_of_a_stack(device, batch, n, k, m):
    a, b = normal((n, k), device), normal((batch, k, m), device)
    expected = np.einsum("ij,bjk->bik", to_host(a), to_host(b))
    np.testing.assert_allclose(to_host(matmul(a, b)), expected, rtol=1e-13, atol=1e-13)


@drawing(20)
@given(batch=sizes, n=sizes, k=sizes, m=sizes)
def test_a_product_can_be_written_into_a_transposed_view(device, batch, n, k, m):
    a, b = normal((batch, n, k), device), normal((batch, k, m), device, 1)
    out = array_namespace(a).empty((n, batch, m), dtype=a.dtype)
    matmul(a, b, out=out.transpose(1, 0, 2))
    expected = np.einsum("bij,bjk->ibk", to_host(a), to_host(b))
    np.testing.assert_allclose(to_host(out), expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize(
    ("a", "b"), [((2, 3), (4, 5, 3)), ((2, 2, 3), (3, 3, 4)), ((3,), (2, 3, 4)), ((1, 2, 2, 3), (2, 3, 4))]
)
def test_stacks_that_do_not_fit_are_refused(a, b, device):
    with pytest.raises(ValueError, match=r"matmul: (cannot multiply|expected)"):
        matmul(normal(a, device), normal(b, device))


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
