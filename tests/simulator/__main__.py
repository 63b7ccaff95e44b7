"""`python -m tests.simulator --seed N --candles M --pairs K`: play one seed again and print what happened."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from simulator.command import main

main(sys.argv[1:])
