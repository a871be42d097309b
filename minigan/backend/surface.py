"""What CuPy offers: every name, its parameters, the methods of its ufuncs.

The `strict` device allows exactly this. The answer is kept in `cupy_surface.json`; it comes from an installed
CuPy, for which no GPU is needed:

    python -m minigan.backend.surface > minigan/backend/cupy_surface.json
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

NAMESPACES = ("cupy", "cupy.fft", "cupy.lib.stride_tricks", "cupy.linalg")
ARRAYS_TAKEN = {"at": 3, "reduce": 1, "accumulate": 1, "reduceat": 2}  # by the methods of a ufunc

Surface = dict[str, Any]


class Entry(NamedTuple):
    """One public name: its kind and, for a function, the parameters or, for a ufunc, the methods."""

    kind: str
    words: tuple[str, ...]


def read_surface() -> tuple[str, dict[str, dict[str, Entry]]]:
    """The committed surface: CuPy's version, and the entries of each namespace and class."""
    sections = json.loads(Path(__file__).with_name("cupy_surface.json").read_text())
    version = sections.pop("version")
    return version, {title: {name: _parse(text) for name, text in body.items()} for title, body in sections.items()}


def inspect_cupy() -> Surface:
    """The surface of the installed CuPy, in the form of the JSON file."""
    cupy = importlib.import_module("cupy")
    surface: Surface = {name: _describe_namespace(cupy, importlib.import_module(name)) for name in NAMESPACES}
    surface["cupy.ndarray"] = _describe_class(cupy.ndarray, _documented_parameters)
    surface["cupy.random.Generator"] = _describe_class(cupy.random.Generator, _parameters)
    surface["version"] = cupy.__version__
    return surface


def to_json(surface: Surface) -> str:
    """One line a section, sorted, so that a new CuPy gives a readable difference."""
    lines = (f"{json.dumps(title)}: {json.dumps(surface[title], sort_keys=True)}" for title in sorted(surface))
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _parse(text: str) -> Entry:
    kind, *words = text.split()
    return Entry(kind, tuple(words))


def _describe_namespace(cupy: ModuleType, module: ModuleType) -> dict[str, str]:
    found = {name: _describe(cupy, getattr(module, name)) for name in dir(module) if not name.startswith("_")}
    return {name: text for name, text in found.items() if text}


def _describe(cupy: ModuleType, thing: Any) -> str | None:
    """The text of one entry; None for what `strict` leaves out (modules, CuPy's own classes)."""
    if isinstance(thing, cupy.ufunc):
        return " ".join(["ufunc", *(method for method in ARRAYS_TAKEN if _has_method(thing, method))])
    if thing is None or isinstance(thing, float):
        return "value"
    if isinstance(thing, type):
        return "value" if thing.__module__ == "numpy" else None
    return " ".join(["function", *_parameters(thing)]) if callable(thing) else None


def _describe_class(kind: type, parameters: Any) -> dict[str, str]:
    described = {}
    for name in dir(kind):
        member = getattr(kind, name)
        if not name.startswith("_"):
            described[name] = " ".join(["method", *parameters(member)]) if callable(member) else "attribute"
    return described


def _parameters(function: Any) -> list[str]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # compiled without a signature: anything goes
        return ["*args", "**kwargs"]
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return [stars.get(each.kind, "") + each.name for each in parameters if each.name != "self"]


def _documented_parameters(method: Any) -> list[str]:
    """Parameters of a compiled method, whose signature stands only in the first line of its docstring."""
    signature = re.match(r"[\w.]+\((.*)\)", method.__doc__ or "")
    if not signature:
        return ["*args", "**kwargs"]
    declared = [part.partition("=")[0].split()[-1] for part in signature[1].split(",")]
    return [name for name in declared if name not in ("self", "*")]


class _AnyArray:
    """Has every method, and each accepts anything."""

    def __getattr__(self, name: str) -> Any:
        return lambda *args, **kwargs: None


def _has_method(ufunc: Any, method: str) -> bool:
    """Whether CuPy implements a ufunc's method: most exist only to raise NotImplementedError."""
    if method == "at":
        return ufunc._scatter_op is not None
    try:
        getattr(ufunc, method)(*[_AnyArray()] * ARRAYS_TAKEN[method])
    except NotImplementedError:
        return False
    return True


if __name__ == "__main__":
    print(to_json(inspect_cupy()), end="")
