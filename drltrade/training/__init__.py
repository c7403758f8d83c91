"""The loop around an agent: evaluation, checkpoints, early stopping, logging."""
