"""``accelerate launch`` as ``pwm train`` calls it: without its account, over pages, of a process that died.

The launcher gives one in a line (:mod:`pwm.commands.launch`).
"""

from __future__ import annotations

import logging
import sys

from accelerate.commands.launch import main
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

if __name__ == "__main__":
    logging.disable(logging.ERROR)
    try:
        main()
    except ChildFailedError:
        sys.exit(1)
