"""``python -m pwm`` is ``pwm``."""

import sys

from pwm.cli import main

sys.exit(main())
