"""The table of chapters in Markdown, and the small pictures beside it: for those who write the book."""

import io
import re
from collections.abc import Iterable
from pathlib import Path

from minigan.book.contents import Chapter
from minigan.errors import MiniganError
from minigan.files import atomic_write

BEGIN, END = "<!-- chapters -->", "<!-- end of chapters -->"

_PICTURE_WIDTHS = (480, 360, 240)
_LARGEST_PICTURE = 60_000


def path_table(chapters: Iterable[Chapter]) -> str:
    """The path through the book: a picture and all that the first cell of a chapter says."""
    rows = [
        _row(
            _picture(chapter),
            f"**{chapter.number}. [{chapter.title}]({chapter.path.name})**<br>{chapter.sentence}"
            f"<br>*Expect:* {chapter.expect}<br>*Time:* {chapter.time}<br>*Needs:* {chapter.needs}",
        )
        for chapter in chapters
    ]
    return "\n".join(["| | |", "|---|---|", *rows])


def short_table(chapters: Iterable[Chapter]) -> str:
    """Number, title, first sentence and time; the links lead from the top folder."""
    rows = [
        _row(chapter.number, f"[{chapter.title}](chapters/{chapter.path.name})", chapter.sentence, chapter.time)
        for chapter in chapters
    ]
    return "\n".join(["| | chapter | what you will see | time |", "|---|---|---|---|", *rows])


def between_marks(text: str) -> str:
    """What stands between the two comments that mark the table in a Markdown file."""
    return text.split(f"{BEGIN}\n")[1].split(f"\n{END}")[0]


def write_table(path: Path, table: str) -> None:
    """Put a table between the marks of a Markdown file."""
    text = path.read_text(encoding="utf-8")
    before, after = text.split(f"{BEGIN}\n")[0], text.split(f"\n{END}")[1]
    atomic_write(path, f"{before}{BEGIN}\n{table}\n{END}{after}".encode())


def write_picture(chapter: Chapter) -> Path:
    """Make the small picture of a chapter from the first figure it saves.

    Raises:
        MiniganError: the chapter has not been run.
    """
    from PIL import Image

    folder = chapter.path.parent / "figures"
    first = re.search(rf"{chapter.number:02}_\w+\.png", chapter.path.read_text(encoding="utf-8"))
    if first is None or not (folder / first[0]).exists():
        raise MiniganError(f"there is no figure of chapter {chapter.number} yet; run it first")
    with Image.open(folder / first[0]) as image:
        picture = next((p for width in _PICTURE_WIDTHS if len(p := _small(image, width)) <= _LARGEST_PICTURE), None)
    if picture is None:
        raise MiniganError(f"the picture of chapter {chapter.number} is above {_LARGEST_PICTURE} bytes at any width")
    path = folder / f"{chapter.number:02}.png"
    atomic_write(path, picture)
    return path


def _small(image, width):
    """The picture at another width, in PNG's bytes."""
    from PIL import Image

    height = round(image.height * width / image.width)
    small = image.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.quantize(64, dither=Image.Dither.NONE).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _picture(chapter):
    path = Path("figures") / f"{chapter.number:02}.png"
    return f"![{chapter.title}]({path.as_posix()})" if (chapter.path.parent / path).exists() else ""


def _row(*parts):
    """A bar inside a part, as in |x|, would end the cell; in formulas it has a name."""
    cells = [str(part).replace(r"\|", r"\Vert ").replace("|", r"\vert ") for part in parts]
    return f"| {' | '.join(cells)} |"
