"""The book as a whole: the path through it, its formulas, and the web site that is made of it."""

import importlib.util
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from formulas import COMMANDS, ENVIRONMENTS, complaints, formulas
from PIL import Image

from minigan.book import contents
from minigan.book.contents import cells, chapters, folder
from minigan.book.overview import BEGIN, between_marks, path_table, short_table, write_picture, write_table
from minigan.cli import main

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "chapters"
PAGES = [FOLDER / "README.md", FOLDER / "errata.md", *sorted(FOLDER.glob("*.py")), *sorted(FOLDER.glob("[es]*s/*.py"))]
TOOLS = ("jupytext", "sphinx", "myst_nb", "furo", "ipykernel")
MISSING = [tool for tool in TOOLS if importlib.util.find_spec(tool) is None]


def markdown(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".md":
        return text
    return "\n\n".join(source for kind, source in cells(text) if kind == "markdown")


# --- the path through the book


def test_the_table_of_the_book_is_what_the_chapters_say():
    table = between_marks((FOLDER / "README.md").read_text(encoding="utf-8"))
    assert table == path_table(chapters()), "run: minigan chapters overview"
    for chapter in chapters():
        for text in (chapter.title, chapter.sentence, chapter.time, chapter.path.name):
            assert text in table


def test_the_table_of_the_readme_too():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert BEGIN not in text or between_marks(text) == short_table(chapters())


def test_every_chapter_has_a_small_picture():
    for chapter in chapters():
        path = FOLDER / "figures" / f"{chapter.number:02}.png"
        assert path.stat().st_size <= 60_000
        with Image.open(path) as picture:
            assert picture.width in (240, 360, 480)


def test_every_link_of_the_readme_and_the_errata_leads_somewhere():
    for path in (FOLDER / "README.md", FOLDER / "errata.md"):
        for target in re.findall(r"\]\(([^)#]+)", path.read_text(encoding="utf-8")):
            assert target.startswith("https://arxiv.org/abs/") or (FOLDER / target).exists(), target


def test_a_table_is_written_between_the_marks_only(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("# Before\n\n<!-- chapters -->\nold\n<!-- end of chapters -->\n\nafter\n")
    write_table(path, "| new |")
    assert path.read_text() == "# Before\n\n<!-- chapters -->\n| new |\n<!-- end of chapters -->\n\nafter\n"


def test_overview_writes_both_tables_and_the_pictures_it_can(tmp_path, monkeypatch, capsys):
    place = tmp_path / "chapters"
    (place / "figures").mkdir(parents=True)
    for number in (1, 2):
        (place / f"0{number}_x.py").write_text(f'# %% [markdown]\n# # {number}. Title\n\n# %%\n"0{number}_a.png"\n')
    Image.new("RGB", (960, 400)).save(place / "figures" / "02_a.png")
    for readme in (place / "README.md", tmp_path / "README.md"):
        readme.write_text("<!-- chapters -->\n\n<!-- end of chapters -->\n")
    monkeypatch.setattr(contents, "_PLACES", (place,))
    assert main(["chapters", "overview"]) == 0
    assert "there is no figure of chapter 1 yet" in capsys.readouterr().out
    assert [path.name for path in sorted((place / "figures").glob("0?.png"))] == ["02.png"]
    assert "| ![Title](figures/02.png) | **2. [Title](02_x.py)**<br>" in (place / "README.md").read_text()
    assert "| 2 | [Title](chapters/02_x.py) |" in (tmp_path / "README.md").read_text()


def test_bars_do_not_break_a_table(tmp_path):
    first = chapters()[0]
    odd = type(first)(first.path, 1, "T", "See.", "Now.", r"$|a|$ and $\|b\|$.", "All.")
    assert path_table([odd]).splitlines()[-1].count("|") == 3
    assert r"$\vert a\vert $ and $\Vert b\Vert $." in path_table([odd])


def test_the_picture_is_made_of_the_first_figure_that_a_chapter_saves(tmp_path):
    text = '# %% [markdown]\n# # 1. T\n\n# %%\nsave("01_second_name.png")\nsave("01_a.png")\n'
    (tmp_path / "01_x.py").write_text(text)
    (tmp_path / "figures").mkdir()
    chapter = type(chapters()[0])(tmp_path / "01_x.py", 1, "T", "", "", "", "")
    Image.new("RGB", (10, 10), "red").save(tmp_path / "figures" / "01_a.png")
    with pytest.raises(Exception, match="no figure of chapter 1 yet; run it first"):
        write_picture(chapter)
    Image.new("RGB", (960, 400), "green").save(tmp_path / "figures" / "01_second_name.png")
    with Image.open(write_picture(chapter)) as picture:
        assert (picture.size, picture.convert("RGB").getpixel((5, 5))) == ((480, 200), (0, 128, 0))


# --- formulas


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(FOLDER).as_posix())
def test_every_formula_can_be_shown(path):
    for tex, _ in formulas(markdown(path)):
        assert list(complaints(tex)) == [], tex


def test_formulas_are_found_where_markdown_has_them():
    text = "Let $x$ cost \\$5, `$no$`, and $$\ny = \\frac{1}{2}\n$$ so $a\nb$.\n```\n$no$\n```\n"
    assert list(formulas(text)) == [("x", False), ("y = \\frac{1}{2}", True), ("a\nb", False)]


def test_fractions_of_single_symbols_need_no_braces():
    for tex in (r"\frac12", r"\frac i2", r"\frac\gamma2", r"\frac1n \sum_i x", r"\frac{1}{2}"):
        assert list(complaints(tex)) == []


@pytest.mark.parametrize(
    "tex",
    [
        r"\big(",
        r"\mathop{x}",
        r"\begin{align}a\end{align}",
        r"\frac1{2}",
        r"{a",
        r"}{",
        r"\left( x",
        r"\begin{cases}a",
    ],
)
def test_what_cannot_be_shown_is_noticed(tex):
    assert list(complaints(tex))


def test_the_list_of_commands_is_what_docutils_knows():
    latex = pytest.importorskip("docutils.utils.math.latex2mathml")
    arguments = dict.fromkeys(("frac", "tfrac", "dfrac", "binom", "overset", "underset"), "{a}{b}")
    arguments |= dict.fromkeys(("bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr"), "(") | {"left": r"(\right)"}
    for command in COMMANDS - {"right", "middle", "begin", "end", "dots"}:
        assert "<math" in latex.tex2mathml(f"\\{command}{arguments.get(command, '{a}')}")
    for name in ENVIRONMENTS:
        assert "<mtable" in latex.tex2mathml(rf"\begin{{{name}}} a & b \\ c & d \end{{{name}}}", as_block=True)


# --- the web site


class Page(HTMLParser):
    """What a test wants to know of an HTML file."""

    def __init__(self, path):
        super().__init__()
        self.links, self.resources, self.ids, self.formulas, self.figures = [], [], set(), 0, []
        self.text, self._inside = "", []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found.get("id"), found.get("name")}
        self.formulas += tag == "math"
        if tag == "a" or found.get("rel") in ("next", "prev", "search", "index"):
            self.links.append(found.get("href"))
        else:
            self.resources += [found[key] for key in ("src", "href", "srcset", "data") if key in found]
        if tag == "img":
            self.figures.append(found.get("alt"))
        if tag in ("pre", "code", "script", "style", "math"):
            self._inside.append(tag)

    def handle_endtag(self, tag):
        if self._inside and tag == self._inside[-1]:
            self._inside.pop()

    def handle_data(self, data):
        if not self._inside:
            self.text += data


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    if MISSING:
        pytest.skip(f"the web book needs {', '.join(MISSING)}: pip install jupytext sphinx myst-nb furo")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "-c", FOLDER / "_book", FOLDER, out]
    environment = os.environ | {"MINIGAN_FAST": "1", "PYTHONPATH": str(ROOT)}
    built = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return {path.relative_to(out).as_posix(): Page(path) for path in out.rglob("*.html")}, out


