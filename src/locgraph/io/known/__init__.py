"""Columns of known software, which is recognised by them alone: instruments, programs, and exports of single programs."""
