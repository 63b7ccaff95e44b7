import logging
import sys

import pytest
from freqtrade.enums import RunMode

from candlegraph.freqtrade_bridge.host.launch import last_error
from candlegraph.freqtrade_bridge.host.run_name import VARIABLE, named_run, namespace_of
from candlegraph.freqtrade_bridge.loopback.backtest import failure_of, refuse_ours
from candlegraph.graph.schema.errors import BridgeError, ConfigError


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


KNOWN = ("backtest:20251001T000000-aa11bb", "live", "backtest:live-test")


@pytest.mark.parametrize(
    ("word", "meant"), [(None, 0), ("aa11", 0), ("20251001", 0), ("live", 1), ("live-", 2), ("backtest:live-test", 2)]
)
def test_a_run_is_meant_by_its_name_or_any_part_that_no_other_has(word, meant):
    assert named_run(KNOWN, word) == KNOWN[meant]


@pytest.mark.parametrize(
    ("known", "word", "told"),
    [
        (KNOWN, "backtest", f"'backtest' is in the names of 2 runs; give more of one: {KNOWN[0]}, {KNOWN[2]}$"),
        (KNOWN, "paper", f"no run 'paper'; known: {', '.join(KNOWN)}, x.zip$"),
        (KNOWN, "", "no run ''; known: backtest"),
        ([f"backtest:{n}" for n in range(30)], "backtest", "backtest:7 and 22 more$"),
    ],
)
def test_a_word_that_means_none_or_several_is_answered_with_the_candidates(known, word, told):
    with pytest.raises(ConfigError, match=told):
        named_run(known, word, ["x.zip"])


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
