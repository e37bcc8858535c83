"""What a run has learned: how well it acts, predicts and differentiates, and a film of it."""
