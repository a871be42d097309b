"""The proof of the proof: `python -m tests.mutation` changes the library in many places and expects failing tests.

Results are kept in .mutation/, so a run that was stopped goes on where it was, and a second run tries only
what has changed and what survived. Afterwards results.json holds the summary, README.md says how to read it.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from tests.mutation.faults import FAULTS, Fault
from tests.mutation.mutants import Mutant, mutants_of
from tests.mutation.trial import ONE_PROCESS, ROOT, Copy, Trial, prepare, run_all

HERE = Path(__file__).parent
KEPT = ROOT / ".mutation"
CONFIG = tomllib.loads((HERE / "config.toml").read_text())
EQUIVALENT = {
    (m["file"], m["old"], new): m["why"]
    for m in tomllib.loads((HERE / "equivalent.toml").read_text())["mutant"]
    for new in m["new"]
}


@dataclass(frozen=True)
class Round:
    """One way to call the tests; what passes the first is tried in the second."""

    number: int

    def arguments(self, file: str) -> tuple[str, ...]:
        """Pytest's arguments for a changed file."""
        package, name = _package(file), file.split("/", 2)[2]
        settings = CONFIG["packages"][package]
        if self.number == 2:
            return _files(settings["tests"])
        first = settings.get("first", {})
        chosen = first.get(name, first.get("*", {"tests": settings["tests"]}))
        words = f"not strict and ({chosen['words']})" if "words" in chosen else ""
        return ("--hypothesis-profile=mutation", *(("-k", words) if words else ()), *_files(chosen["tests"]))


ROUNDS = Round(1), Round(2)


def main() -> None:
    """Run what the command line asks for, and report."""
    args = _arguments()
    packages = args.only or list(CONFIG["packages"])
    with tempfile.TemporaryDirectory(prefix="mutation") as folder:
        original = prepare(Path(folder, "original"))
        copies = [Copy(Path(folder, f"copy{k}"), original) for k in range(args.workers)]
        mutants = {package: list(_mutants(package)) for package in packages}
        if not args.report:
            for package in packages:
                _try(package, mutants[package] + list(_planted(package)), copies, ROUNDS[: args.rounds])
        coverage = _coverage(original) if args.coverage else None
    results = _results(mutants, coverage)
    (HERE / "results.json").write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    _show(results)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", metavar="PACKAGE", choices=list(CONFIG["packages"]))
    parser.add_argument("--workers", type=int, default=os.cpu_count(), help="trials at once")
    parser.add_argument("--rounds", type=int, choices=(1, 2), default=2, help="1: the first tests alone")
    parser.add_argument("--report", action="store_true", help="try nothing, sum up what is kept")
    parser.add_argument("--no-coverage", dest="coverage", action="store_false", help="leave out the branch coverage")
    return parser.parse_args()


def _package(file: str) -> str:
    return file.split("/")[1]


def _files(names: list[str]) -> tuple[str, ...]:
    return tuple(f"tests/test_{name}.py" for name in names)


def _mutants(package: str) -> Iterator[Mutant]:
    for path in sorted((ROOT / "minigan" / package).rglob("*.py")):
        yield from mutants_of(str(path.relative_to(ROOT)), path.read_text(), CONFIG["operators"])


def _planted(package: str) -> dict[Mutant, str]:
    """The library with each fault of the package in it, and what the fault is."""
    return {_plant(fault): fault.what for fault in FAULTS if _package(fault.file) == package}


def _plant(fault: Fault) -> Mutant:
    source = (ROOT / fault.file).read_text()
    line = source[: source.index(fault.old)].count("\n") + 1
    return Mutant(fault.file, line, fault.old, fault.new, source.replace(fault.old, fault.new))


# ------------------------------------------------------------------ trying


def _try(package: str, mutants: list[Mutant], copies: list[Copy], rounds: Sequence[Round]) -> None:
    """Try what is neither dead nor argued away, and write down each outcome as it comes."""
    known = _known(package)
    pending = [m for m in mutants if not _is_settled(m, known.get(m.key))]
    for round_ in rounds:
        trials = {_trial(m.file, m.source, round_): m for m in pending}
        _check_baseline({round_.arguments(m.file): m.file for m in pending}, copies)
        pending = []
        for done, (trial, passed) in enumerate(run_all(trials, copies), 1):
            mutant = trials[trial]
            _note(package, mutant, "survived" if passed else "killed")
            if passed and _argument(mutant) is None:
                pending.append(mutant)
            if done % 20 == 0 or done == len(trials):
                print(f"{package}, round {round_.number}: {done}/{len(trials)} tried, {len(pending)} alive", flush=True)


def _is_settled(mutant: Mutant, outcome: str | None) -> bool:
    return outcome == "killed" or (outcome == "survived" and _argument(mutant) is not None)


def _trial(file: str, source: str, round_: Round) -> Trial:
    return Trial(file, source, round_.arguments(file), CONFIG["timeout"] * (1, 10)[round_.number - 1])


