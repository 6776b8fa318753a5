"""Learning, pure: arrays and frames in and out, never a store or a setting."""
