"""Silence of TensorFlow and LiteRT while they work for us."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Iterator

from absl import logging as absl_logging

_STDERR = 2

# Two threads that swap the descriptor in turns would swap it back in the wrong order.
_LOCK = threading.RLock()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep C++ chatter, log messages and warnings off the terminal.

    TensorFlow's C++ side writes to file descriptor 2 whatever Python does, from its import
    on, so the descriptor itself points to a temporary file meanwhile.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(_LOCK)
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        stack.enter_context(_only_errors_logged())
        file = stack.enter_context(tempfile.TemporaryFile())
        stack.enter_context(_stderr_into(file.fileno()))
        yield


@contextlib.contextmanager
def _only_errors_logged() -> Iterator[None]:
    tensorflow_logger = logging.getLogger("tensorflow")
    level, verbosity = tensorflow_logger.level, absl_logging.get_verbosity()
    tensorflow_logger.setLevel(logging.ERROR)
    absl_logging.set_verbosity(absl_logging.ERROR)
    try:
        yield
    finally:
        tensorflow_logger.setLevel(level)
        absl_logging.set_verbosity(verbosity)


@contextlib.contextmanager
def _stderr_into(descriptor: int) -> Iterator[None]:
    if sys.stderr is not None:
        sys.stderr.flush()
    try:
        original = os.dup(_STDERR)
    except OSError:  # a process without a standard error stream is quiet already
        yield
        return
    os.dup2(descriptor, _STDERR)
    try:
        yield
    finally:
        if sys.stderr is not None:
            sys.stderr.flush()
        os.dup2(original, _STDERR)
        os.close(original)
