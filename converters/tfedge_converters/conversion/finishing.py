"""Stage that makes the artifact, and says what is not as it should be."""

from __future__ import annotations

from absl import logging

from tfedge_converters.artifact import Artifact
from tfedge_converters.conversion.state import Conversion


def finish(conversion: Conversion) -> None:
    """Put together what has become of the model, and log its faults."""
    artifact = conversion.artifact = Artifact(
        conversion.name,
        conversion.target,
        conversion.model,
        conversion.flatbuffer,
        conversion.emission,
        conversion.judgement,
        conversion.folding,
    )
    for text in (*artifact.warnings, *artifact.notes):
        logging.warning("%s: %s", artifact.name, text)
    for row in artifact.weights:
        if row.broken:
            logging.warning("%s: of %s, %s", artifact.name, row.name, row.broken)
