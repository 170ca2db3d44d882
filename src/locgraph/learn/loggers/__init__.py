"""Loggers: where a run is shown beside its folder. The only place that knows wandb, MLflow and TensorBoard."""
