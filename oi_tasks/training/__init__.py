"""Training: the loop, losses, schedules, sampling, checkpoints."""
