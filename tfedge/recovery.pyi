from tfedge_converters.quantize.recovery import AdaRound as AdaRound
from tfedge_converters.quantize.recovery import BiasCorrection as BiasCorrection
from tfedge_converters.quantize.recovery import ClipSearch as ClipSearch
from tfedge_converters.quantize.recovery import Equalization as Equalization
from tfedge_converters.quantize.recovery import Step as Step
