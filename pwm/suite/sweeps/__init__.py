"""Sweeps of runs, and their copies at Weights & Biases."""
