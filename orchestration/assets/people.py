"""Whose assets are whose."""

SCIENTISTS = ["team:data-science"]
