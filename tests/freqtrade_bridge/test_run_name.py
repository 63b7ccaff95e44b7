import logging
import sys

import pytest
from freqtrade.enums import RunMode

from candlegraph.freqtrade_bridge.host.launch import last_error
from candlegraph.freqtrade_bridge.host.run_name import VARIABLE, namespace_of
from candlegraph.freqtrade_bridge.loopback.backtest import failure_of, refuse_ours
from candlegraph.graph.schema.errors import BridgeError


def test_a_given_name_is_used_once_and_never_live(monkeypatch):
    monkeypatch.setenv(VARIABLE, "mine")
    assert namespace_of(RunMode.LIVE) == "live"
    first, second = namespace_of(RunMode.BACKTEST), namespace_of(RunMode.BACKTEST)
    assert first == "backtest:mine"
    assert second.startswith("backtest:") and second != first


def test_a_dry_run_offline_has_a_namespace_of_its_own(monkeypatch):
    monkeypatch.setenv(VARIABLE, "mine")
    assert namespace_of(RunMode.DRY_RUN) == "offline:mine"
    assert namespace_of(RunMode.DRY_RUN) == "dry_run"


def test_two_runs_have_two_names():
    assert namespace_of(RunMode.BACKTEST) != namespace_of(RunMode.BACKTEST)


@pytest.mark.parametrize(
    ("extra", "named"),
    [
        (["--fee", "0", "--export-directory", "x"], "--export-directory"),
        (["--backtest-directory=x"], "--backtest-directory"),
        (["--strategy-list", "A", "B"], "--strategy-list"),
        (["--userdir", "x"], "--userdir"),
        (["-p", "ETH/USDT:USDT"], "-p"),
        (["--timerange", "20250301-"], "--timerange"),
        (["-d", "x"], "-d"),
        (["-c", "x.json"], "-c"),
        (["--export=none"], "--export none"),
        (["--export", "none"], "--export none"),
    ],
)
def test_an_option_that_parts_a_run_from_its_result_is_refused(extra, named):
    with pytest.raises(BridgeError, match=f"-- {named}: "):
        refuse_ours(extra)


def test_other_options_go_to_freqtrade():
    refuse_ours([])
    refuse_ours(["--export", "signals", "--breakdown", "day", "none", "--fee=0"])


def record(level, message, exc_info=None):
    return logging.LogRecord("freqtrade", level, "", 0, message, (), exc_info)


def raised():
    try:
        raise BridgeError("no candles")
    except BridgeError:
        return sys.exc_info()


def test_the_reason_is_the_last_error_an_exception_with_its_name():
    records = [record(logging.ERROR, "first"), record(logging.ERROR, "second"), record(logging.WARNING, "late")]
    assert last_error(records) == "second"
    assert last_error([*records, record(logging.ERROR, "Fatal exception!", raised())]) == "BridgeError: no candles"
    assert last_error(records[2:]) == ""


def test_without_a_reason_the_status_is_told():
    assert "status -9" in failure_of(-9, "")
    assert '"export": "none"' in failure_of(0, ""), "freqtrade ended well, and wrote nothing"
