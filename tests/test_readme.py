"""What the README shows is run."""

import doctest
import re
from pathlib import Path

from minigan.cli import build_parser

README = Path(__file__).parent.parent / "README.md"


def test_every_example_prints_what_the_readme_shows():
    result = doctest.testfile(str(README), module_relative=False)
    assert result.attempted > 15
    assert result.failed == 0


def test_every_command_of_the_readme_is_understood():
    commands = re.findall(r"`(minigan (?:train|sample|info|gradcheck)[^`]*)`", README.read_text())
    assert len(commands) > 8
    for command in commands:
        build_parser().parse_args(command.split()[1:] if "--help" not in command else [])


def test_every_picture_and_folder_that_the_readme_names_exists():
    text = README.read_text()
    for target in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text) + re.findall(r"\| `(minigan/[\w./]+)`", text):
        assert (README.parent / target).exists(), target
