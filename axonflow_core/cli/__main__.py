"""`python -m axonflow_core.cli`, where the command itself is not on the path."""

import sys

from axonflow_core.cli import main

sys.exit(main())
