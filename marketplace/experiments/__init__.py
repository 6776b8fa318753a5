"""Experiments on what shoppers are shown: who takes part, what may be concluded, and when to stop."""
