"""How far a prediction can be trusted: calibrated probabilities, prediction sets, and FOVs unlike those of training."""
