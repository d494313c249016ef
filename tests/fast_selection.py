"""`pytest --fast`: without whole kinds of dear tests, and without what took long the last time.

How long each test took is kept in pytest's cache of this clone by every run, so nobody has to mark
tests, or to remember it when they become dearer or cheaper.
"""

from __future__ import annotations

import pytest

# Seconds. A clone that has not run its tests yet knows no dear ones but the kinds below.
_DEAR = 0.3
_CACHE_KEY = "tfedge/seconds"

# By the beginning of a test's path, or by its file's end.
_FOLDERS = ("tests/mcu/", "tests/distribution/")
_FILES = (
    "test_firmware.py",  # QEMU
    "test_boards.py",
    "test_other_processors.py",
    "test_misra.py",
    "test_stack.py",
    "test_hostile_models.py",
    "test_small_sweeps.py",
    "_goes_on.py",  # training that is killed and resumed
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fast", action="store_true", help=__doc__)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not config.getoption("--fast"):
        return
    seconds = config.cache.get(_CACHE_KEY, {})
    left_out = [item for item in items if _is_dear(item.nodeid, seconds)]
    config.hook.pytest_deselected(items=left_out)
    gone = {item.nodeid for item in left_out}
    items[:] = [item for item in items if item.nodeid not in gone]


def _is_dear(nodeid: str, seconds: dict[str, float]) -> bool:
    file = nodeid.partition("::")[0]
    return file.startswith(_FOLDERS) or file.endswith(_FILES) or seconds.get(nodeid, 0) > _DEAR


class Stopwatch:
    """Adds what a run has measured to what the cache has; one process of a run writes."""

    def __init__(self, config: pytest.Config) -> None:
        self._cache = config.cache
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # What sets a module up is paid for by whichever test comes first.
        if report.when == "call":
            self._seconds[report.nodeid] = round(report.duration, 2)

    def pytest_sessionfinish(self) -> None:
        self._cache.set(_CACHE_KEY, {**self._cache.get(_CACHE_KEY, {}), **self._seconds})


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput") and config.pluginmanager.has_plugin("cacheprovider"):
        config.pluginmanager.register(Stopwatch(config))
