from tfedge_converters.backends import Backend as Backend
from tfedge_converters.backends import Emission as Emission
from tfedge_converters.backends import Footprint as Footprint
from tfedge_converters.backends import register_backend as register_backend
