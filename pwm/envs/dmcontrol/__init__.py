"""The thirty tasks of MT30 (TD-MPC2, arXiv 2310.16828) on MuJoCo: DMControl's nineteen and eleven more."""