def _check_baseline(calls: dict[tuple[str, ...], str], copies: list[Copy]) -> None:
    """The tests must pass on the library as it is, or every mutant would seem dead."""
    trials = [Trial(file, (ROOT / file).read_text(), call, 600) for call, file in calls.items()]
    for trial, passed in run_all(trials, copies):
        if not passed:
            sys.exit(f"pytest {' '.join(trial.arguments)} fails without any change")


def _known(package: str) -> dict[str, str]:
    path = KEPT / f"{package}.jsonl"
    lines = path.read_text().splitlines() if path.exists() else []
    return dict(json.loads(line) for line in lines)


def _note(package: str, mutant: Mutant, outcome: str) -> None:
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{package}.jsonl").open("a") as file:
        file.write(json.dumps([mutant.key, outcome]) + "\n")


# ------------------------------------------------------------------ reporting


def _argument(mutant: Mutant) -> str | None:
    """Why a mutant computes the same as the original, if somebody has argued so."""
    return EQUIVALENT.get((mutant.file, mutant.old, mutant.new))


def _results(mutants: dict[str, list[Mutant]], coverage: dict | None) -> dict:
    """What results.json holds; packages that this run leaves out keep their former place."""
    path = HERE / "results.json"
    former = json.loads(path.read_text()) if path.exists() else {"packages": {}, "coverage": None}
    fresh = {package: _summary(package, found) for package, found in mutants.items()}
    packages = former["packages"] | fresh
    return {
        "date": datetime.date.today().isoformat(),
        "versions": {"python": platform.python_version()}
        | {name: version(name) for name in ("cosmic-ray", "coverage", "hypothesis", "numpy", "pytest")},
        "packages": {name: packages[name] for name in CONFIG["packages"] if name in packages},
        "coverage": coverage or former["coverage"],
    }


def _summary(package: str, mutants: list[Mutant]) -> dict:
    known = _known(package)
    alive = [m for m in mutants if known.get(m.key) == "survived"]
    equivalent = [m for m in alive if _argument(m)]
    survivors = [m for m in alive if not _argument(m)]
    tried = [m for m in mutants if m.key in known]
    planted = _planted(package)
    missed = [what for mutant, what in planted.items() if known.get(mutant.key) != "killed"]
    counted = len(tried) - len(equivalent)
    return {
        "mutants": len(mutants),
        "tried": len(tried),
        "killed": len(tried) - len(alive),
        "equivalent": len(equivalent),
        "survivors": len(survivors),
        "score": round(100 * (len(tried) - len(alive)) / counted, 1) if counted else None,
        "planted": len(planted),
        "planted and missed": missed,
        "files": {
            file: {"mutants": len(here), "alive": len([m for m in alive if m.file == file])}
            for file in sorted({m.file for m in mutants})
            for here in [[m for m in mutants if m.file == file]]
        },
        "equivalent mutants": [{"mutant": str(m), "why": _argument(m)} for m in equivalent],
        "surviving mutants": [str(m) for m in survivors],
    }


def _coverage(folder: Path) -> dict:
    """Branch coverage of the packages by their tests: percent, and the lines and branches never taken."""
    tests = dict.fromkeys(name for settings in CONFIG["packages"].values() for name in settings["tests"])
    run = [sys.executable, "-m", "coverage"]
    pytest = ["-m", "pytest", *ONE_PROCESS, *_files(list(tests))]
    subprocess.run([*run, "run", "--branch", "--source=minigan", *pytest], cwd=folder, check=True)
    subprocess.run([*run, "json", "-q", "-o", "coverage.json"], cwd=folder, check=True)
    files = json.loads((folder / "coverage.json").read_text())["files"]
    return {package: _covered(package, files) for package in CONFIG["packages"]}


def _covered(package: str, files: dict) -> dict:
    mine = {name: file for name, file in files.items() if name.startswith(f"minigan/{package}/")}
    totals = [file["summary"] for file in mine.values()]
    taken = sum(t["covered_lines"] + t["covered_branches"] for t in totals)
    return {
        "percent": round(100 * taken / sum(t["num_statements"] + t["num_branches"] for t in totals), 1),
        "missing": {
            name: {"lines": file["missing_lines"], "branches": file["missing_branches"]}
            for name, file in mine.items()
            if file["missing_lines"] or file["missing_branches"]
        },
    }


def _show(results: dict) -> None:
    columns = ("mutants", "killed", "equivalent", "survivors", "score", "planted")
    print(f"{'package':<10}" + "".join(f"{name:>12}" for name in columns) + f"{'branches %':>12}")
    for package, row in results["packages"].items():
        covered = (results["coverage"] or {}).get(package, {}).get("percent", "")
        print(f"{package:<10}" + "".join(f"{row[name]!s:>12}" for name in columns) + f"{covered!s:>12}")
    for row in results["packages"].values():
        for line in row["surviving mutants"] + row["planted and missed"]:
            print(line)


if __name__ == "__main__":
    main()
