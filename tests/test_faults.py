"""The list of planted faults must fit the library: `python -m tests.mutation` plants them, this only looks."""

import ast
from pathlib import Path

import pytest
from mutation.faults import FAULTS

ROOT = Path(__file__).parents[1]


def test_there_are_many_different_faults():
    assert len({(fault.file, fault.old, fault.new) for fault in FAULTS}) == len(FAULTS) >= 40


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.what)
def test_each_fault_has_one_place_and_gives_a_program(fault):
    source = (ROOT / fault.file).read_text(encoding="utf-8")
    assert source.count(fault.old) == 1
    mutated = ast.parse(source.replace(fault.old, fault.new))
    assert ast.dump(mutated) != ast.dump(ast.parse(source))
