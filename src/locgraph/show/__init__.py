"""Figures, the report page: what people look at."""