def test_every_page_is_built_with_its_figures_and_its_solutions(site):
    pages, _ = site
    assert {"index.html", "errata.html", "search.html"} <= set(pages)
    assert pages["index.html"].text == pages["README.html"].text
    for chapter in chapters():
        page = pages[f"{chapter.path.stem}.html"]
        assert f"{chapter.number}. {chapter.title}" in page.text
        assert any(page.figures), f"{chapter.path.name} shows no figure"
        assert all(alt.startswith("A figure of the chapter") for alt in page.figures)
        for kind in ("exercises", "solutions"):
            assert f"{kind}/{chapter.number:02}.html" in page.links
            assert f"{kind}/{chapter.number:02}.html" in pages


def test_every_formula_of_the_site_is_mathml(site):
    pages, _ = site
    for path in PAGES:
        page = pages[path.relative_to(FOLDER).with_suffix(".html").as_posix()]
        assert page.formulas == len(list(formulas(markdown(path)))), path
        assert not re.search(r"\$|\\[a-z]+", page.text), path


def test_every_link_of_the_site_leads_somewhere(site):
    pages, out = site
    for name, page in pages.items():
        for link in page.links:
            target = urlsplit(link)
            if target.scheme:
                continue
            path = (out / name).parent / unquote(target.path) if target.path else out / name
            assert path.exists(), f"{name}: {link}"
            if target.fragment:
                assert unquote(target.fragment) in pages[path.resolve().relative_to(out).as_posix()].ids, (
                    f"{name}: {link}"
                )


def test_the_site_loads_nothing_from_elsewhere(site):
    pages, out = site
    for name, page in pages.items():
        for resource in page.resources:
            target = urlsplit(resource)
            assert target.scheme == "data" or not (target.scheme or target.netloc), f"{name}: {resource}"
            assert target.scheme or ((out / name).parent / unquote(target.path)).exists(), f"{name}: {resource}"
    for style in out.rglob("*.css"):
        elsewhere = r"(?:@import\s+|url\()\s*['\"]?(?:https?:)?//"
        assert not re.search(elsewhere, style.read_text(encoding="utf-8")), style.name


def test_the_site_names_no_folder_of_this_machine(site):
    _, out = site
    for path in out.rglob("*.html"):
        assert str(ROOT) not in path.read_text(encoding="utf-8")


def test_a_wheel_carries_the_chapters_and_an_editable_install_does_not():
    pytest.importorskip("hatchling")
    path = FOLDER / "_book" / "wheel.py"
    spec = importlib.util.spec_from_file_location("wheel", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for version, expected in (("standard", True), ("editable", False)):
        data = {"force_include": {}}
        hook = module.ChaptersBuildHook(str(ROOT), {}, None, None, "", "wheel")
        hook.initialize(version, data)
        assert ("minigan/book/chapters/01_a_gan_in_sixty_lines.py" in data["force_include"].values()) is expected
        assert ("minigan/book/chapters/solutions/01.py" in data["force_include"].values()) is expected
        assert not any(name.endswith((".png", ".md", "conf.py")) for name in data["force_include"].values())


def test_the_chapters_here_are_those_that_are_tested():
    assert folder() == FOLDER
