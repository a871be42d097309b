"""Training steps on an NVIDIA GPU beside PyTorch's: `python -m benchmarks.gpu`, in eight minutes.

In this order: what the GPU is; whether losses and gradients agree with PyTorch's; questions about CuPy that only a
GPU answers; times of whole steps beside PyTorch's, as people write it, as an expert would, and as one CUDA graph; our
steps as CUDA graphs; memory; launches; and the property suite on the GPU for as long as there is time. The batches of
data lie on the GPU for all, and nobody uses TF32 unless `--tf32` allows it to all.

Every result is written to benchmarks/results/gpu-<device>.jsonl as it comes. The same command again goes on with what
is missing or failed, and ends with status 0 once nothing is. It needs a GPU that nobody else uses meanwhile, CuPy and
PyTorch: pip install -e '.[cuda13,bench,test]'.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path


def main(arguments: list[str] | None = None) -> int:
    """Measure, or report."""
    options = parser().parse_args(arguments)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the host draws numbers and asks for work, no more
    from benchmarks.gpu import command

    if options.rehearse and not options.results:
        options.results = Path(tempfile.gettempdir()) / "gpu-rehearsal.jsonl"
    return command.run(options)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    result = argparse.ArgumentParser("python -m benchmarks.gpu", description=__doc__.partition("\n")[0])
    result.add_argument("--minutes", type=positive, default=8.0, help="when to stop (default: 8)")
    result.add_argument("--again", action="store_true", help="measure also what was measured before")
    result.add_argument("--tf32", action="store_true", help="let both sides multiply float32 numbers in TF32")
    result.add_argument("--report", action="store_true", help="measure nothing, print all results")
    result.add_argument("--figure", type=Path, metavar="FILE", help="measure nothing, draw the ratios as PNG")
    result.add_argument("--results", type=Path, help="the file of results (default: one named like the device)")
    result.add_argument("--rehearse", action="store_true", help="without a GPU: run all parts, measure nothing real")
    return result


def positive(text: str) -> float:
    """A number above 0."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number


if __name__ == "__main__":
    sys.exit(main())
