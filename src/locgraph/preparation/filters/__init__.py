"""Filters: which localisations of a field of view (FOV) are taken on to clustering, and which become one."""
