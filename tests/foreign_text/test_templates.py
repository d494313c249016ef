"""A template writes nothing that a stranger wrote but as text."""

import html.parser
import re
from pathlib import Path

import numpy as np
import pytest

import tfedge_converters
from tfedge_converters.foreign_text import Code, code_templates, csv_cell, page_templates, plain

HOSTILE = [
    "*/ int evil; /*",
    'x"); system("true',
    "a*\\\n/ evil",
    "a*??/\n/ evil",
    "line\nfile(WRITE evil)",
    "${X} @X@ $ENV{X} ]]",
    "%s%n",
    "$(touch evil)`touch evil`",
    "\u202e\u2028\x00\x1b[2J",
]
SAFE = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_ .,:/'+=-")


@pytest.mark.parametrize("text", HOSTILE)
def test_strings_are_escaped_unless_they_are_code(text):
    rendered = (
        code_templates("tfedge_converters.c")
        .from_string(
            "{{ a }}|{{ a ~ a }}|{{ [a] | join }}|{{ a | upper }}|{{ b }}|{{ n }}{{ 'x' if none }}"
        )
        .render(a=text, b=Code("f(&x);"), n=3, none=False)
    )
    *escaped, code, number = rendered.split("|")
    assert set("".join(escaped)) <= SAFE
    assert (code, number) == ("f(&x);", "3")


def test_what_is_no_text_has_to_be_formatted_first():
    for value in (None, 1.5, b"x", ["x"], np.zeros(2)):
        with pytest.raises(TypeError, match="format it first"):
            code_templates("tfedge_converters.c").from_string("{{ a }}").render(a=value)


def test_plain_text_keeps_what_names_are_made_of_and_ends():
    assert plain("model/conv_1/BiasAdd:0, 3x3 - 'a' = b.c+d") == (
        "model/conv_1/BiasAdd:0, 3x3 - 'a' = b.c+d"
    )
    assert plain("a;b(c)") == "a_b_c_"
    assert plain("x" * 10_000) == "x" * 400 + "..."


def test_pages_hold_no_markup_of_names():
    class Tags(html.parser.HTMLParser):
        seen: list[str] = []

        def handle_starttag(self, tag, attributes):
            self.seen.append(tag)

    page = page_templates("tfedge_converters.check").from_string("<p title='{{ a }}'>{{ a }}</p>")
    Tags().feed(page.render(a="'><script>evil()</script><img onerror=x>\u202e"))
    assert Tags.seen == ["p"]


def test_a_spreadsheet_sees_text():
    assert [csv_cell(text) for text in ("=1+1", "-x", "@a", "conv")] == [
        "'=1+1",
        "'-x",
        "'@a",
        "conv",
    ]


def test_templates_are_rendered_nowhere_else():
    folder = Path(tfedge_converters.__file__).parent
    users = [
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if re.search(r"^\s*(import|from) jinja2", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert users == ["foreign_text/templates.py"]
