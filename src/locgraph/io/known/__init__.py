"""Columns of known software, by which alone it is recognised: software of microscopes, and other programs."""
