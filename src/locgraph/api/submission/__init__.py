"""Training handed over: a snapshot of code, settings and environment, the process that runs from it, and its jobs."""
