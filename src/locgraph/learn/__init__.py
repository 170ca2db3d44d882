"""The LightningModule, its checkpoints, callbacks, loggers and results."""
