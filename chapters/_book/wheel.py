"""A wheel carries a copy of the chapters inside the package; an editable install uses those of the checkout."""

from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class ChaptersBuildHook(BuildHookInterface):
    """Called by hatchling, as pyproject.toml says."""

    def initialize(self, version, build_data):
        if version == "standard":
            chapters = Path(self.root) / "chapters"
            for path in [*chapters.glob("[0-9][0-9]_*.py"), *chapters.glob("*/[0-9][0-9].py")]:
                build_data["force_include"][str(path)] = (
                    f"minigan/book/chapters/{path.relative_to(chapters).as_posix()}"
                )
