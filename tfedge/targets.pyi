from tfedge_converters.targets import Target as Target
from tfedge_converters.targets import load as load
from tfedge_converters.targets import names as names
