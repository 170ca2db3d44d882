"""Statements of annotators, and the labels that follow from them."""
