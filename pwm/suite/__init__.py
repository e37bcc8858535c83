"""The eight experiments as one suite: running them, reading their logs, comparing them."""
