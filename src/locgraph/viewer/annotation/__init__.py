"""Statements of annotators in the viewer: checked, kept, ordered, and shown back."""
