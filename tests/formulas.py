"""The formulas of a Markdown text, and the TeX that the web book can show."""

import re

# What docutils turns into MathML, as far as this book needs it. Not among it: \big (but \bigl), \mathop, \iff,
# align (but aligned), array.
COMMANDS = set(
    re.findall(
        r"\w+",
        """
    alpha beta gamma delta epsilon varepsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau phi varphi chi
    psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega ell partial nabla infty emptyset
    mathcal mathbb mathbf mathrm mathit mathsf boldsymbol text operatorname
    log ln exp sin cos tan tanh sinh cosh det dim arg min max inf sup lim Pr
    frac tfrac dfrac binom sqrt sum prod int bigcup bigcap underbrace overbrace overset underset
    hat widehat tilde widetilde bar overline underline dot ddot vec
    left right bigl bigr Bigl Bigr biggl biggr middle lVert rVert lvert rvert Vert vert langle rangle lfloor rfloor
    lceil rceil mid
    cdot times otimes oplus odot ast star circ pm mp div le ge leq geq ne neq ll gg approx equiv sim simeq propto in
    notin ni subset subseteq cup cap setminus forall exists land lor neg perp parallel top prime
    to mapsto gets rightarrow leftarrow Rightarrow Leftarrow Leftrightarrow leftrightarrow longrightarrow
    Longrightarrow uparrow downarrow nearrow searrow implies
    quad qquad dots ldots cdots vdots ddots dotsc begin end
    """,
    )
)
ENVIRONMENTS = {"aligned", "cases", "matrix", "pmatrix", "bmatrix", "vmatrix"}


def formulas(text):
    """All formulas of a Markdown text: (TeX, whether it is displayed)."""
    text = re.sub(r"```.*?```|``.*?``|`[^`\n]*`", "", text, flags=re.DOTALL)
    pattern = r"(?<!\\)\$\$(.+?)(?<!\\)\$\$|(?<!\\)\$(.+?)(?<!\\)\$"
    for displayed, inline in re.findall(pattern, text, flags=re.DOTALL):
        yield (displayed or inline).strip(), bool(displayed)


def complaints(tex):
    """What the web book could not show in a formula."""
    for command in re.findall(r"\\([A-Za-z]+)", tex):
        if command not in COMMANDS:
            yield f"\\{command} is not among the commands in tests/formulas.py"
    for environment in re.findall(r"\\(?:begin|end)\{(\w+)\}", tex):
        if environment not in ENVIRONMENTS:
            yield f"the environment {environment} cannot be shown"
    if re.search(r"\\(?:[td]?frac|binom)(?!\s*\{)(?!\s*(?:\w|\\[a-z]+)\s*(?:\w|\\[a-z]+))", tex):
        yield "a fraction needs braces, or two single symbols"
    braces = re.sub(r"\\[{}]", "", tex)
    while "{" in (smaller := re.sub(r"\{[^{}]*\}", "", braces)) and smaller != braces:
        braces = smaller
    if "{" in smaller or "}" in smaller:
        yield "the braces are not balanced"
    for begin, end in ((r"\\left(?![a-z])", r"\\right(?![a-z])"), (r"\\begin\{", r"\\end\{")):
        if len(re.findall(begin, tex)) != len(re.findall(end, tex)):
            yield f"{begin[1:6]}... has no partner"
