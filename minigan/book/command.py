"""`minigan chapters`: the book on the command line."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

from minigan.errors import MiniganError

_FAILURE = 1
_WIDTH = 100


def add_parser(commands: argparse._SubParsersAction) -> None:
    """Add `chapters`, with `run` and `check` below it, to the commands of `minigan`."""
    parser = commands.add_parser(
        "chapters",
        help="read the book: list its chapters, run one, check your exercises",
        description="Without more: list the chapters, with what each shows and how long it takes.",
    )
    parser.set_defaults(command=_list)
    actions = parser.add_subparsers(title="actions")
    run = actions.add_parser("run", help="run a chapter", description="Run a chapter; its figures go into figures/.")
    run.add_argument("number", type=int)
    run.set_defaults(command=_run)
    check = actions.add_parser(
        "check",
        help="check your solutions to a chapter's exercises",
        description="Compare your functions with the solutions on many random inputs. Each is right exactly, "
        "approximately (up to rounding) or not. Exit code 1 if any is not.",
    )
    check.add_argument("number", type=int)
    check.add_argument("--file", metavar="PATH", type=Path, help="your file (default: chapters/exercises/NUMBER.py)")
    check.set_defaults(command=_check)
    overview = actions.add_parser(
        "overview",
        help="for authors: write the tables of chapters anew, and their pictures",
        description="The tables in chapters/README.md and README.md are read from the chapters; each picture is made "
        "of the first figure of its chapter, as it was drawn last.",
    )
    overview.set_defaults(command=_overview)


def _list(options: argparse.Namespace) -> int:
    from minigan.book.contents import chapters

    found = chapters()
    for chapter in found:
        print(f"{chapter.number:2}  {chapter.title}")
        print(textwrap.indent(textwrap.fill(f"{chapter.sentence} {chapter.time}", _WIDTH), "    "))
    print(f"\nRun one with: minigan chapters run {found[0].number}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from minigan.book.contents import chapter

    path = chapter(options.number).path
    if not os.access(path.parent, os.W_OK):
        raise MiniganError(f"a chapter writes its figures beside itself, but {path.parent} is read-only; copy it away")
    # The chapter imports the minigan that this command belongs to, and opens no windows unless told to.
    package = os.pathsep.join([str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = {"MPLBACKEND": "Agg"} | os.environ | {"PYTHONPATH": package}
    code = subprocess.run([sys.executable, path], env=environment, check=False).returncode
    return code if code >= 0 else 128 - code


def _check(options: argparse.Namespace) -> int:
    from minigan.book.contents import chapter
    from minigan.book.exercises import check

    of = chapter(options.number)
    path = options.file or of.exercises
    if not of.solutions.exists():
        raise MiniganError(f"chapter {of.number} has no exercises to check by machine")
    # The cache of hypothesis has no business in the reader's folder.
    os.environ.setdefault("HYPOTHESIS_STORAGE_DIRECTORY", str(Path(tempfile.gettempdir()) / "hypothesis"))
    verdicts = check(path, of.solutions)
    width = max(len(verdict.name) for verdict in verdicts)
    print(f"chapter {of.number}, {path}")
    for verdict in verdicts:
        reason = verdict.detail.replace("\n", "\n" + " " * (width + 4))
        print(f"  {verdict.name:{width}}  {verdict.word}{': ' if reason else ''}{reason}")
    return _FAILURE if any(verdict.word == "not" for verdict in verdicts) else 0


def _overview(options: argparse.Namespace) -> int:
    from minigan.book.contents import chapters, folder
    from minigan.book.overview import BEGIN, path_table, short_table, write_picture, write_table

    for chapter in chapters():
        try:
            print(write_picture(chapter))
        except MiniganError as error:
            print(error)
    for place, table in ((folder(), path_table), (folder().parent, short_table)):
        readme = place / "README.md"
        if BEGIN in readme.read_text(encoding="utf-8"):
            write_table(readme, table(chapters()))
            print(readme)
    return 0
