"""Interface of packages, and what all of them have in common."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import tfedge
from tfedge.errors import UnsupportedError
from tfedge_converters.backends import PackagedCode
from tfedge_converters.foreign_text import code_templates
from tfedge_converters.foreign_text.reserved import RESERVED_PREFIX
from tfedge_converters.shipped_files import shipped
from tfedge_converters.targets import Target

_TEMPLATES = "tfedge_converters.packages"
_LIBRARY = "CMakeLists.txt"
# What compilers read; the plan of memory is for people.
_SOURCES = (".c", ".cpp")
CODE = (*_SOURCES, ".h", _LIBRARY)


@dataclass(frozen=True, eq=False)
class PackagedModel:
    """A converted model, of which packages are made.

    Attributes:
        name: prefix of the model's files and symbols.
        target: what it was converted for.
        code: that packages lay out.
        flatbuffer: the model's file.
    """

    name: str
    target: Target
    code: PackagedCode = field(repr=False)
    flatbuffer: bytes = field(repr=False)

    @cached_property
    def sources(self) -> list[str]:
        """Names of the C files to compile; the model's own, then its kernels."""
        names = sorted(name for name in self.code.files if name.endswith(_SOURCES))
        return sorted(names, key=lambda name: name.startswith(RESERVED_PREFIX))

    @property
    def context(self) -> dict[str, Any]:
        """Return what templates may write."""
        code = self.code
        outputs = code.ends["outputs"]
        types = {end["type"] for end in outputs}
        return {
            "version": tfedge.__version__,
            "semantic_version": _semantic(tfedge.__version__),
            "hash": hashlib.sha256(self.flatbuffer).hexdigest(),
            "target": self.target,
            "name": self.name,
            "NAME": self.name.upper(),
            "sources": self.sources,
            "interpreter": code.interpreter,
            "arena_bytes": code.arena_bytes,
            "state_bytes": code.state_bytes,
            "weights_bytes": code.weights_bytes,
            "macs": code.macs,
            **code.ends,
            "integer": ("int64_t", "uint64_t") if "int64_t" in types else ("int32_t", "uint32_t"),
            "has_integers": types != {"float"},
            "has_reals": any(end["grid"] or end["type"] == "float" for end in outputs),
        }


@dataclass(frozen=True)
class Package:
    """A folder for a platform's tools.

    What a model is called stands in paths as {name}.

    Attributes:
        name: what users call it.
        title: what it is, as a heading.
        templates: path of each file to the template that makes it.
        code_folder: where the generated C lies; "" is the package's own folder.
        has_library: whether the generated CMakeLists.txt belongs to it.
        takes_interpreter: whether it has a form for TFLite Micro.
    """

    name: str
    title: str
    templates: Mapping[str, str]
    code_folder: str = ""
    has_library: bool = False
    takes_interpreter: bool = True

    def check(self, model: PackagedModel) -> None:
        """Refuse a model that the platform cannot take.

        Raises:
            UnsupportedError: says why.
        """
        if model.code.arenas > 1:
            raise UnsupportedError(
                f"the package '{self.name}' gives a model one arena, and '{model.name}' has one in "
                f"each of several memories of {model.target.name}: leave the package out, or "
                "choose a target with one RAM"
            )

    @property
    def other_files(self) -> tuple[str, ...]:
        """Its files that are not called after the model, and that users may have there too."""
        return tuple(path for path in self.templates if "{" not in path)

    def templates_for(self, model: PackagedModel) -> Mapping[str, str]:
        """Return `templates`, and those of files that not all models have."""
        return self.templates

    def copies(self, model: PackagedModel) -> Mapping[str, Path]:
        """Return files that are copied as they are: path in the package to where they lie."""
        return {}

    def context(self, model: PackagedModel) -> Mapping[str, Any]:
        """Return what its own templates may write besides."""
        return {}

    def files(self, model: PackagedModel) -> dict[str, bytes | str]:
        """Make the package.

        Returns:
            Path in the folder to content. The same model gives the same bytes.

        Raises:
            UnsupportedError: the platform cannot take the model.
        """
        self.check(model)
        templates = code_templates(_TEMPLATES)
        code = f"{self.code_folder}/" if self.code_folder else ""
        context = {**model.context, "package": self, "code": code, **self.context(model)}
        tables = self.templates_for(model)
        made: dict[str, bytes | str] = {
            path.format(name=model.name): templates.get_template(template).render(context)
            for path, template in tables.items()
        }
        copied = {"LICENSE": shipped("LICENSE", "the licence"), **self.copies(model)}
        copies = {path: file.read_text("utf-8") for path, file in copied.items()}
        generated = {
            f"{code if name.endswith(CODE) else ''}{name}": text
            for name, text in model.code.files.items()
            if name != _LIBRARY or self.has_library
        }
        return {f"{model.name}.tflite": model.flatbuffer, **generated, **made, **copies}


def code_of_package(files: Mapping[str, bytes], code_folder: str) -> dict[str, bytes]:
    """The code that a package was made of, among its files.

    Args:
        files: path in the package to content.
        code_folder: of the package.

    Returns:
        File name to content.
    """
    prefix = f"{code_folder}/" if code_folder else ""
    inner = {
        path.removeprefix(prefix): data for path, data in files.items() if path.startswith(prefix)
    }
    return {name: data for name, data in inner.items() if "/" not in name and name.endswith(CODE)}


def _semantic(version: str) -> str:
    """The three numbers that platforms ask a library's version to be."""
    found = re.match(r"(\d+)(?:\.(\d+))?(?:\.(\d+))?", version)
    assert found is not None
    return ".".join(found.groups("0"))
