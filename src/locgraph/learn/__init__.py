"""Tasks, the LightningModule, losses, optimisation, checkpoints, loggers and the run folder."""
