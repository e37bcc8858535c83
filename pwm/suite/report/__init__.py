"""The comparison: run folders in, tables, figures and answers out."""
