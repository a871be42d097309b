"""The table of checks: which there are, running them, and a line of text for each."""

from __future__ import annotations

import difflib
import inspect
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from minigan import nn
from minigan.autograd import registry
from minigan.autograd.gradcheck import GradcheckError, errors_by_order
from minigan.backend import Device, get_device
from minigan.checks.case import Case
from minigan.checks.networks import layer_cases, loss_cases, penalty_cases
from minigan.checks.ops import op_cases
from minigan.errors import UsageError
from minigan.gan import losses, penalties


@dataclass(frozen=True)
class Row:
    """What one check found: the worst relative error at each order that passed, and what failed, if anything."""

    group: str
    name: str
    device: str
    errors: tuple[float, ...]
    seconds: float
    failure: str | None = None


def run_checks(order: int = 3, device: str | Device = "cpu", only: Sequence[str] | None = None) -> list[Row]:
    """Check every op, layer, loss and penalty up to an order of differentiation.

    Args:
        order: the highest order.
        device: where to compute.
        only: names of ops, layers, losses, penalties or groups ("op", "layer", ...); by default all.

    Raises UsageError for an unknown name and for an order below 1. A failing check is a row, not an error.
    """
    return [check(case, order, device) for case in select(only)]


def check(case: Case, order: int = 3, device: str | Device = "cpu") -> Row:
    """Run one check. Its failure ends up in the row, so that the next checks run all the same."""
    if order < 1:
        raise UsageError(f"expected an order of at least 1, got {order}")
    device, errors, failure, start = get_device(device), [], None, time.perf_counter()
    try:
        with device.use():
            f, inputs = case.build(device)
            errors.extend(errors_by_order(f, inputs, order))
    except GradcheckError as error:
        failure = str(error)
    except Exception as error:  # a rule may be so wrong that it cannot be computed
        failure = ": ".join([type(error).__name__, str(error), *getattr(error, "__notes__", ())])
    return Row(case.group, case.name, device.name, tuple(errors), time.perf_counter() - start, failure)


def select(only: Sequence[str] | None = None) -> list[Case]:
    """The checks of these names: of a subject ("BatchNorm"), a group ("layer"), or one alone; by default all.

    Raises UsageError, with the nearest known name, for a name that does not exist.
    """
    cases = [*op_cases(), *layer_cases(), *loss_cases(), *penalty_cases()]
    if not only:
        return cases
    known = {name for case in cases for name in _names(case)}
    for name in only:
        if name not in known:
            raise UsageError(f"expected the name of an op, layer, loss or penalty, got {name!r}.{_guess(name, known)}")
    return [case for case in cases if not _names(case).isdisjoint(only)]


def without_case() -> list[str]:
    """The ops, layers, losses and penalties that no check covers: none, unless something was added without one."""
    layers = [name for name, thing in vars(nn).items() if inspect.isclass(thing) and issubclass(thing, nn.Module)]
    layers.remove("Module")
    subjects = {(case.group, case.subject) for case in select()}
    there = {"op": registry, "layer": layers, "loss": losses, "penalty": penalties}
    return [f"{group} {name}" for group, names in there.items() for name in names if (group, name) not in subjects]


def widths(cases: Iterable[Case]) -> tuple[int, int]:
    """Widths of the columns of groups and names."""
    cases = list(cases)
    return max(len(case.group) for case in cases), max(len(case.name) for case in cases)


def header(columns: tuple[int, int], order: int) -> str:
    """The titles over the lines."""
    orders = "".join(f"{f'order {n}':>10}" for n in range(1, order + 1))
    return f"{'':<{columns[0]}}  {'':<{columns[1]}}{orders}   device"


def line(row: Row, columns: tuple[int, int], order: int) -> str:
    """One row of the table and, under it, what failed."""
    shown = [f"{error:.1e}" for error in row.errors]
    shown += ["FAIL" if row.failure else ""] * (order > len(shown))
    shown += [""] * (order - len(shown))
    errors = "".join(f"{text:>10}" for text in shown)
    text = f"{row.group:<{columns[0]}}  {row.name:<{columns[1]}}{errors}   {row.device}"
    return text if row.failure is None else f"{text}\n{'':<{columns[0]}}  {row.failure}"


def conclusion(rows: Sequence[Row]) -> str:
    """How many checks there were, how many failed, and the worst error of all."""
    failed = sum(row.failure is not None for row in rows)
    count = f"{len(rows)} checks" if len(rows) != 1 else "1 check"
    verdict = f"{failed} failed" if failed else "all passed"
    passed = [(error, row.name, n) for row in rows for n, error in enumerate(row.errors, start=1)]
    if not passed:
        return f"{count}, {verdict}"
    error, name, n = max(passed)
    return f"{count}, {verdict}; worst relative error {error:.1e} ({name}, order {n})"


def _names(case: Case) -> set[str]:
    return {case.group, case.subject, case.name}


def _guess(name: str, known: Iterable[str]) -> str:
    alike = {each.lower(): each for each in sorted(known)}
    similar = difflib.get_close_matches(name.lower(), alike, n=1)
    return f" Did you mean {alike[similar[0]]}?" if similar else ""
