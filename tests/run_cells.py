"""Run a chapter as an editor or a notebook does: `python run_cells.py CHAPTER`, one cell after another."""

import linecache
import sys
from pathlib import Path

from minigan.book.contents import cells

path = Path(sys.argv[1])
namespace = {"__name__": "__main__", "__file__": str(path)}
for number, (kind, source) in enumerate(cells(path.read_text(encoding="utf-8"))):
    if kind == "code":
        name = f"{path.name}, cell {number}"
        linecache.cache[name] = len(source), None, source.splitlines(keepends=True), name  # for tracebacks
        exec(compile(source, name, "exec"), namespace)
