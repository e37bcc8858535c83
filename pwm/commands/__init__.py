"""The entry points: train, eval and bench, and how training is started in several processes."""
