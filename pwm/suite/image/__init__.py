"""The image of every run: built with Docker, turned into a SIF, and held against the checkout."""
