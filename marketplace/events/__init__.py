"""Interactions, leads and their weights."""
