"""A process that copies an audit in small pages, and writes a line for each: one as long as a pipe,
so that it is at most a page ahead of whoever reads them.

python copy_in_pages.py SOURCE TARGET
"""

from __future__ import annotations

import fcntl
import os
import sys

from axonflow_core.audit import copying
from axonflow_core.audit.databases.urls import database_of
from axonflow_core.audit.keys import Signer
from axonflow_core.keys import Keys
from axonflow_core.server.service import tables

KEYS = Keys(server=(b"s" * 32,), signing=b"i" * 32, master=b"m" * 32)

if __name__ == "__main__":
    copying.PAGE = 20
    line = b"a page".ljust(fcntl.fcntl(1, fcntl.F_GETPIPE_SZ) - 1) + b"\n"
    copying.copy(
        database_of(sys.argv[1]),
        database_of(sys.argv[2]),
        tables(),
        Signer(KEYS).public_keys,
        progress=lambda count: os.write(1, line),
    )
