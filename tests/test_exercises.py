"""`minigan chapters`, and the check of exercises: what is right, right up to rounding, and wrong in which way."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import minigan
from minigan import Tensor
from minigan.book import contents
from minigan.book.compare import Mismatch, arrays, difference
from minigan.book.exercises import check
from minigan.cli import main

ROOT = Path(__file__).parent.parent
PACKAGE = str(Path(minigan.__file__).parents[1])
SOLUTIONS = """
    import numpy as np

    def mean(x):
        return x.mean()

    INPUTS = {"mean": lambda rng: (rng.normal(size=rng.integers(1, 9)),)}
"""


def write(path, text):
    path.write_text(textwrap.dedent(text))
    return path


@pytest.fixture
def judge(tmp_path):
    """Check a reader's text against the solutions."""

    def judge(text, solutions=SOLUTIONS):
        paths = write(tmp_path / "reader.py", text), write(tmp_path / "solutions.py", solutions)
        (verdict,) = check(*paths)
        return verdict

    return judge


# --- comparing two results


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        (1.5, 1.5),
        (3, np.float64(3)),
        (True, np.bool_(True)),
        (np.array([1.0, np.nan, np.inf]), np.array([1.0, np.nan, np.inf])),
        ((1.0, np.ones(2)), [1.0, np.ones(2)]),
        (np.array([1.0, 2.0]), [1.0, 2.0]),
        ([1.0, 2.0], np.array([1.0, 2.0])),
        ({"a": 1.0}, {"a": 1.0}),
        (np.ones(3), Tensor(np.ones(3))),
        (Tensor(np.ones(3)), np.ones(3)),
        (1 + 2j, 1 + 2j),
        ("yes", "yes"),
        (None, None),
        (np.zeros((0, 3)), np.zeros((0, 3))),
    ],
)
def test_what_is_the_same(expected, got):
    assert difference(expected, got) == (0.0, True)


@pytest.mark.parametrize(
    ("expected", "got", "largest", "rounding"),
    [
        (1000.0, 1000.00001, 1e-5, True),
        (1000.0, 1000.0001, 1e-4, False),
        (np.float32(1000), np.float32(1000.1), 0.1, True),
        (np.float32(1000), np.float32(1001), 1, False),
        (np.array([1.0, 1000.0]), np.array([1.00001, 1000.0]), 1e-5, True),
        ((1.0, 1000.0), (1.00001, 1000.0), 1e-5, False),
        (0.0, 1e-15, 1e-15, True),
        (0.0, 1e-12, 1e-12, False),
        (1e-9, 2e-9, 1e-9, False),
        (2, 3, 1, False),
        (np.uint8(2), np.uint8(3), 1, False),
        (True, False, 1, False),
        (1.0, np.nan, np.inf, False),
        (np.nan, 1.0, np.inf, False),
        (np.inf, -np.inf, np.inf, False),
        (np.array([np.inf, 1.0]), np.array([np.inf, 2.0]), 1, False),
        (np.array([np.inf, 1.0]), np.array([1.0, 1.0]), np.inf, False),
        (1 + 2j, 1 - 2j, 4, False),
    ],
)
def test_how_far_apart(expected, got, largest, rounding):
    found, explained = difference(expected, got)
    np.testing.assert_allclose(found, largest, rtol=0.05)
    assert explained is rounding


@pytest.mark.parametrize(
    ("expected", "got", "reason"),
    [
        (np.ones((2, 3)), np.ones((3, 2)), r"the result has the shape \(3, 2\), not \(2, 3\)"),
        (np.ones(1), 1.0, r"shape \(\), not \(1,\)"),
        (1.0, None, "None; is there a return"),
        (None, 1.0, "should be None"),
        ("yes", 1.0, "should be 'yes'"),
        (1.0, "yes", "a number or an array"),
        (1.0, len, "a number or an array"),
        (np.ones(2), [[1.0], [1.0, 2.0]], r"an array of shape \(2,\)"),
        ((1.0, 2.0), (1.0,), "2 parts, not 1"),
        ((1.0, (2.0, np.ones(3))), (1.0, (2.0, np.ones(4))), r"the result\[1\]\[1\] has the shape"),
        ({"a": 1.0}, {"b": 1.0}, "keys 'a'"),
        ({"a": 1.0}, 1.0, "a dictionary"),
    ],
)
def test_what_cannot_be_compared(expected, got, reason):
    with pytest.raises(Mismatch, match=reason):
        difference(expected, got)


def test_the_arrays_inside_arguments():
    found = arrays((1, "text", [np.ones(2), {"x": Tensor(np.zeros(3))}], len, np.random.default_rng(0)))
    assert [array.shape for array in found] == [(), (2,), (3,)]


# --- judging a function


def test_exactly_approximately_and_not(judge):
    assert judge("def mean(x): return x.mean()").word == "exactly"
    close = judge("def mean(x): return x.sum() * (1 / len(x))")
    assert (close.word, close.detail[:19]) == ("approximately", "largest difference ")
    assert float(close.detail[19:]) < 1e-14
    wrong = judge("def mean(x): return x.sum() / 4")
    assert wrong.word == "not"
    assert "largest difference" in wrong.detail


