"""Statistics: numbers in, numbers out, over scikit-learn, scipy and torchmetrics."""
