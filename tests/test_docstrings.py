"""Summaries of docstrings say something by themselves, wherever an editor or `help` shows them."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = (ROOT / "tfedge", ROOT / "converters/tfedge_converters")

LEAST_WORDS = 3

# What goes on where a signature ends ("Of all gates", "As in Keras", "See `Pruner`"), or names a
# thing by a question ("What a call returns").
NO_BEGINNINGS = frozenset({"Against", "As", "Behind", "Of", "See", "What"})

DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def problem(docstring: str) -> str:
    """What is wrong with a docstring's summary; empty if nothing is."""
    words = docstring.partition("\n\n")[0].split()
    if len(words) < LEAST_WORDS:
        return f"has fewer than {LEAST_WORDS} words"
    if words[0].strip(",.:;") in NO_BEGINNINGS:
        return f"begins with '{words[0]}'"
    return ""


def problems(source: str) -> Iterator[str]:
    """Line, name and problem of every docstring in a module."""
    for node in ast.walk(ast.parse(source)):
        docstring = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
        if docstring is not None and (found := problem(docstring)):
            line = getattr(node, "lineno", 1)
            yield f"{line}: the summary of {getattr(node, 'name', 'the module')} {found}"


def test_summaries_say_something_by_themselves():
    files = [file for package in PACKAGES for file in sorted(package.rglob("*.py"))]
    assert len(files) > 100
    found = [f"{file.relative_to(ROOT)}:{each}" for file in files
             for each in problems(file.read_text("utf-8"))]  # fmt: skip
    assert not found, "\n".join(found)


def test_poor_summaries_are_found():
    source = '''"""Results of layers."""

class A:
    """The arguments."""

    def b(self):
        """What the layer returns,

        in order.
        """

    async def c(self):
        """Of all gates together."""

    def d(self):
        """Return the layer's output."""
'''
    assert list(problems(source)) == [
        "3: the summary of A has fewer than 3 words",
        "6: the summary of b begins with 'What'",
        "12: the summary of c begins with 'Of'",
    ]
