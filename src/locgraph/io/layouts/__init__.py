"""Layouts: how the columns of one software are called, and in which unit they are."""
