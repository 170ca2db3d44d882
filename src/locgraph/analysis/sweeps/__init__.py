"""Runs of a sweep read back and summarised: folds and seeds, the model beside simple classifiers."""
