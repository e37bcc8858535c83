"""Environments of the simulator dflex, where it is installed. Importing this imports nothing of dflex."""
