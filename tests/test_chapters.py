"""Every chapter runs, from any folder, and its own assertions hold."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CHAPTERS = sorted((Path(__file__).parent.parent / "chapters").glob("[0-9][0-9]_*.py"))


def test_there_are_chapters():
    assert CHAPTERS


@pytest.mark.parametrize("chapter", CHAPTERS, ids=lambda path: path.stem)
def test_a_chapter_runs_and_its_claims_hold(chapter, tmp_path):
    environment = os.environ | {"MINIGAN_FAST": "1", "MPLBACKEND": "Agg", "PYTHONWARNINGS": "error"}
    run = subprocess.run([sys.executable, chapter], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert not any(tmp_path.iterdir()), "a chapter writes into chapters/figures only"
