"""How a part ends."""

from __future__ import annotations

from typing import Any

DONE, FAILED, UNFINISHED = "done", "failed", "not finished"
UNREACHED, UNAVAILABLE, TORCHLESS, DISAGREEING = "not reached", "not available", "needs torch", "not agreed"


class Ended(Exception):  # noqa: N818 (no error)
    """A part that ends in another way than with its figures: how, why, and the figures that it has all the same."""

    def __init__(self, status: str, note: str, figures: dict[str, Any] | None = None) -> None:
        super().__init__(status, note, figures or {})
        self.status, self.note, self.figures = self.args
