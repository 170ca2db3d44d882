"""Readouts: cluster vectors to one vector for each graph."""
