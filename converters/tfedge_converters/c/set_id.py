"""Identity of a set of generated files: those of different conversions do not compile together."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

# In templates; becomes the first 32 bits of a hash of all texts that have it.
PLACEHOLDER = "@set id@"

_DEFINED_OR_ASKED = re.compile(r"(?<=_SET_ID )(!= )?0x[0-9a-f]{8}u")


def tied(files: Mapping[str, str]) -> dict[str, str]:
    """The same files, which know by an id that they belong together.

    Headers define it as a macro, and whatever includes them asks for it with `#if`. It follows from
    the files' own texts: whatever makes one of them another makes it another.

    Args:
        files: name to text.
    """
    digest = hashlib.sha256()
    for name, text in sorted(files.items()):
        digest.update(f"{name}\0{len(text)}\0{text}".encode())
    number = f"0x{digest.hexdigest()[:8]}u"
    return {name: text.replace(PLACEHOLDER, number) for name, text in files.items()}


def without_id(text: str) -> str:
    """A text as it is before it is tied to others, for comparisons of its content."""
    return _DEFINED_OR_ASKED.sub(lambda match: (match[1] or "") + PLACEHOLDER, text)
