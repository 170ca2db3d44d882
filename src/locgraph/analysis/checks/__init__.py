"""Checks of a finished run or sweep: could the result be something else than the shape of the structures?"""
