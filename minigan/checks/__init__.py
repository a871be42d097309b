"""The proof that ships with the library: every op, layer, loss and penalty against numerical derivatives."""

from minigan.checks.table import Row, check, run_checks, select, without_case

__all__ = ["Row", "check", "run_checks", "select", "without_case"]
