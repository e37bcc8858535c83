"""Layers, two-hot coding, ensembles, integrators: pure functions and modules that know nothing of RL."""
