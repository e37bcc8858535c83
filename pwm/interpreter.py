"""The Python that other processes are started with."""

from __future__ import annotations

import sys

PYTHON = (sys.executable, "-P" if sys.version_info >= (3, 11) else "-I")
"""Without the working directory on its path: jobs start at the top of a checkout, and it is the image's code
that they run."""
