"""Stands in for usd-core, which dflex imports."""
