"""Costs of a model on a device: flash, RAM, instructions, time and energy, layer by layer."""

from tfedge_converters.profile.entry import profile
from tfedge_converters.profile.report import LayerProfile, Profile

__all__ = ["LayerProfile", "Profile", "profile"]
