"""Encoders and the 768-d hybrid vector."""
