"""Experiments on recommendations."""
