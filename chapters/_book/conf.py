"""How the chapters become a web site: `python -m sphinx -W -c chapters/_book chapters build/book`.

The scripts themselves are the source. Each is executed; formulas become MathML, so that the pages read well without
a network and without JavaScript.
"""

import re
import shutil
from pathlib import Path

from docutils.nodes import SkipNode, image, math_block
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

project = "GANs from scratch"
author = "minigan"
root_doc = "README"
exclude_patterns = ["_book", "figures"]

extensions = ["myst_nb"]
myst_enable_extensions = ["dollarmath"]
nb_custom_formats = {".py": ["jupytext.reads", {"fmt": "py:percent"}]}
nb_execution_mode = "force"
nb_execution_in_temp = True  # figures are taken from the cells; the files go with the folder
nb_execution_excludepatterns = ["exercises/*", "solutions/*"]
nb_execution_raise_on_error = True
nb_execution_show_tb = True
nb_execution_timeout = -1
nb_merge_streams = True

html_theme = "furo"
html_title = project
html_static_path = ["style.css"]
html_css_files = ["style.css"]
html_math_renderer = "mathml"
html_copy_source = False
html_show_copyright = False
html_use_index = False

_CHAPTERS = sorted(path.stem for path in Path(__file__).parents[1].glob("[0-9][0-9]_*.py"))

_CONTENTS = """

```{{toctree}}
:hidden:
:maxdepth: 1

{}
```
"""

_LANGUAGE = """# ---
# jupyter:
#   kernelspec: {name: python3, display_name: Python 3, language: python}
# ---

"""

# What a script knows and a notebook does not: its own name. And figures for screens with many pixels.
_SETUP = """# %% tags=["remove-cell"]
from matplotlib_inline.backend_inline import set_matplotlib_formats

set_matplotlib_formats("retina")
__file__ = "{}.py"

"""

_EXERCISES = """
# %% [markdown]
# [The exercises to write](exercises/{0}.py) and [their solutions](solutions/{0}.py).
#
# ```{{toctree}}
# :hidden:
#
# exercises/{0}
# solutions/{0}
# ```
"""


def complete(app, name, source):
    """Add to each page what it needs here and not on its own."""
    if name in (root_doc, "errata"):
        source[0] = re.sub(r"[Cc]hapters? \d+(?: and \d+)*", link_numbers, source[0])
    if name == root_doc:
        source[0] += _CONTENTS.format("\n".join([*_CHAPTERS, "errata"]))
    elif name in _CHAPTERS:
        text = re.sub(r"^# %%\n", lambda cell: _SETUP.format(name) + cell[0], source[0], count=1, flags=re.MULTILINE)
        written = (Path(app.srcdir) / "exercises" / f"{name[:2]}.py").exists()
        source[0] = _LANGUAGE + text + (_EXERCISES.format(name[:2]) if written else "")
    elif name.startswith(("exercises/", "solutions/")):
        source[0] = _LANGUAGE + source[0]


def link_numbers(mention):
    """Make links of the numbers in "Chapters 8 and 10", as far as these are written."""
    links = {str(int(name[:2])): f"[{int(name[:2])}]({name}.py)" for name in _CHAPTERS}
    return re.sub(r"\d+", lambda number: links.get(number[0], number[0]), mention[0])


def mathml(tex, displayed):
    r"""What docutils makes of TeX, with habits of TeX added: \frac12, \dots, a thin space beside function names."""
    tex = re.sub(r"(\\[td]?frac)\s*(\w|\\[a-z]+)\s*(\w|\\[a-z]+)", r"\1{\2}{\3}", tex)
    result = tex2mathml(re.sub(r"\\dots(?![a-z])", r"\\ldots", tex), as_block=displayed)
    for beside_a_function in (
        r"(<mo>&ApplyFunction;</mo>)(?!\s*(?:<mrow>\s*)?<mo[^>]*>\()",
        r"(</m(?:i|n|frac|sub|sup)>\s*)(?=<mi[^>]*>\w+</mi>\s*<mo>&ApplyFunction;)",
    ):
        result = re.sub(beside_a_function, r'\1<mspace width="0.17em"/>', result)
    return result


def write_formula(writer, node):
    try:
        writer.body.append(mathml(node.astext(), isinstance(node, math_block)))
    except MathError as error:
        logging.getLogger(__name__).warning("%s in the formula %s", error, node.astext(), location=node)
    raise SkipNode


def describe_figures(app, doctree):
    for figure in doctree.findall(image):
        figure.setdefault("alt", f"A figure of the chapter {app.env.titles[app.env.docname].astext()}")


def make_index(app, error):
    """A site is entered by index.html; the folder, by README.md."""
    if not error:
        shutil.copy(Path(app.outdir) / f"{root_doc}.html", Path(app.outdir) / "index.html")


def setup(app):
    app.add_html_math_renderer("mathml", (write_formula, None), (write_formula, None))
    app.connect("source-read", complete)
    app.connect("doctree-read", describe_figures)
    app.connect("build-finished", make_index)
