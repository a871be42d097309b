"""One failure, its numbers and its picture: `python -m benchmarks.failures collapse --figure collapse.png`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.failures import clipping, collapse, cycling, vanishing
from minigan.errors import MiniganError
from minigan.plotting import save_figure

FAILURES = {
    "collapse": (collapse, "the generator makes one mode at a time, and the modes are hunted round the ring"),
    "cycling": (cycling, "gradient descent circles the equilibrium of the smallest GAN, or flees from it"),
    "vanishing": (vanishing, "before a good discriminator the saturating loss has no gradient left"),
    "clipping": (clipping, "a critic with clipped weights sees only the coarsest outline of the data"),
}


def main(arguments: list[str] | None = None) -> int:
    """Show a failure."""
    parser = argparse.ArgumentParser("python -m benchmarks.failures", description="What goes wrong in GANs.")
    commands = parser.add_subparsers(required=True, dest="failure", metavar="FAILURE")
    for name, (_, description) in FAILURES.items():
        command = commands.add_parser(name, help=description, description=description)
        command.add_argument("--figure", type=Path, metavar="FILE", help="draw it, as PNG")
    options = parser.parse_args(arguments)
    failure, _ = FAILURES[options.failure]
    try:
        result = failure.show()
        print(failure.describe(result))
        if options.figure:
            save_figure(options.figure, failure.draw(result))
    except MiniganError as error:
        sys.exit(f"benchmarks.failures: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
