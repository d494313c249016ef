from tfedge.clustering.model import cluster as cluster
