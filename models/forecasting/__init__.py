"""What is to come, told by exponential smoothing and held against the past: arrays in, arrays out."""
