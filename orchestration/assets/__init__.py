"""The assets, one module per station, checks beside what they check."""
