from tfedge_converters.ptq.recovery import AdaRound as AdaRound
from tfedge_converters.ptq.recovery import BiasCorrection as BiasCorrection
from tfedge_converters.ptq.recovery import ClipSearch as ClipSearch
from tfedge_converters.ptq.recovery import Equalization as Equalization
from tfedge_converters.ptq.recovery import Step as Step
