"""Where the kernel itself lets nothing but loopback through, freqtrade's own commands do all they do elsewhere."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "only_loopback.py"
ALONE = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "alone"]


def may_be_alone():
    """Return whether this machine lets us make a network of our own."""
    try:
        return subprocess.run([*ALONE, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.slow
@pytest.mark.skipif(not may_be_alone(), reason="no network namespace may be made here")
def test_data_backtest_dry_run_and_live_orders_need_nothing_but_loopback(tmp_path):
    command = [*ALONE, sys.executable, str(SCRIPT), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    assert "interfaces: lo;" in done.stdout
    for step in ("download-data: status 0", "backtesting: status 0", "trade (dry-run): status", "trade (live): status"):
        assert f"freqtrade {step}" in done.stdout
