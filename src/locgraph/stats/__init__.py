"""Metrics, intervals, effect sizes and tests: numbers in, numbers out, over scikit-learn and scipy."""
