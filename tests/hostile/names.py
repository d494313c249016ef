"""Names that end comments and strings, begin code, hide headers, or cannot be shown."""

from __future__ import annotations

import os

import numpy as np

# What an injected piece of code makes in the folder that it runs in, whatever its language.
MARKER = "marker_of_injected_code"

_ENDS = (
    *("*/", "*\\\n/", "*\\ \n/", "*??/\n/", "/*", "//", '"', "'", "\\", "\\\\", "\n", "\r", "\r\n"),
    *(
        "\0",
        "\t",
        "\v",
        "\f",
        "\x1b[2J",
        "\u0085",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u2066",
        "\ufeff",
    ),
    *(
        "%s%n%d",
        "${X}",
        "$ENV{PATH}",
        "@X@",
        "]]",
        "[[",
        "]=]",
        ";",
        "#",
        "`",
        "$",
        "&",
        "|",
        ">",
        "<",
    ),
    *("{{ 7 * 7 }}", "{% raw %}", "{# #}", "-->", "]]>", "&lt;", "%>", "=", "=1+1", "@", "-", "--"),
    *(
        "[red]",
        "[/]",
        "$\\frac{$",
        "\\N{DIGIT ONE}",
        "{0}",
        "%(x)s",
        "../",
        "..",
        "/",
        "\\..\\",
        ":",
    ),
    *("é", "名前", "\U0001f600", "a\u0301", "\u200b", "??/", "??'", "<:", "%:%:"),
)

_CODE = (
    "__attribute__((constructor)) static void p_(void) "
    f'{{ extern int creat(const char *, unsigned); (void)creat("{MARKER}", 0600u); }}',
    f'file(WRITE "${{CMAKE_CURRENT_SOURCE_DIR}}/{MARKER}" "x")',
    f"execute_process(COMMAND touch {MARKER})",
    f"$(touch {MARKER})",
    f"`touch {MARKER}`",
    f"; touch {MARKER};",
    f"__import__('os').system('touch {MARKER}')",
    f"<script>{MARKER}()</script>",
    f'" onmouseover="{MARKER}()"',
    "#error injected",
    '#include "/etc/passwd"',
    "_Pragma(\"GCC error \\\"injected\\\"\")",
    "asm(\".incbin \\\"/etc/passwd\\\"\");",
)  # fmt: skip

_WORDS = (
    *("main", "printf", "assert", "NULL", "errno", "string", "stdint", "math", "con", "NUL", "aux"),
    *(
        "all",
        "install",
        "clean",
        "help",
        "test",
        "package",
        "while",
        "class",
        "operator",
        "typename",
    ),
    *(
        "tfedge_model",
        "tfedge",
        "harness",
        "subject",
        "int",
        "INT8_MAX",
        "EOF",
        "m",
        "c",
        "pthread",
    ),
    *(
        "int8_t",
        "uint8_t",
        "arena",
        "context",
        "state",
        "status",
        "index",
        "memcpy",
        "_Bool",
        "__init",
    ),
    *(
        "IN0",
        "INPUT",
        "NUM_INPUTS",
        "model",
        "MODEL",
        "Model",
        "",
        " ",
        "_",
        "__",
        "9",
        "0x1",
        "1e9",
    ),
)

_LONG = (60, 200, 10_000)


def hostile_name(rng: np.random.Generator) -> str:
    """One name: a word that means something, or what ends a text, with code behind it or not."""
    kind = rng.random()
    if kind < 0.2:
        return _pick(rng, _WORDS)
    if kind < 0.6:
        return _end(rng) + _pick(rng, _CODE) + _end(rng)
    if kind < 0.7:
        return _pick(rng, ("x", "a/", "é", "*/", "A_")) * int(rng.choice(_LONG))
    letters = [chr(int(code)) for code in rng.integers(1, 0x250, rng.integers(1, 12))]
    return "".join(_end(rng) if rng.random() < 0.4 else letter for letter in letters)


def file_name(name: str) -> str:
    """What of a name a file can be called."""
    kept = name.replace("/", "_").replace("\0", "_").encode()[:180].decode("utf-8", "ignore")
    if len(kept) % 7 == 3:
        kept += os.fsdecode(b"\xff")  # which is no text
    return "x" if kept in ("", ".", "..") else kept


def _end(rng: np.random.Generator) -> str:
    return "".join(_pick(rng, _ENDS) for _ in range(rng.integers(1, 4)))


def _pick(rng: np.random.Generator, texts: tuple[str, ...]) -> str:
    return texts[int(rng.integers(len(texts)))]
