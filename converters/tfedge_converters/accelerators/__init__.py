"""Accelerators beside a CPU: what of a model they compute, why not the rest, and what helps."""
