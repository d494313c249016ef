"""Entry of the `tfedge` program, which the console script imports, and nothing else.

An interrupt makes Python raise KeyboardInterrupt wherever it is, and print where that was. Until
`cli.manners` hears of signals, there is nothing to clear away: the system may end the process. So
importing this module changes what an interrupt does to a process that does not ignore it. What
Python itself imports before, it answers for.
"""

# Built in, where the module signal takes milliseconds, in which an interrupt would find nobody.
import _signal  # type: ignore[import-not-found]

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)


def main() -> int:
    """Run the command line of this process; return the exit status."""
    from tfedge_converters.cli import main as run

    return run()
