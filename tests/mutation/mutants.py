"""Which mutants there are: every place where one of cosmic-ray's operators can change a file."""

from __future__ import annotations

import ast
import difflib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator


@dataclass(frozen=True)
class Mutant:
    """One changed file."""

    file: str
    line: int
    old: str
    new: str
    source: str

    @property
    def key(self) -> str:
        """Changes with the file, so that a result never outlives the code it is about."""
        return hashlib.sha256(f"{self.file}\n{self.source}".encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.old}  ->  {self.new}"


def mutants_of(file: str, source: str, operators: list[str]) -> list[Mutant]:
    """All mutants of a file that differ from it, and from each other, in more than annotations."""
    seen = {_meaning(source)}
    found = []
    for mutated in _variants(source, operators):
        meaning = _meaning(mutated)
        if meaning is not None and meaning not in seen:
            seen.add(meaning)
            found.append(_mutant(file, source, mutated))
    return sorted(found, key=lambda mutant: mutant.line)


def _variants(source: str, operators: list[str]) -> Iterator[str]:
    tree = list(ast_nodes(get_ast(source)))
    for name in operators:
        operator = get_operator(name)()
        for occurrence in range(sum(len(list(operator.mutation_positions(node))) for node in tree)):
            yield mutate_code(source, operator, occurrence)


def _meaning(source: str) -> str | None:
    """The syntax tree without annotations and docstrings, which nothing evaluates; None for what is no program."""
    try:
        return ast.dump(_Bare().visit(ast.parse(source)))
    except SyntaxError:
        return None


class _Bare(ast.NodeTransformer):
    """Drops annotations: under `from __future__ import annotations` they are never evaluated."""

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_arguments(self, node: ast.arguments) -> ast.arguments:
        # A bare `*` among the parameters is no product, though it is taken for one and replaced by `/`.
        node.posonlyargs, node.args = [], node.posonlyargs + node.args
        node.args, node.kwonlyargs = node.args + node.kwonlyargs, []
        node.defaults, node.kw_defaults = node.defaults + [value for value in node.kw_defaults if value], []
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        node.returns = None
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AnnAssign:
        node.annotation = ast.Constant(None)
        return self.generic_visit(node)


def _mutant(file: str, source: str, mutated: str) -> Mutant:
    before, after = source.splitlines(), mutated.splitlines()
    changes = difflib.SequenceMatcher(None, before, after, autojunk=False).get_opcodes()
    _, a, b, c, d = next(change for change in changes if change[0] != "equal")
    old, new = (" ".join(line.strip() for line in lines).strip() for lines in (before[a:b], after[c:d]))
    return Mutant(file, a + 1, old, new, mutated)
