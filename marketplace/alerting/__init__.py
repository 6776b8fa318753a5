"""Telling people of alerts: what is said, when, and through which channel."""
