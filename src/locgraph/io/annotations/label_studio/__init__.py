"""Annotations as tasks of Label Studio, in and out: facts of its JSON, no package of it."""
