from tfedge.errors import DifferenceError as DifferenceError
from tfedge.errors import MissingToolError as MissingToolError
from tfedge.errors import ModelFileError as ModelFileError
from tfedge.errors import QualityError as QualityError
from tfedge.errors import TfedgeError as TfedgeError
from tfedge.errors import UnsupportedError as UnsupportedError
from tfedge.quantization.model import quantize as quantize
from tfedge.stripping import strip as strip
from tfedge_converters.artifact import Artifact as Artifact
from tfedge_converters.calibrate_model import calibrate as calibrate
from tfedge_converters.check import check as check
from tfedge_converters.check.report import CheckReport as CheckReport
from tfedge_converters.conversion import convert as convert
from tfedge_converters.diagnosis import diagnose as diagnose
from tfedge_converters.diagnosis.report import Diagnosis as Diagnosis
from tfedge_converters.loading import load as load
from tfedge_converters.profile.entry import profile as profile
from tfedge_converters.profile.report import Profile as Profile
from tfedge_converters.ptq import Calibration as Calibration
from tfedge_converters.search import WidthSearch as WidthSearch
from tfedge_converters.search import search_widths as search_widths
from tfedge_converters.verify import Verification as Verification
from tfedge_converters.verify import verify as verify

from . import backends as backends
from . import calibration as calibration
from . import callbacks as callbacks
from . import clustering as clustering
from . import distillation as distillation
from . import errors as errors
from . import factorization as factorization
from . import layers as layers
from . import pruning as pruning
from . import quantization as quantization
from . import recovery as recovery
from . import targets as targets

__version__: str
