"""Checks the published models that tests compare with, and fetches them when asked.

Nothing of them is part of the project: they belong to MLCommons and Google (Apache-2.0), and the
networks that tests make from seeds have the same architectures. `--download` fetches what is
missing from where it was published; without it, nothing is.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

VARIABLE = "TFEDGE_PUBLISHED_MODELS"
DEFAULT_FOLDER = Path(__file__).resolve().parents[1] / "published_models"

_TINY = "mlcommons/tiny", "1afd2c9820f795965a6134facd0b4dfae41ef23f"
_TINY_RESULTS = "mlcommons/tiny_results_v1.3", "cd605ea0981306693c9e19765a15801c776988dc"
_CORAL = "google-coral/test_data", "104342d2d3480b3e66203073dac24f4e2dbb4c41"


@dataclass(frozen=True)
class Published:
    """A file of a project on GitHub.

    Attributes:
        project: owner and name.
        commit: at which it was published.
        path: within the project.
        sha256: of its bytes.
    """

    project: str
    commit: str
    path: str
    sha256: str

    @property
    def url(self) -> str:
        """Where GitHub gives the file to anybody."""
        return f"https://github.com/{self.project}/raw/{self.commit}/{self.path}"


# What tests call a file, and where it is.
FILES = {
    "edgetpu_pairs/deeplabv3_mnv2_pascal_quant.tflite": Published(
        *_CORAL,
        "deeplabv3_mnv2_pascal_quant.tflite",
        "350af47fd346ea6d74b58833a351f583ba860e9806ec5bd292ff8d8f1f249398",
    ),
    "edgetpu_pairs/deeplabv3_mnv2_pascal_quant_edgetpu.tflite": Published(
        *_CORAL,
        "deeplabv3_mnv2_pascal_quant_edgetpu.tflite",
        "4d899a809ac1d7032880392ef09ee1a891205ecaae2cde288fd3fe7f7dda966e",
    ),
    "edgetpu_pairs/keras_lstm_mnist_ptq.tflite": Published(
        *_CORAL,
        "keras_lstm_mnist_ptq.tflite",
        "ac718e4b27731e370c21bc018ad6214512fd56ce1dfde308a050707eda6f0a4b",
    ),
    "edgetpu_pairs/keras_lstm_mnist_ptq_edgetpu.tflite": Published(
        *_CORAL,
        "keras_lstm_mnist_ptq_edgetpu.tflite",
        "1ee39c825eea0cdd45ca3cb66481921d4f48e0875dff8b4aba5d5dcc3472be79",
    ),
    "edgetpu_pairs/mobilenet_v1_0.25_128_quant.tflite": Published(
        *_CORAL,
        "mobilenet_v1_0.25_128_quant.tflite",
        "cb273c23ee76374b05b9583177e28aa19744858a7679c56a250e83d0333da785",
    ),
    "edgetpu_pairs/mobilenet_v1_0.25_128_quant_edgetpu.tflite": Published(
        *_CORAL,
        "mobilenet_v1_0.25_128_quant_edgetpu.tflite",
        "a4cb1e493346542248687939fbd7421ab92d74c58b1f0a0018b8f1bdddfcef7e",
    ),
    "edgetpu_pairs/mobilenet_v1_0.5_160_quant.tflite": Published(
        *_CORAL,
        "mobilenet_v1_0.5_160_quant.tflite",
        "3cc6d2ca460abd2e0f699a6d0d2550c6b61c6e3b0e27a3616e384ea74cb86f43",
    ),
    "edgetpu_pairs/mobilenet_v1_0.5_160_quant_edgetpu.tflite": Published(
        *_CORAL,
        "mobilenet_v1_0.5_160_quant_edgetpu.tflite",
        "e8fc376452b2134637da71016e3d22a6013550bf40d032854c2cb5699da7c16e",
    ),
    "edgetpu_pairs/split_concat.tflite": Published(
        *_CORAL,
        "tools/split_concat.tflite",
        "b268eb1ecc8fe5ace629354779e489a3ea32afd98b16a712091a79ec35c8a439",
    ),
    "edgetpu_pairs/split_concat_edgetpu.tflite": Published(
        *_CORAL,
        "tools/split_concat_edgetpu.tflite",
        "f76de286d55330b6522b34c51d186d2cc154c73f96a67f16999465839d87092f",
    ),
    "mlperf_tiny/ad.h5": Published(
        *_TINY,
        "benchmark/training/anomaly_detection/trained_models/ad01.h5",
        "651a62de1b7facd68d1269373992a2d09ffd28e6a816935d4834fcc558bde512",
    ),
    "mlperf_tiny/ad_float.tflite": Published(
        *_TINY,
        "benchmark/training/anomaly_detection/trained_models/ad01_fp32.tflite",
        "c66636f4d7f8af8b10518e7be750a22c9d8d46ec97326b40b0d94c097e0aad9b",
    ),
    "mlperf_tiny/ad_int8.tflite": Published(
        *_TINY,
        "benchmark/training/anomaly_detection/trained_models/ad01_int8.tflite",
        "87cf24194ef93d1d9b11a591d805526b98008e351655d29883c825c9c106ba24",
    ),
    "mlperf_tiny/ic.h5": Published(
        *_TINY,
        "benchmark/training/image_classification/trained_models/pretrainedResnet.h5",
        "5f938a8eea605438cc7360aa13c987bc6d7bd0c8d931b2917361ae7ae4eeda2f",
    ),
    "mlperf_tiny/ic_float.tflite": Published(
        *_TINY,
        "benchmark/training/image_classification/trained_models/pretrainedResnet.tflite",
        "b5c0046d6e0328b4956afd6baa29555a29b1f1c65bdd45aaed75b7cd484d9f79",
    ),
    "mlperf_tiny/ic_int8.tflite": Published(
        *_TINY,
        "benchmark/training/image_classification/trained_models/pretrainedResnet_quant.tflite",
        "3c002613d1b2475eb51dd78dfb85a546c8ae658dee71cf6ade43b022fe205415",
    ),
    "mlperf_tiny/kws.h5": Published(
        *_TINY_RESULTS,
        "closed/Qualcomm/code/AIMET/KWS/trained_models/kws_model.h5",
        "6acea01b0904804a63b0ba6b58ab2c843b87e19d1999d75a5dfd9ad42003781d",
    ),
    "mlperf_tiny/kws_float.tflite": Published(
        *_TINY,
        "benchmark/training/keyword_spotting/trained_models/kws_ref_model_float32.tflite",
        "e5004c6f1012246e33fa068d8488325538e0444073cd361f5a7edb40c73f12d2",
    ),
    "mlperf_tiny/kws_int8.tflite": Published(
        *_TINY,
        "benchmark/training/keyword_spotting/trained_models/kws_ref_model.tflite",
        "aeea436800704fce17b17292e4412630ad856e9d777c044c64ef748a880bd0ae",
    ),
    "mlperf_tiny/vww.h5": Published(
        *_TINY,
        "benchmark/training/visual_wake_words/trained_models/vww_96.h5",
        "af9111d50e6e85b2f2123345e0316ef1c384865ebf6b06340ddac7e66017450f",
    ),
    "mlperf_tiny/vww_float.tflite": Published(
        *_TINY,
        "benchmark/training/visual_wake_words/trained_models/vww_96_float.tflite",
        "115bbc094d2119561320a21f01b6500a18bea8cc8589282ab007097bec8af38c",
    ),
    "mlperf_tiny/vww_int8.tflite": Published(
        *_TINY,
        "benchmark/training/visual_wake_words/trained_models/vww_96_int8.tflite",
        "597a384c8c2c8a1276f04702f25013b7838f2f814f1ca7c174d295b73e3d6b7b",
    ),
}


def folder() -> Path:
    """Where published files are looked for: named by the environment, or beside `tests/`."""
    return Path(os.environ.get(VARIABLE) or DEFAULT_FOLDER)


def state(name: str, where: Path) -> str:
    """ "whole", "missing" or "damaged"."""
    path = where / name
    if not path.is_file():
        return "missing"
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return "whole" if digest == FILES[name].sha256 else "damaged"


def _download(name: str, where: Path) -> None:
    with urllib.request.urlopen(FILES[name].url, timeout=60) as answer:
        data = answer.read()
    if hashlib.sha256(data).hexdigest() != FILES[name].sha256:
        raise OSError(f"{FILES[name].url} is not what it was: its SHA-256 is another")
    path = where / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def main(arguments: list[str] | None = None) -> int:
    """Prints the state of every file; 0 if all of them are whole, otherwise 1."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--download", action="store_true", help="fetch what is missing or damaged")
    parser.add_argument(
        "--folder", type=Path, default=folder(), help=f"default: ${VARIABLE} or %(default)s"
    )
    asked = parser.parse_args(arguments)
    incomplete = 0
    for name, published in FILES.items():
        found = state(name, asked.folder)
        if found != "whole" and asked.download:
            try:
                _download(name, asked.folder)
                found = "fetched"
            except OSError as error:
                print(f"{name}: {error}", file=sys.stderr)
        incomplete += found not in ("whole", "fetched")
        print(f"{found:<8} {name:<52} {published.url}")
    return 1 if incomplete else 0


if __name__ == "__main__":
    raise SystemExit(main())
