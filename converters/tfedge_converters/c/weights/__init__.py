"""Weights that take less flash than a byte each: their forms, and how kernels get them back."""
