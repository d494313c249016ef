"""Weights that share a few values."""

from tfedge.clustering.model import cluster

__all__ = ["cluster"]
