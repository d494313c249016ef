"""Networks as others have published them, with weights from seeds."""

from __future__ import annotations

from pathlib import Path

from seeded_models import edgetpu, mlperf_tiny
from tfedge_converters.graph import write_file


def seeded_file(relative: str, folder: Path) -> Path:
    """The file of that name below `folder`, like "mlperf_tiny/ic_int8.tflite"; made if needed."""
    path = folder / relative
    if not path.exists():
        path.parent.mkdir(exist_ok=True)
        if path.parent.name == "mlperf_tiny":
            mlperf_tiny.write(path.stem.split("_")[0], path.parent)
        else:
            write_file(edgetpu.MODELS[path.stem](), path)
    return path
