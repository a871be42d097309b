"""The table of contents. Everything in it is read from the first cell of each chapter, and stands nowhere else.

A chapter is a script in percent format: `# %%` begins a cell of code, `# %% [markdown]` a cell of text.
"""

import dataclasses
import functools
import re
from pathlib import Path

from minigan.errors import MiniganError, UsageError

# An installed package carries its own copy of the chapters; in a checkout they lie beside the package.
_PLACES = (Path(__file__).parent / "chapters", Path(__file__).parents[2] / "chapters")
_NAMES = "[0-9][0-9]_*.py"


@dataclasses.dataclass(frozen=True)
class Chapter:
    """One chapter, as its first cell describes it: all texts are Markdown, on one line."""

    path: Path
    number: int
    title: str
    sight: str
    time: str
    expect: str
    needs: str

    @property
    def sentence(self) -> str:
        """The first sentence of what the reader will see."""
        return re.split(r"(?<=[.!?])\s", self.sight)[0]

    @functools.cached_property
    def exercises(self) -> Path:
        """The reader's file."""
        return self.path.parent / "exercises" / f"{self.number:02}.py"

    @functools.cached_property
    def solutions(self) -> Path:
        """The same functions, solved."""
        return self.path.parent / "solutions" / f"{self.number:02}.py"


def folder() -> Path:
    """Where the chapters are.

    Raises:
        MiniganError: neither the package nor the folder it was installed from has any.
    """
    for place in _PLACES:
        if any(place.glob(_NAMES)):
            return place
    raise MiniganError(f"expected the chapters of the book in {' or '.join(map(str, _PLACES))}; install minigan again")


def chapters() -> list[Chapter]:
    """All chapters there are, in order."""
    return [read(path) for path in sorted(folder().glob(_NAMES))]


def chapter(number: int) -> Chapter:
    """The chapter of that number.

    Raises:
        UsageError: there is none.
    """
    known = {chapter.number: chapter for chapter in chapters()}
    if number not in known:
        raise UsageError(f"expected the number of a chapter ({', '.join(map(str, known))}), got {number}")
    return known[number]


def read(path: Path) -> Chapter:
    """Read what the first cell of a chapter says about it: a title, then paragraphs that begin in bold."""
    kind, text = cells(path.read_text(encoding="utf-8"))[0]
    paragraphs = [" ".join(paragraph.split()) for paragraph in text.split("\n\n")]
    title = re.fullmatch(r"# (\d+)\. (.+)", paragraphs[0])
    if kind != "markdown" or title is None or int(title[1]) != int(path.name[:2]):
        raise MiniganError(f"{path}: expected a first cell of text that begins with '# {int(path.name[:2])}. Title'")
    fields = dict(re.findall(r"^\*\*(.+?)\.\*\* (.+)$", "\n".join(paragraphs), flags=re.MULTILINE))
    return Chapter(
        path=path,
        number=int(title[1]),
        title=title[2],
        sight=fields.get("What you will see", ""),
        time=fields.get("How long it takes", ""),
        expect=fields.get("The number to expect", ""),
        needs=fields.get("What you need", ""),
    )


def cells(text: str) -> list[tuple[str, str]]:
    """Split a script in percent format into cells: ("code", its lines) or ("markdown", its text)."""
    _, *parts = re.split(r"^# %%(.*)\n", text, flags=re.MULTILINE)
    found = []
    for heading, body in zip(parts[::2], parts[1::2], strict=True):
        if heading.strip() == "[markdown]":
            found.append(("markdown", re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip()))
        else:
            found.append(("code", body.strip("\n")))
    return found
