"""Back ends: each makes the files of a target, and tests that they run.

A module of this folder has one back end, called `BACKEND`; `register_backend` adds others.
"""

from tfedge_converters.backends.interface import Backend, Emission, Footprint, PackagedCode
from tfedge_converters.backends.registry import all_backends, backend_named, register_backend

__all__ = [
    "Backend",
    "Emission",
    "Footprint",
    "PackagedCode",
    "all_backends",
    "backend_named",
    "register_backend",
]
