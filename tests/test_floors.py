"""The house has floors: a module imports only from floors below its own."""

import ast
from pathlib import Path

import minigan

ROOT = Path(minigan.__file__).parent
FLOORS = [
    {"errors", "files", "backend"},
    {"autograd"},
    {"ops"},
    {"nn", "optim"},
    {"gan"},
    {"data", "models", "metrics"},
    {"training", "plotting", "checks", "book"},
    {"cli"},
    {"__init__", "__main__"},
]
NEIGHBOURS = {("optim", "nn"), ("files", "errors"), ("backend", "errors")}
NEIGHBOURS |= {("training", "plotting"), ("checks", "plotting")}


def floor(package):
    return next(i for i, packages in enumerate(FLOORS) if package in packages)


def imports(path):
    """The packages of minigan that a file imports from, at any depth of the code."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module == "minigan":
            yield from (alias.name if alias.name != "__version__" else "errors" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("minigan."):
            yield node.module.split(".")[1]


def test_imports_go_downward_only():
    seen = set()
    for path in ROOT.rglob("*.py"):
        own = path.relative_to(ROOT).parts[0].removesuffix(".py")
        for package in imports(path):
            seen.add(package)
            allowed = package == own or floor(package) < floor(own) or (own, package) in NEIGHBOURS
            assert allowed, f"{path.relative_to(ROOT)} (floor {floor(own)}) imports {package} (floor {floor(package)})"
    assert {"backend", "autograd", "ops", "nn", "gan", "data", "training"} <= seen


def test_every_package_has_a_floor():
    packages = {p.name.removesuffix(".py") for p in ROOT.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()}
    assert packages == set().union(*FLOORS)


def test_one_subject_a_file():
    for path in ROOT.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, f"{path.relative_to(ROOT)} is longer than 300 lines"