def test_a_fault_that_few_inputs_show_is_found(judge):
    assert judge("def mean(x): return x.mean() if len(x) < 8 else 0.0").word == "not"


def test_the_input_shown_is_small(judge):
    wrong = judge("def mean(x): return x.mean() if len(x) < 3 else 0.0")
    assert "with x = [" in wrong.detail
    assert wrong.detail.count(",") == 2


def test_the_seed_shown_draws_that_input(judge):
    detail = judge("def mean(x): return 0.0").detail
    shown, seed = detail.split("with x = ")[1].removesuffix(")").split(" (seed ")
    rng = np.random.default_rng(int(seed))
    assert shown == np.array2string(rng.normal(size=rng.integers(1, 9)), precision=4, separator=", ")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("def mean(x): raise NotImplementedError", "not written yet"),
        ("def median(x): return 0", "there is no function mean in "),
        ("mean = 3", "there is no function mean in "),
        ("def mean(): return 0", "raises TypeError: mean() takes 0 positional"),
        ("def mean(x):\n    y = x\n    return x / undefined", "(line 3)\nwith x = ["),
        ("import sys\ndef mean(x): sys.exit(3)", "raises SystemExit: 3 (line 2)"),
        ("def mean(x): return mean(x)", "raises RecursionError"),
        ("def mean(x): raise ValueError('many\\nlines')", "raises ValueError: many lines (line 1)"),
        ("def mean(x): pass", "is None; is there a return?"),
        ("def mean(x): return x", "has the shape (1,), not ()"),
    ],
)
def test_why_not(judge, text, detail):
    verdict = judge(text)
    assert verdict.word == "not"
    assert detail in verdict.detail


def test_a_function_may_not_change_its_arguments_unless_the_solution_does(judge):
    changes = "def mean(x):\n    m = x.mean()\n    x -= m\n    return m"
    assert "arguments are left with other values" in judge(changes).detail
    step = """
        def step(p, lr):
            p -= lr * p

        INPUTS = {"step": lambda rng: (rng.normal(size=3), rng.uniform())}
    """
    assert judge("def step(p, lr): p *= 1 - lr", step).word == "approximately"
    assert "arguments are left" in judge("def step(p, lr): p = p - lr * p", step).detail


def test_generators_and_functions_are_arguments_too(judge):
    solutions = """
        def draw(rng, f, n):
            return f(rng.normal(size=n))

        INPUTS = {"draw": lambda rng: (rng, abs, int(rng.integers(1, 5)))}
    """
    assert judge("def draw(rng, f, n): return f(rng.normal(size=n))", solutions).word == "exactly"
    assert "f = abs, n = " in judge("def draw(rng, f, n): return 0", solutions).detail


def test_warnings_of_a_reader_are_no_errors(judge):
    assert judge("import numpy as np\ndef mean(x): np.log(-1.0); return x.mean()").word == "exactly"


def test_a_change_within_the_same_second_is_seen(judge):
    assert [judge(f"def mean(x): return x.mean() + {i}").word for i in range(2)] == ["exactly", "not"]


def test_dataclasses_work_in_a_readers_file(judge):
    text = "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: 'int'\ndef mean(x): return x.mean()"
    assert judge(text).word == "exactly"


def test_a_fault_of_the_book_is_not_blamed_on_the_reader(judge):
    with pytest.raises(ZeroDivisionError):
        judge("def mean(x): return 0", SOLUTIONS.replace("x.mean()", "1 / 0"))


# --- the command


def test_the_list_names_every_chapter_and_how_long_it_takes(capsys):
    assert main(["chapters"]) == 0
    out = capsys.readouterr().out
    for chapter in contents.chapters():
        assert f"{chapter.number:2}  {chapter.title}\n" in out
        assert chapter.time in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 104


@pytest.fixture
def run_short(tmp_path):
    """`minigan chapters run 1` in a process of its own, where chapter 1 is the code given."""

    def run(code):
        (tmp_path / "01_short.py").write_text(f"# %% [markdown]\n# # 1. Short\n\n# %%\n{code}\n")
        command = f"import sys; sys.path.insert(0, {PACKAGE!r}); "
        command += "from minigan.book import contents; from minigan.cli import main; "
        command += f"contents._PLACES = (contents.Path({str(tmp_path)!r}),); sys.exit(main(['chapters', 'run', '1']))"
        environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}
        environment["PYTHONPATH"] = "mine"
        line = [sys.executable, "-c", command]
        return subprocess.run(line, env=environment, capture_output=True, text=True, check=False)

    return run


def test_run_passes_on_what_the_chapter_prints_and_its_exit_code(run_short):
    done = run_short("import sys\nprint('hi')\nprint('ho', file=sys.stderr)\nraise SystemExit(3)")
    assert (done.returncode, done.stdout, done.stderr) == (3, "hi\n", "ho\n")


