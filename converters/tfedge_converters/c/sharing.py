"""Which calls get code of their own, and which share the one instance of their kernel.

A call that inlines its kernel's body has code for its literal shape: fast, and smaller than the
instance, which is for any shape. The instance is paid for once, and then every call costs no more
than its parameters. Which is less depends on the kernel and on how many calls there are;
`code_bytes.py` has what was measured. What code of its own saves a call in time is estimated from
the instructions that were measured for its core (`instructions.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence

from tfedge_converters.c.code_bytes import (
    CODE_BYTES,
    INNER_BYTES,
    LAYER_BYTES,
    PROGRAM_BYTES,
    CodeBytes,
)
from tfedge_converters.c.instructions import instructions_of
from tfedge_converters.c.kernel_call import KernelCall
from tfedge_converters.c.kernel_variants import variant_of

# Of all instructions, the share for which one more byte of code is taken: 1 % for a thousand.
_SHARE_OF_A_BYTE = 1e-5

# Code for literal shapes differs from what is typical of the kernel by about this share.
_DOUBT = 0.15


def every_call(calls: Sequence[KernelCall], core: str) -> frozenset[int]:
    """All calls that can have code of their own, as `id`: literal shapes make the fastest."""
    return _specialising(calls)


def balanced_calls(calls: Sequence[KernelCall], core: str) -> frozenset[int]:
    """The calls that save much time, and others where that makes no more code."""
    shared = {id(call): instructions_of(call, core, specialised=False) for call in calls}
    price = _SHARE_OF_A_BYTE * sum(shared.values())

    def is_worth_it(call: KernelCall) -> bool:
        known = code_bytes_of(call)
        saved = shared[id(call)] - instructions_of(call, core, specialised=True)
        return saved >= price * (known.own - known.call)

    return _least_code(calls, _specialising(filter(is_worth_it, calls)))


def smallest_calls(calls: Sequence[KernelCall], core: str) -> frozenset[int]:
    """The calls whose own code is less than what sharing an instance would take."""
    return _least_code(calls, frozenset())


def no_call(calls: Sequence[KernelCall], core: str) -> frozenset[int]:
    """None: every call goes through its kernel's instance, whatever that costs."""
    return frozenset()


# What chooses the calls with code of their own. "shared" is there to try the instances.
OPTIMIZATIONS: Mapping[str, Callable[[Sequence[KernelCall], str], frozenset[int]]] = {
    "speed": every_call,
    "balanced": balanced_calls,
    "size": smallest_calls,
    "ram": balanced_calls,
    "flash": smallest_calls,
    "shared": no_call,
}

# Of these, the ones for which layers are computed in bands of rows where that saves memory.
STREAMING = frozenset({"ram"})


def _code(calls: Sequence[KernelCall], specialised: frozenset[int]) -> int:
    """Bytes of code and of kernels' parameters, by which choices are compared.

    Args:
        calls: all of a program.
        specialised: the `id` of those with code of their own.
    """
    instances: dict[str, int] = {}
    reached: set[str] = set()
    total = PROGRAM_BYTES
    for call in calls:
        known = code_bytes_of(call)
        total += LAYER_BYTES
        if id(call) in specialised:
            total += known.own
            reached.update(known.reaches)
        else:
            total += known.call
            instances[call.kernel] = known.instance
            reached.update(CODE_BYTES[call.kernel].reaches if call.kernel in CODE_BYTES else ())
    return total + sum(instances.values()) + sum(INNER_BYTES[name] for name in reached)


def code_bytes_of(call: KernelCall) -> CodeBytes:
    """The measured row for a call, or what is typical of kernels."""
    return CODE_BYTES.get(variant_of(call)) or CODE_BYTES.get(call.kernel) or _TYPICAL


def _specialising(calls: Iterable[KernelCall]) -> frozenset[int]:
    return frozenset(id(call) for call in calls if call.specialises)


def _least_code(calls: Sequence[KernelCall], wanted: frozenset[int]) -> frozenset[int]:
    """`wanted`, and of each other kernel's calls either all or none, whatever makes less code.

    It begins with all, and lets calls share only where that saves more than the estimate of their
    own code may be off, so that no result takes more code than speed does.
    """
    chosen = _specialising(calls)
    others: dict[str, list[KernelCall]] = defaultdict(list)
    for call in calls:
        if id(call) not in wanted:
            others[call.kernel].append(call)
    least = _code(calls, chosen)
    for kernel in sorted(others):
        shared = chosen - _specialising(others[kernel])
        estimate = _code(calls, shared)
        doubt = _DOUBT * sum(code_bytes_of(call).own for call in others[kernel])
        if estimate + doubt < least:
            chosen, least = shared, estimate
    return chosen


_TYPICAL = CodeBytes(500, 110, 80)
