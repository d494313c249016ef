"""`tfedge.load`: a folder that `tfedge.convert` wrote, as the artifact that it was written from."""

from __future__ import annotations

import hashlib
from pathlib import Path

from tfedge.errors import ModelFileError, TfedgeError
from tfedge.file_sets import read_manifest
from tfedge.files import read_bytes
from tfedge_converters import targets
from tfedge_converters.artifact import Artifact
from tfedge_converters.backends import backend_named
from tfedge_converters.graph import read_model
from tfedge_converters.graph.passes import pipeline
from tfedge_converters.packages import code_of_package
from tfedge_converters.quality import Judgement
from tfedge_converters.targets import Target
from tfedge_converters.verify.written import CODE_FOLDER, CONVERSION, open_written

_UNKNOWN = (
    "this was loaded from its folder, which does not hold what was measured and warned of while it "
    "was converted"
)


def load(folder: str | Path, *, target: str | Path | Target | None = None) -> Artifact:
    """Open what `Artifact.save` or `tfedge convert` wrote.

    Files are those that lie there, byte for byte; of a package, its code. What was measured while
    the model was converted, `quality`, `evaluation`, `folding` and `warnings`, is not among them
    and is missing, as a note says; so is what the target's own compiler said.

    Args:
        folder: with the files and their manifest.
        target: the one that it was made for, where that was a file of your own; None to find it by
            the name in the manifest.

    Returns:
        The artifact: it predicts, evaluates, profiles and saves as the one that was saved.

    Raises:
        ModelFileError: the folder is missing, or no conversion wrote it.
        TfedgeError: a file is missing or changed, or the target is not known.
    """
    if not isinstance(folder, (str, Path)):
        raise TfedgeError(f"load takes the path of a folder that convert wrote, not {folder!r:.60}")
    place = Path(folder)
    if not place.is_dir():
        raise ModelFileError(f"{place}: there is no such folder; give one that convert wrote")
    manifest = read_manifest(place, CONVERSION)
    if manifest is None:
        raise ModelFileError(
            f"{place}: no conversion wrote it, for it has no {CONVERSION} manifest; give a folder "
            "that artifact.save or 'tfedge convert' wrote"
        )
    written = open_written(place)
    fault = next(iter(manifest.faults(place)), None)
    if fault is not None:
        raise TfedgeError(f"{place}: {fault}; convert the model again")
    chosen = _target(place, manifest.facts.get("target", ""), target)
    content = {name: read_bytes(place / name) for name in manifest.files}
    if hashlib.sha256(written.flatbuffer).hexdigest() != manifest.facts.get("model_sha256"):
        raise TfedgeError(f"{place}: its manifest is of another model; convert the model again")
    model = read_model(written.flatbuffer, source=written.name)
    pipeline.run(model)
    files = {name: data for name, data in content.items() if name != f"{written.name}.tflite"}
    if "package" in manifest.facts:
        files = code_of_package(files, manifest.facts.get(CODE_FOLDER, ""))
    emission = backend_named(chosen.backend).reopen(
        written.name, model, written.flatbuffer, chosen, files, manifest.facts
    )
    judgement = Judgement(None, None, (), (_UNKNOWN,))
    return Artifact(written.name, chosen, model, written.flatbuffer, emission, judgement)


def _target(folder: Path, name: str, given: str | Path | Target | None) -> Target:
    if given is None:
        try:
            return targets.load(name)
        except targets.UnknownTargetError:
            raise targets.UnknownTargetError(
                f"{folder}: was made for the target '{name}', which is a file of your own; give "
                "that as target"
            ) from None
    chosen = targets.load(given)
    if chosen.name != name:
        raise TfedgeError(
            f"{folder}: was made for the target '{name}', not for {chosen.name}; leave the target "
            "out, or convert the .tflite file there"
        )
    return chosen
