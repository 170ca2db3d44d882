"""Trained models: loaded, asked, evaluated and explained."""
