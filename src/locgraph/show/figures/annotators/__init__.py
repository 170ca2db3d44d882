"""Figures of what annotators state: how they agree, and what they disagree about."""
