"""Days that are not as they were to be expected: pure arithmetic on arrays."""
