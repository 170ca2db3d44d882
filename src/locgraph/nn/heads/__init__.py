"""Heads: graph vectors to logits."""
