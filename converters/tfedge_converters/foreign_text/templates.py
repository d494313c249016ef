"""Jinja environments in which a template cannot write a stranger's text as code.

Escaping is what happens to a string of which nothing else is said.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from tfedge.terminal_text import readable
from tfedge_converters.foreign_text.escaping import Code, plain


@cache
def code_templates(package: str) -> jinja2.Environment:
    """For C and CMake, from the folder "templates" of a package.

    A `Code` is written as it is and any other string as `plain` text; numbers are integers.
    """
    return _environment(package, keep_trailing_newline=True, autoescape=False, finalize=_code)


@cache
def page_templates(package: str) -> jinja2.Environment:
    """For HTML, from the folder "templates" of a package: strings are `readable` and escaped."""
    return _environment(package, autoescape=True, finalize=_page)


def _environment(package: str, **options: Any) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader(package, "templates"),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        **options,
    )


def _code(value: Any) -> Any:
    if isinstance(value, (Code, int, jinja2.Undefined)):
        return value
    if isinstance(value, str):
        return plain(value)
    raise TypeError(f"a template cannot write {type(value).__name__}: format it first")


def _page(value: Any) -> Any:
    return readable(value) if isinstance(value, str) and not isinstance(value, Markup) else value
