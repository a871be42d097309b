"""Every chapter runs, alone and from any folder, and keeps what it claims; its exercises can be solved and failed."""

import ast
import contextlib
import functools
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import minigan
from minigan.book.compare import arrays
from minigan.book.contents import cells, read
from minigan.book.exercises import check, load

FOLDER = Path(__file__).parent.parent / "chapters"
CHAPTERS = [read(path) for path in sorted(FOLDER.glob("[0-9][0-9]_*.py"))]
FAST = os.environ | {"MINIGAN_FAST": "1", "MPLBACKEND": "Agg", "PYTHONWARNINGS": "error"}
FAST |= {"PYTHONPATH": str(Path(minigan.__file__).parents[1])}
every_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda chapter: chapter.path.stem)


def text_of(chapter):
    return chapter.path.read_text(encoding="utf-8")


@functools.cache
def names_in(path):
    """The names in a file of exercises or solutions, which is run once, in a folder that it leaves empty."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        names = load(path)
        assert not any(Path(folder).iterdir())
    return names


def test_there_are_chapters_and_each_has_a_number_of_its_own():
    numbers = [chapter.number for chapter in CHAPTERS]
    assert numbers
    assert len(set(numbers)) == len(numbers)


# --- running


@every_chapter
def test_a_chapter_runs_cell_by_cell_and_its_claims_hold(chapter, tmp_path):
    """Far from the package and the other chapters, so that it needs nothing beside itself."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copy = shutil.copy(chapter.path, tmp_path)
    line = [sys.executable, Path(__file__).parent / "run_cells.py", copy]
    run = subprocess.run(line, cwd=elsewhere, env=FAST, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stderr == ""
    assert run.stdout
    assert not any(elsewhere.iterdir()), "a chapter writes into chapters/figures only"
    figures = list((tmp_path / "figures").iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"elsewhere", "figures", chapter.path.name}
    assert figures
    for figure in figures:
        assert figure.name.startswith(f"{chapter.number:02}_")
        with Image.open(figure) as image:
            assert 600 <= image.width <= 2400, f"{figure.name} is {image.width} pixels wide"


@every_chapter
def test_a_chapter_asserts_its_claims(chapter):
    code = ast.parse(text_of(chapter))
    asserted = [node for node in ast.walk(code) if isinstance(node, ast.Assert)]
    assert asserted or "np.testing.assert" in text_of(chapter)


# --- form


@every_chapter
def test_a_chapter_says_what_to_expect(chapter):
    for field in (chapter.title, chapter.sight, chapter.time, chapter.expect, chapter.needs):
        assert field
    for shown_in_a_terminal in (chapter.title, chapter.sentence, chapter.time):
        assert "$" not in shown_in_a_terminal
    assert not chapter.title.endswith(".")
    assert chapter.sentence.endswith(".")
    assert len(chapter.sentence) < 250


@every_chapter
def test_a_chapter_is_short(chapter):
    lines = text_of(chapter).splitlines()
    assert len(lines) <= 200, f"{chapter.path.name} has {len(lines)} lines"


@every_chapter
def test_a_chapter_is_in_percent_format(chapter):
    text = text_of(chapter)
    assert text.startswith("# %% [markdown]\n# # ")
    assert set(re.findall(r"^#+ ?%+.*", text, flags=re.MULTILINE)) <= {"# %%", "# %% [markdown]"}
    ast.parse(text)
    for kind, source in cells(text):
        assert source.strip(), "an empty cell"
        if kind == "code":
            ast.parse(source)
    for comment in re.findall(r"^# %% \[markdown\]\n(.*?)(?=^# %%|\Z)", text, flags=re.MULTILINE | re.DOTALL):
        assert re.fullmatch(r"(#( .*)?\n)*\n{0,2}", comment), f"not only comments:\n{comment}"


@every_chapter
def test_a_chapter_ends_with_exercises_and_with_what_is_not_known(chapter):
    kind, last = cells(text_of(chapter))[-1]
    assert kind == "markdown"
    exercises = re.search(r"## Exercises\n(.*)## What is (?:still )?not known\n\n.", last, flags=re.DOTALL)
    assert exercises
    numbers = re.findall(r"^(\d)\. \*", exercises[1], flags=re.MULTILINE)
    assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
    assert 3 <= len(numbers) <= 5


# --- exercises


@pytest.fixture
def loaded_once(monkeypatch):
    """`check` takes the names that are loaded already: to run the solutions takes longer than to compare them."""
    monkeypatch.setattr("minigan.book.exercises.load", names_in)


@every_chapter
def test_the_solutions_are_right(chapter, loaded_once):
    assert "\nprint(" in chapter.solutions.read_text(encoding="utf-8"), "it should say what was checked"
    verdicts = check(chapter.solutions, chapter.solutions)
    assert verdicts
    assert {verdict.word for verdict in verdicts} == {"exactly"}


@every_chapter
def test_every_stub_fails(chapter, loaded_once):
    for verdict in check(chapter.exercises, chapter.solutions):
        assert verdict.word == "not", f"{verdict.name} passes before it is written"
        assert "there is no function" not in verdict.detail
        assert "TypeError" not in verdict.detail, verdict.detail


@every_chapter
def test_every_exercise_says_what_to_write(chapter):
    names = names_in(chapter.exercises)
    for name in names_in(chapter.solutions)["INPUTS"]:
        assert names[name].__doc__, f"{chapter.exercises}: {name} has no docstring"


@every_chapter
def test_the_inputs_of_an_exercise_vary(chapter):
    for name, draw in names_in(chapter.solutions)["INPUTS"].items():
        drawn = [arrays(draw(np.random.default_rng(seed))) for seed in range(4)]
        assert len({tuple((array.shape, float(np.abs(array).sum())) for array in found) for found in drawn}) > 1, name
