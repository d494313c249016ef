"""Runs of generated C, on this machine and on others in QEMU."""

from tfedge_converters.execute.cores import CORES
from tfedge_converters.execute.errors import ExecutionError
from tfedge_converters.execute.firmware import Firmware, build_firmware
from tfedge_converters.execute.firmware_result import FirmwareResult
from tfedge_converters.execute.firmware_sizes import FirmwareSizes
from tfedge_converters.execute.host import HostProgram, build_host
from tfedge_converters.execute.program import CProgram, TensorSpec

__all__ = [
    "CORES",
    "CProgram",
    "ExecutionError",
    "Firmware",
    "FirmwareResult",
    "FirmwareSizes",
    "HostProgram",
    "TensorSpec",
    "build_firmware",
    "build_host",
]
