"""Builders of small inputs that several test modules share."""
