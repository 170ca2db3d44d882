"""Simulated DNA-PAINT origami, rings and motifs, written as ordinary raw files."""
