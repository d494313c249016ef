from tfedge.quantization.layer_table import register as register
from tfedge.quantization.model import QuantizedModel as QuantizedModel
from tfedge.quantization.phase import Phase as Phase
from tfedge.quantization.schemes import ActivationScheme as ActivationScheme
from tfedge.quantization.schemes import LayerScheme as LayerScheme
from tfedge.quantization.schemes import Scheme as Scheme
from tfedge.quantization.schemes import StorageScheme as StorageScheme
from tfedge.quantization.schemes import WeightScheme as WeightScheme
