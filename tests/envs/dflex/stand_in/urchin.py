"""Stands in for urchin, which dflex imports."""
