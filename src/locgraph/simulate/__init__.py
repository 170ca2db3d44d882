"""Simulated DNA-PAINT origami, written as ordinary raw files."""
