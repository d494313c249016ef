"""Errors of compiling and running generated C."""

from tfedge.errors import TfedgeError
from tfedge.terminal_text import readable_lines


class ExecutionError(TfedgeError):
    """Generated C that does not compile, or a program that crashed, failed or ran too long.

    The message ends with the compiler's or the program's own words, which may be several lines.
    """

    def __str__(self) -> str:
        return readable_lines(Exception.__str__(self).expandtabs())
