from tfedge.clustering.cluster_layer import Cluster as Cluster
from tfedge.pruning.prune_layer import Prune as Prune
from tfedge.quantization.quantize_layer import Quantize as Quantize
from tfedge.quantization.quantize_layer import QuantizeInput as QuantizeInput