def test_a_chapter_that_is_killed_ends_like_a_command_that_is(run_short):
    assert run_short("import os\nos.kill(os.getpid(), 15)").returncode == 143


def test_a_chapter_imports_this_minigan_and_opens_no_window(run_short):
    done = run_short("import os\nprint(os.environ['PYTHONPATH'], os.environ['MPLBACKEND'])")
    assert done.stdout == f"{PACKAGE}{os.pathsep}mine Agg\n"


def test_a_folder_for_figures_that_is_read_only_is_named(capsys, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert main(["chapters", "run", "1"]) == 1
    assert "chapters is read-only" in capsys.readouterr().err


def test_check_prints_a_line_for_each_function(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    solutions = ROOT / "chapters" / "solutions" / "01.py"
    assert main(["chapters", "check", "1", "--file", str(solutions)]) == 0
    first, *lines = capsys.readouterr().out.splitlines()
    assert first == f"chapter 1, {solutions}"
    assert [line.split() for line in lines] == [[name, "exactly"] for name in line_names()]
    assert main(["chapters", "check", "1"]) == 1
    out = capsys.readouterr().out
    assert "  best_logit           not: not written yet\n" in out
    assert "  generator_gradients  not: largest difference" in out


def test_check_leaves_nothing_behind(tmp_path):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HYPOTHESIS")}
    line = [sys.executable, "-m", "minigan", "chapters", "check", "1"]
    environment["PYTHONPATH"] = PACKAGE
    done = subprocess.run(line, env=environment, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert done.stderr == ""
    assert not any(tmp_path.iterdir())


def line_names():
    from minigan.book.exercises import load

    return load(ROOT / "chapters" / "solutions" / "01.py")["INPUTS"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "syntax.py", "x = 1\ndef f(:\n")
    write(tmp_path / "raises.py", "x = 1\nx.y\n")
    write(tmp_path / "exits.py", "import sys\nsys.exit()\n")
    write(tmp_path / "reads.py", "open('nothing')\n")
    (tmp_path / "bytes.py").write_bytes(b"\xff\x00\n")
    (tmp_path / "zero.py").write_bytes(b"x = 1\0\n")
    (tmp_path / "folder.py").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "code", "part"),
    [
        ("run 99", 2, "expected the number of a chapter (1"),
        ("run 0", 2, "got 0"),
        ("check 99", 2, "got 99"),
        ("check 1 --file missing.py", 1, "cannot read missing.py: No such file"),
        ("check 1 --file folder.py", 1, "cannot read folder.py: Is a directory"),
        ("check 1 --file syntax.py", 1, "syntax.py, line 2: invalid syntax"),
        ("check 1 --file raises.py", 1, "raises AttributeError: 'int' object has no attribute 'y' (line 2)"),
        ("check 1 --file exits.py", 1, "exits.py cannot be run: it raises SystemExit"),
        ("check 1 --file reads.py", 1, "reads.py cannot be run: it raises FileNotFoundError"),
        ("check 1 --file bytes.py", 1, "bytes.py is no Python"),
        ("check 1 --file zero.py", 1, "null bytes"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(place, capsys, arguments, code, part):
    assert main(["chapters", *arguments.split()]) == code
    errors = capsys.readouterr().err
    assert errors.startswith("minigan: ")
    assert errors.count("\n") == 1
    assert part in errors


@pytest.mark.parametrize("arguments", ["run", "run nine", "check", "check 1 2", "read 1"])
def test_what_the_parser_refuses(capsys, arguments):
    with pytest.raises(SystemExit) as ended:
        main(["chapters", *arguments.split()])
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_without_hypothesis_it_says_what_to_install(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    assert main(["chapters", "check", "1"]) == 1
    assert capsys.readouterr().err == "minigan: the check of exercises needs hypothesis: pip install hypothesis\n"


def test_without_chapters_it_says_so(capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(contents, "_PLACES", (tmp_path / "a", tmp_path / "b"))
    assert main(["chapters"]) == 1
    errors = capsys.readouterr().err
    assert "expected the chapters of the book in " in errors
    assert str(tmp_path / "b") in errors


def test_a_first_cell_without_a_title_is_an_error(tmp_path):
    for text in ("# %%\nx = 1\n", "# %% [markdown]\n# # 2. Wrong number\n", "# %% [markdown]\n# Words\n"):
        path = tmp_path / "01_x.py"
        path.write_text(text)
        with pytest.raises(contents.MiniganError, match=r"begins with '# 1\. Title'"):
            contents.read(path)


def test_cells_of_percent_format():
    text = "# %% [markdown]\n# # Title\n#\n# Words $x$.\n\n\n# %%\nx = 1  # %% not a cell\n\n# %%\ny = 2\n"
    assert contents.cells(text) == [
        ("markdown", "# Title\n\nWords $x$."),
        ("code", "x = 1  # %% not a cell"),
        ("code", "y = 2"),
    ]
