"""Descriptors: one row of numbers for a whole field of view (numpy alone, no torch)."""
