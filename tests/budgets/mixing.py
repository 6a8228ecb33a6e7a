"""A process that makes mixed calls until it is killed.

python mixing.py DATABASE SEED
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from budgets.test_sums import mixed

if __name__ == "__main__":
    asyncio.run(mixed(Path(sys.argv[1]), 4_000, seed=int(sys.argv[2])))
