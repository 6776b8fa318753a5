"""The asset graph; wiring only."""
