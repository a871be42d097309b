"""The check of a reader's exercises: the same functions as in the solutions, on the same inputs, give the same.

`chapters/solutions/NN.py` holds the functions, solved, and `INPUTS = {"function": lambda rng: (argument, ...)}`:
arguments, of random sizes too, drawn from a NumPy generator. Hypothesis draws the seeds.
"""

import contextlib
import dataclasses
import inspect
import os
import sys
import traceback
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from minigan.book.compare import Mismatch, arrays, difference
from minigan.errors import MiniganError

_EXAMPLES = 100
_LONGEST = 160
_UNWRITTEN = "not written yet"


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What the check says about one function: "exactly", "approximately" or "not", and why."""

    name: str
    word: str
    detail: str = ""


def check(exercises: Path, solutions: Path) -> list[Verdict]:
    """Compare every function that the solutions draw inputs for with the reader's.

    Raises:
        MiniganError: hypothesis is not installed, or the reader's file is missing or cannot be run.
    """
    solved, written = load(solutions), load(exercises)
    return [_judge(name, solved[name], written.get(name), draw, exercises) for name, draw in solved["INPUTS"].items()]


def load(path: Path) -> dict[str, Any]:
    """Run a file and return its names. What it prints is not shown.

    Raises:
        MiniganError: it is missing, is no Python, or raises an error; with the line.
    """
    try:
        # Compiled afresh every time: the cache of a module would miss a change within the same second.
        code = compile(path.read_text(encoding="utf-8"), path, "exec")
    except OSError as error:
        raise MiniganError(f"cannot read {path}: {error.strerror}; check the path") from error
    except SyntaxError as error:
        raise MiniganError(f"{path}, line {error.lineno}: {error.msg}; mend it and check again") from error
    except ValueError as error:
        raise MiniganError(f"{path} is no Python: {error}; check the path") from error
    module = types.ModuleType(f"{path.parent.name}_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # where dataclasses look for their own module
    try:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            exec(code, vars(module))
    except (Exception, SystemExit) as error:
        raise MiniganError(f"{path} cannot be run: it {_raised(error, path)}; mend it and check again") from error
    return vars(module)


def _judge(name, solution, attempt, draw, path) -> Verdict:
    if not callable(attempt):
        return Verdict(name, "not", f"there is no function {name} in {path}")
    largest, failures = 0.0, []

    def compare(seed):
        nonlocal largest
        try:
            error, rounding = _difference(solution, attempt, lambda: draw(np.random.default_rng(seed)))
            largest = max(largest, error)
            failure = None if rounding else f"largest difference {error:.2g}"
        except Mismatch as mismatch:
            failure = str(mismatch)
        except _Raised as raised:
            failure = _raised(raised.error, path)
        if failure is not None:
            failures.append((*_size(draw(np.random.default_rng(seed))), seed, failure))

    _for_many_seeds(compare)
    if failures:
        *_, seed, failure = min(failures)
        if failure == _UNWRITTEN:
            return Verdict(name, "not", failure)
        arguments = _describe_arguments(solution, draw(np.random.default_rng(seed)))
        return Verdict(name, "not", f"{failure}\nwith {arguments} (seed {seed})")
    return Verdict(name, "approximately", f"largest difference {largest:.2g}") if largest else Verdict(name, "exactly")


class _Raised(Exception):  # noqa: N818 - carries an error
    """An error of the reader's function, told apart from one of the solution."""

    def __init__(self, error):
        self.error = error


def _difference(solution, attempt, draw):
    """Compare what two functions return, and what they do to their arguments."""
    arguments, own = draw(), draw()
    expected = solution(*arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            got = attempt(*own)
    except (Exception, SystemExit) as error:
        raise _Raised(error) from error
    error, rounding = difference(expected, got)
    try:
        changed, same = difference(arrays(arguments), arrays(own))
    except Mismatch as mismatch:
        raise Mismatch("an argument is left in another shape") from mismatch
    if not same:
        raise Mismatch("the arguments are left with other values")
    return max(error, changed), rounding


def _for_many_seeds(visit: Callable[[int], None]) -> None:
    try:
        import hypothesis
    except ImportError as error:
        raise MiniganError("the check of exercises needs hypothesis: pip install hypothesis") from error
    quiet = {"deadline": None, "database": None, "suppress_health_check": list(hypothesis.HealthCheck)}

    @hypothesis.settings(max_examples=_EXAMPLES, derandomize=True, **quiet)
    @hypothesis.given(hypothesis.strategies.integers(0, 2**32 - 1))
    def many(seed):
        visit(seed)

    many()


def _size(arguments):
    """How much there is to look at in an input: first the number of numbers, then how large they are."""
    values = arrays(arguments)
    return sum(value.size for value in values), float(sum(np.abs(value).sum() for value in values))


def _raised(error, path):
    if isinstance(error, NotImplementedError):
        return _UNWRITTEN
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_code.co_filename == str(path)]
    place = f" (line {lines[-1]})" if lines else ""
    return _one_line(f"raises {type(error).__name__}: {error}") + place


def _describe_arguments(solution, arguments):
    names = inspect.signature(solution).parameters
    return ", ".join(f"{name} = {_describe(value)}" for name, value in zip(names, arguments, strict=False))


def _describe(value):
    if isinstance(value, np.ndarray) and value.size > 6:
        return f"an array of shape {value.shape}"
    if isinstance(value, np.ndarray):
        return _one_line(np.array2string(value, precision=4, separator=", "))
    if isinstance(value, float):
        return f"{value:.4g}"
    return value.__name__ if callable(value) and hasattr(value, "__name__") else _one_line(repr(value))


def _one_line(text):
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."
