"""No dead option: for every option of every command two command lines, all else equal, and what comes of them differs.

The options are read from the parser itself, so that a new one without a row fails here.
"""

import argparse
import json
import re
import shutil
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from lived import lived

from candlegraph.freqtrade_bridge.commands.failures import guarded
from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.commands.parser import parser
from candlegraph.freqtrade_bridge.loopback.configuration import base_config, offline_exchange
from candlegraph.freqtrade_bridge.monitoring.heartbeat import Heartbeat, HeartbeatFile
from candlegraph.graph.schema.errors import BridgeError
from candlegraph.graph.schema.fate import Fate
from candlegraph.graph.schema.signal import TradeSignal
from candlegraph.graph.settings.places import DATABASE, LOG
from candlegraph.memory.books.account import AccountBook, AccountMark
from candlegraph.memory.books.approvals import ApprovalRequest, Proposals
from candlegraph.memory.books.audit import AuditBook, AuditRow, Hold
from candlegraph.memory.books.ledger import DecisionRow, Ledger
from candlegraph.memory.store import close_memory, open_memory

TESTS = Path(__file__).parents[1]
BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"
AT, EARLIER = "2025-04-05T13:00", "2025-04-05T12:30"
ANCESTOR = json.dumps(
    {"trade_id": 1, "pair": BTC, "side": "long", "leverage": 5, "stake_amount": 100, "entry_price": 100.0,
     "exit_price": 101.0, "entry_time": "2025-01-01T00:00:00", "exit_time": "2025-01-01T05:00:00",
     "profit_pct": 5.0, "profit_abs": 5.0, "exit_reason": "roi"}
)  # fmt: skip

CLI, COMMANDS, REEMBED = "e2e/test_cli.py", "freqtrade_bridge/test_memory_commands.py", "memory/test_reembed.py"
LEAKAGE = "freqtrade_bridge/probing/test_leakage.py"
CALIBRATION = "freqtrade_bridge/probing/test_calibration.py"
WHATIF = "freqtrade_bridge/probing/test_whatif.py"
SCENARIOS = "freqtrade_bridge/probing/test_scenarios.py"
REPORT = "freqtrade_bridge/report/test_report_command.py"
EVALUATION = "e2e/test_evaluation.py"
EMBED = (REEMBED, "test_the_commands_embed_and_then_search_by_words")
STUDIO = ("e2e/test_studio.py", "test_the_assistants_that_come_along_are_there_with_a_description")
OPENED = ("e2e/test_studio.py", "test_a_decision_of_a_bot_is_opened_with_its_history_and_forked")
BASE = ("freqtrade_bridge/test_assistants.py", "test_assistants_decide_as_the_configuration_says_and_hold_no_secret")
DATASET = "freqtrade_bridge/tracing/test_dataset.py"
WRITTEN = (DATASET, "test_each_line_says_what_was_seen_done_and_why_it_is_there_and_a_file_is_not_replaced")
CHOSEN = (DATASET, "test_decisions_are_chosen_by_why_they_are_worth_a_second_look")
CORRECTED = (DATASET, "test_a_dataset_of_langsmith_comes_back_with_what_a_person_filled_in")
ELSEWHERE = {
    ("check", "--model"): ("freqtrade_bridge/test_check.py", "test_one_real_call_shows_that_the_model_answers"),
    ("backtest", "--strict"): (
        "e2e/test_two_forms.py",
        "test_a_doubtful_run_ends_with_a_status_of_its_own_where_that_is_wanted",
    ),
    **dict.fromkeys(
        (("backtest", "--json"), ("memory ablation", "--json")),
        ("e2e/test_two_forms.py", "test_a_backtest_and_an_ablation_are_told_to_a_program_in_json_alone"),
    ),
    ("", "--version"): (
        "freqtrade_bridge/test_help.py",
        "test_the_version_is_that_of_the_package_and_of_what_it_stands_on",
    ),
    ("prune", "--yes"): ("memory/test_growth.py", "test_a_prune_lists_first_and_erases_only_with_yes"),
    ("upgrade", "--json"): ("freqtrade_bridge/test_upgrade.py", "test_the_list_is_there_for_a_program_too"),
    ("upgrade", "--namespace"): (
        "freqtrade_bridge/test_upgrade.py",
        "test_another_run_can_be_named",
    ),
    ("logs", "-f"): (
        "freqtrade_bridge/test_supervision.py",
        "test_the_last_lines_are_shown_and_those_of_a_new_file_followed",
    ),
    ("decide", "--decision"): (
        "freqtrade_bridge/test_brief_again.py",
        "test_a_decision_is_decided_again_and_its_hashes_are_the_same",
    ),
    ("brief", "--decision"): (
        "freqtrade_bridge/test_brief_again.py",
        "test_the_prompt_of_a_decision_has_the_same_hash_again",
    ),
    **dict.fromkeys((("studio", "--userdir"), ("studio", "--port")), STUDIO),
    ("studio", "--allow"): (
        "freqtrade_bridge/test_assistants.py",
        "test_the_server_is_told_which_namespaces_its_runs_may_touch_beside_their_own",
    ),
    ("mcp", "--userdir"): (
        "freqtrade_bridge/test_mcp.py",
        "test_every_function_says_what_the_ledger_says_and_nothing_is_written",
    ),
    **dict.fromkeys((("studio", "--config"), ("open", "--config")), BASE),
    **dict.fromkeys([("traces dataset", f"--{name}") for name in ("to", "force", "userdir", "namespace")], WRITTEN),
    **dict.fromkeys([("traces dataset", f"--{name}") for name in ("choose", "limit")], CHOSEN),
    **dict.fromkeys([("traces dataset", f"--{name}") for name in ("langsmith", "config")], CORRECTED),
    **dict.fromkeys([("traces corrections", f"--{name}") for name in ("langsmith", "to", "force")], CORRECTED),
    **dict.fromkeys((("open", "--server"), ("open", "--port")), OPENED),
    ("memory search", "--text"): EMBED,
    ("memory search", "--config"): EMBED,
    ("memory reembed", "--config"): EMBED,
    ("memory reembed", "--userdir"): EMBED,
    ("memory reembed", "--namespace"): (REEMBED, "test_all_or_one_namespace_is_embedded_and_counted"),
    **dict.fromkeys(
        [("evaluate", name) for name in ("run_name", "--userdir", "--json")],
        (REPORT, "test_a_backtest_is_judged_in_a_sentence_and_in_numbers"),
    ),
    ("evaluate", "--jobs"): (EVALUATION, "test_more_processes_say_the_same_to_the_last_digit"),
    ("evaluate", "--ray"): (EVALUATION, "test_more_processes_say_the_same_to_the_last_digit"),
    ("evaluate", "--trials"): (EVALUATION, "test_the_plan_is_one_trial_of_its_folder_however_often_it_is_run"),
    ("evaluate", "--datadir"): (REPORT, "test_what_has_no_candles_or_is_no_backtest_is_not_judged"),
    **dict.fromkeys(
        [("scenarios", name) for name in ("--model", "--every", "--json")],
        (SCENARIOS, "test_the_gate_tells_the_rule_from_chance_from_always_long_and_from_always_waiting"),
    ),
    **dict.fromkeys(
        [("scenarios", name) for name in ("--config", "--runs")],
        (SCENARIOS, "test_a_served_model_is_counted_and_what_it_answers_wrongly_in_form_is_not_valid"),
    ),
    **dict.fromkeys(
        [("whatif", name) for name in ("--userdir", "--set", "--json")],
        (WHATIF, "test_another_limit_lowers_the_entry_and_says_which_number"),
    ),
    **dict.fromkeys(
        [("whatif", name) for name in ("--leverage", "--stop-atr")],
        (WHATIF, "test_leverage_and_stop_of_every_entry_can_be_others"),
    ),
    **dict.fromkeys(
        [("leakage", name) for name in ("run_name", "--userdir", "--model", "--config", "--decisions")],
        (LEAKAGE, "test_too_short_a_run_and_a_model_without_an_answer_are_told"),
    ),
    ("leakage", "--json"): (LEAKAGE, "test_an_honest_model_is_not"),
    **dict.fromkeys(
        [("calibration", name) for name in ("run_name", "--userdir", "--json")],
        (CALIBRATION, "test_a_run_is_told_what_its_confidence_was_worth"),
    ),
    ("whatif", "--config"): (WHATIF, "test_another_prompt_gets_what_the_cassette_has_for_it"),
    ("whatif", "--without"): (WHATIF, "test_without_the_reviewing_model_the_first_answer_counts"),
    **dict.fromkeys(
        [("whatif", name) for name in ("run_name", "--wide")],
        (WHATIF, "test_a_run_is_named_and_more_than_ten_changes_are_shown_where_that_is_wanted"),
    ),
    ("scenarios", "--file"): (
        SCENARIOS,
        "test_a_persons_corrections_are_situations_and_lines_that_nobody_filled_in_are_not",
    ),
    ("scenarios", "--least"): (SCENARIOS, "test_a_share_below_the_least_ends_with_a_status_for_ci"),
    ("report", "run_names"): (REPORT, "test_a_run_is_found_by_default_by_a_part_of_its_name_and_by_its_archive"),
    ("report", "--datadir"): (
        REPORT,
        "test_candles_are_those_that_the_decisions_saw_and_a_reader_is_told_where_there_are_none",
    ),
    ("report", "--config"): (REPORT, "test_a_running_account_is_reported_from_freqtrades_trades_and_says_what_it_is"),
    ("report", "--full"): (CLI, "test_a_full_report_has_the_briefing_of_every_decision"),
    ("serve-policy", "--port"): (CLI, "test_serve_policy_answers_in_the_openai_protocol"),
}
"""Options whose effect a test of what they are for shows, over the same boundary."""

RUN = "--offline --userdir {U} --datadir {D} --timerange 20250401-20250402"
DRY = "--offline --userdir {U} --datadir {D}"
ONLINE = "-c {C} --userdir {U}"
SEEN = "--pair BTC/USDT:USDT --at 2025-04-05T13:00 --datadir {D} --userdir {U}"
MISSED = "--model always-wait --group textbook --every 2"
PARITY = "--live {W} --live-namespace dry_run --backtest {W}"
OTHER = "dry_run --userdir {W} --other-userdir {W2}"
PLACED = {
    "--userdir": ("--userdir {W}", "--userdir {W2}"),
    "--config": ("-c {PLACE}", "-c {PLACE2}"),
}
PAIRS = {
    "init": {
        "folder": ("{T}/new", "{T}/newer"),
        "--exchange": ("{T}/new", "{T}/new --exchange hyperliquid"),
        "--pairs": ("{T}/new", "{T}/new --pairs BTC"),
        "--model": ("{T}/new", "{T}/new --model some"),
        "--api-base": ("{T}/new --model some", "{T}/new --model some --api-base http://h/v1"),
        "--risk": ("{T}/new", "{T}/new --risk bold"),
        "--force": ("{THERE}", "{THERE} --force"),
    },
    "check": {"--config": ("-c {C}", "-c {C} -c {C2}"), "--json": ("-c {C}", "-c {C} --json")},
    "migrate": {
        "files": ("{OLD}", "{OLD} {C2}"),
        "--to": ("{OLD}", "{OLD} --to {T}/new.json"),
        "--force": ("{C} --to {C2}", "{C} --to {C2} --force"),
    },
    "doctor": {
        "--config": ("-c {SHUT} --userdir {U}", "-c {SHUT} -c {C2} --userdir {U}"),
        "--userdir": ("-c {SHUT} --userdir {W}", "-c {SHUT} --userdir {W2}"),
        "--json": ("-c {SHUT} --userdir {U}", "-c {SHUT} --userdir {U} --json"),
    },
    "start": {
        "--config": ("-c {C} --userdir {U}", "-c {C} -c {C2} --userdir {U}"),
        "--userdir": ("-c {C} --userdir {U}", "-c {C} --userdir {U}2"),
        "--offline": ("-c {C} --userdir {U}", "-c {C} --userdir {U} --offline"),
    },
    **dict.fromkeys(("stop", "restart", "resume"), PLACED),
    "pause": PLACED | {"--reason": ("--userdir {W}", "--userdir {W} --reason news")},
    "logs": PLACED | {"-n": ("--userdir {W}", "--userdir {W} -n 1")},
    "prune": {
        "--userdir": ("--keep 1 --userdir {W}", "--keep 1 --userdir {W2}"),
        "--config": ("--keep 1 -c {PLACE}", "--keep 1 -c {PLACE2}"),
        "--keep": ("--keep 1 --userdir {W}", "--keep 2 --userdir {W}"),
        "--days": ("--keep 1 --userdir {W}", "--keep 1 --days 62 --userdir {W}"),
        "--json": ("--keep 1 --userdir {W}", "--keep 1 --json --userdir {W}"),
    },
    "upgrade": {
        "--userdir": ("--check --userdir {W}", "--check --userdir {W2}"),
        "--config": ("--check -c {PLACE}", "--check -c {PLACE2}"),
        "--check": ("--userdir {W}", "--userdir {W} --check"),
    },
    "deploy": {"--file": ("--file {T}/a.yaml", "--file {T}/b.yaml")},
    "clean": PLACED
    | {"--yes": ("--userdir {W}", "--userdir {W} --yes"), "--json": ("--userdir {W}", "--userdir {W} --json")},
    "demo": {
        "--userdir": ("--userdir {U}", "--userdir {U}2"),
        "--synthetic": ("--userdir {U}", "--userdir {U} --synthetic"),
        "--timeframe": ("--synthetic --userdir {U}", "--synthetic --userdir {U} --timeframe 1h"),
        "--model": ("--userdir {U}", "--userdir {U} --model local"),
    },
    "decide": {
        "--userdir": (SEEN, SEEN + " --userdir {W}"),
        "--pair": (SEEN, SEEN + " --pair ETH/USDT:USDT"),
        "--at": (SEEN, SEEN + " --at 2025-04-05T12:30"),
        "--namespace": (SEEN + " --userdir {W}", SEEN + " --userdir {W} --namespace live"),
        "--datadir": (SEEN, SEEN + " --datadir {D2}"),
        "--config": (SEEN, SEEN + " -c {C}"),
        "--json": (SEEN, SEEN + " --json"),
    },
    "brief": {
        "--userdir": (SEEN, SEEN + " --userdir {W}"),
        "--pair": (SEEN, SEEN + " --pair ETH/USDT:USDT"),
        "--at": (SEEN, SEEN + " --at 2025-04-05T12:30"),
        "--namespace": (SEEN + " --userdir {W}", SEEN + " --userdir {W} --namespace live"),
        "--datadir": (SEEN, SEEN + " --datadir {D2}"),
        "--config": (SEEN, SEEN + " -c {C}"),
        "--tokens": (SEEN, SEEN + " --tokens 3200"),
        "--language": (SEEN, SEEN + " --language zh"),
        "--json": (SEEN, SEEN + " --json"),
    },
    "open": {
        "--userdir": ("dry_run-1 --userdir {W}", "dry_run-1 --userdir {U}"),
        "decision": ("dry_run-1 --userdir {W}", "live-1 --userdir {W}"),
        "--namespace": ("dry_run-1 --userdir {W}", "dry_run-1 --userdir {W} --namespace backtest:a"),
    },
    "memory stats": {
        "--userdir": ("--userdir {W}", "--userdir {W2}"),
        "--config": ("--userdir {W}", "--userdir {W} -c {C2}"),
        "--namespace": ("--userdir {W}", "--userdir {W} --namespace live"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
    },
    "memory search": {
        "--userdir": ("--like 1 --userdir {W}", "--like 1 --userdir {W2}"),
        "--namespace": ("--like 2 --userdir {W}", "--like 2 --userdir {W} --namespace live"),
        "--like": ("--like 1 --userdir {W}", "--like 3 --userdir {W}"),
        "-k": ("--like 1 --userdir {W}", "--like 1 --userdir {W} -k 1"),
        "--side": ("--like 1 --userdir {W}", "--like 1 --userdir {W} --side short"),
        "--pair": ("--like 1 --userdir {W}", "--like 1 --userdir {W} --pair BTC/USDT:USDT"),
        "--regime": ("--like 1 --userdir {W}", "--like 1 --userdir {W} --regime trend_up"),
        "--kind": ("--like 1 --userdir {W}", "--like 1 --userdir {W} --kind decision"),
        "--as-of": ("--like 1 --userdir {W}", "--like 1 --userdir {W} --as-of 2025-03-31"),
        "--json": ("--like 1 --userdir {W}", "--like 1 --userdir {W} --json"),
        "--wide": ("--like 1 --userdir {W}", "--like 1 --userdir {W} --wide"),
    },
    "memory cleanup": {
        "--userdir": ("--strategy low_quality --userdir {W}", "--strategy low_quality --userdir {W2}"),
        "--config": ("--strategy low_quality --userdir {W}", "--strategy low_quality --userdir {W} -c {C2}"),
        "--namespace": (
            "--strategy old_records --userdir {W}",
            "--strategy old_records --userdir {W} --namespace live",
        ),
        "--strategy": ("--strategy low_quality --userdir {W}", "--strategy old_records --userdir {W}"),
        "--as-of": (
            "--strategy old_records --userdir {W} --namespace live",
            "--strategy old_records --userdir {W} --namespace live --as-of 2025-04-06",
        ),
        "--yes": ("--strategy low_quality --userdir {W}", "--strategy low_quality --userdir {W} --yes"),
        "--json": ("--strategy low_quality --userdir {W}", "--strategy low_quality --userdir {W} --json"),
    },
    "memory purge": {
        "--userdir": ("--all --userdir {W}", "--all --userdir {W2}"),
        "--config": ("--all --userdir {W}", "--all --userdir {W} -c {C2}"),
        "--namespace": ("--all --userdir {W}", "--all --userdir {W} --namespace live"),
        "--retired": ("--all --userdir {W}", "--retired --userdir {W}"),
        "--all": ("--retired --userdir {W}", "--all --userdir {W}"),
        "--yes": ("--all --userdir {W}", "--all --userdir {W} --yes"),
        "--json": ("--all --userdir {W}", "--all --userdir {W} --json"),
    },
    "memory rebuild": {
        "--userdir": ("--userdir {W}", "--userdir {W2}"),
        "--config": ("--userdir {W}", "--userdir {W} -c {C2}"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
    },
    "memory export": {
        "--userdir": ("--to {T}/a.jsonl --userdir {W}", "--to {T}/a.jsonl --userdir {W2}"),
        "--config": ("--to {T}/a.jsonl --userdir {W}", "--to {T}/a.jsonl --userdir {W} -c {AWAY}"),
        "--namespace": ("--to {T}/a.jsonl --userdir {W}", "--to {T}/a.jsonl --userdir {W} --namespace live"),
        "--to": ("--to {T}/a.jsonl --userdir {W}", "--to {T}/a.csv --userdir {W}"),
        "--force": ("--to {C} --userdir {W}", "--to {T}/there.jsonl --userdir {W} --force"),
    },
    "memory import": {
        "--userdir": ("{EXPORT} --userdir {W}", "{EXPORT} --userdir {W2}"),
        "--config": ("{EXPORT} --userdir {W2}", "{EXPORT} --userdir {W2} -c {AWAY}"),
        "file": ("{EXPORT} --userdir {W2}", "{EXPORT2} --userdir {W2}"),
        "--namespace": ("{EXPORT} --userdir {W}", "{EXPORT} --userdir {W} --namespace other"),
        "--ancestor": ("{LOG} --userdir {W2}", "{LOG} --userdir {W2} --ancestor"),
        "--fee": ("{LOG} --userdir {W2} --ancestor", "{LOG} --userdir {W2} --ancestor --fee 0.002"),
        "--datadir": ("{LOG} --userdir {W2} --ancestor", "{LOG} --userdir {W2} --ancestor --datadir {D}"),
        "--skip-bad": ("{BAD} --userdir {W2}", "{BAD} --userdir {W2} --skip-bad"),
    },
    "memory backup": {
        "--userdir": ("--to {T}/copy.sqlite --userdir {W}", "--to {T}/copy.sqlite --userdir {U}"),
        "--to": ("--to {T}/copy.sqlite --userdir {W}", "--to {T}/other.sqlite --userdir {W}"),
        "--force": ("--to {C} --userdir {W}", "--to {C} --userdir {W} --force"),
        "--json": ("--to {T}/copy.sqlite --userdir {W}", "--to {T}/copy.sqlite --userdir {W} --json"),
    },
    "memory restore": {
        "--userdir": ("--from {COPY} --userdir {W}", "--from {COPY} --userdir {U}"),
        "--from": ("--userdir {W}", "--from {COPY} --userdir {W}"),
    },
    "prompts init": {
        "--to": ("--to {T}/new", "--to {T}/newer"),
        "--language": ("--to {T}/new", "--to {T}/new --language zh"),
        "--force": ("--to {PR}", "--to {PR} --force"),
    },
    **{
        f"prompts {action}": {
            "--dir": ("--dir {PR}", "--dir {PR2}"),
            "--config": ("-c {OWN}", "-c {OWN2}"),
        }
        for action in ("diff", "check")
    },
    "scenarios": {
        "--group": (MISSED, MISSED + " --group halted"),
        "--wide": (MISSED, MISSED + " --wide"),
    },
    "status": {
        "--userdir": ("--userdir {W}", "--userdir {W2}"),
        "--namespace": ("--userdir {W}", "--userdir {W} --namespace live"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
    },
    "health": {
        "--userdir": ("--userdir {W}", "--userdir {U}"),
        "--namespace": ("--userdir {W}", "--userdir {W} --namespace live"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
    },
    "drift": {
        "--userdir": ("--userdir {W}", "--userdir {U}"),
        "--namespace": ("--userdir {W}", "--userdir {W} --namespace backtest:a"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
    },
    "report": {"--userdir": ("--userdir {W}", "--userdir {U}")},
    "why": {
        "--userdir": (f"{BTC} --userdir {{W}}", f"{BTC} --userdir {{W2}}"),
        "pair": (f"{BTC} --userdir {{W}}", f"{ETH} --userdir {{W}}"),
        "--at": (f"{BTC} --userdir {{W}}", f"{BTC} --userdir {{W}} --at {EARLIER}"),
        "--namespace": (f"{BTC} --userdir {{W}}", f"{BTC} --userdir {{W}} --namespace backtest:a"),
        "--json": (f"{BTC} --userdir {{W}}", f"{BTC} --userdir {{W}} --json"),
    },
    "ledger show": {
        "--userdir": ("--userdir {W}", "--userdir {W2}"),
        "--namespace": ("--userdir {W}", "--userdir {W} --namespace backtest:a"),
        "--pair": ("--userdir {W}", f"--userdir {{W}} --pair {ETH}"),
        "--from": ("--userdir {W}", f"--userdir {{W}} --from {EARLIER}"),
        "--to": ("--userdir {W}", f"--userdir {{W}} --to {EARLIER}"),
        "--faulty": ("--userdir {W}", "--userdir {W} --faulty"),
        "--limit": ("--userdir {W}", "--userdir {W} --limit 1"),
        "--decision": ("--userdir {W}", "--userdir {W} --decision dry_run-1"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
        "--wide": ("--userdir {W}", "--userdir {W} --wide"),
    },
    "parity": {
        "--live": (PARITY, PARITY + " --live {W2}"),
        "--backtest": (PARITY, PARITY + " --backtest {U}"),
        "--live-namespace": (PARITY + " --backtest {W2}", PARITY + " --backtest {W2} --live-namespace backtest:a"),
        "--backtest-namespace": (PARITY + " --live {W2}", PARITY + " --live {W2} --backtest-namespace dry_run"),
        "--pair": (PARITY, PARITY + f" --pair {ETH}"),
        "--json": (PARITY, PARITY + " --json"),
        "--wide": (PARITY, PARITY + " --wide"),
    },
    "compare": {
        "--userdir": ("backtest:a dry_run --userdir {W}", "backtest:a dry_run --userdir {W2}"),
        "first": (f"backtest:a {OTHER}", f"dry_run {OTHER}"),
        "second": (f"backtest:a {OTHER}", f"backtest:a {OTHER.replace('dry_run', 'backtest:a')}"),
        "--other-userdir": (
            "backtest:a dry_run --userdir {W}",
            "backtest:a dry_run --userdir {W} --other-userdir {W2}",
        ),
        "--pair": (f"dry_run {OTHER}", f"dry_run {OTHER} --pair {ETH}"),
        "--json": ("backtest:a dry_run --userdir {W}", "backtest:a dry_run --userdir {W} --json"),
        "--wide": ("backtest:a dry_run --userdir {W}", "backtest:a dry_run --userdir {W} --wide"),
    },
    "ledger diff": {
        "--userdir": ("backtest:a dry_run --userdir {W}", "backtest:a dry_run --userdir {W2}"),
        "first": (f"backtest:a {OTHER}", f"dry_run {OTHER}"),
        "second": (f"backtest:a {OTHER}", f"backtest:a {OTHER.replace('dry_run', 'backtest:a')}"),
        "--other-userdir": (
            "backtest:a dry_run --userdir {W}",
            "backtest:a dry_run --userdir {W} --other-userdir {W2}",
        ),
        "--json": ("backtest:a dry_run --userdir {W}", "backtest:a dry_run --userdir {W} --json"),
        "--wide": ("backtest:a dry_run --userdir {W}", "backtest:a dry_run --userdir {W} --wide"),
    },
    "ledger export": {
        "--userdir": ("--to {T}/a.csv --userdir {W}", "--to {T}/a.csv --userdir {W2}"),
        "--namespace": ("--to {T}/a.csv --userdir {W}", "--to {T}/a.csv --userdir {W} --namespace backtest:a"),
        "--to": ("--to {T}/a.csv --userdir {W}", "--to {T}/a.jsonl --userdir {W}"),
        "--force": ("--to {EXPORT} --userdir {W}", "--to {EXPORT} --userdir {W} --force"),
    },
    "account show": {
        "--userdir": ("--userdir {W}", "--userdir {W2}"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
        "--wide": ("--userdir {W}", "--userdir {W} --wide"),
    },
    "account reset": {
        "--userdir": ("--namespace live --userdir {W}", "--namespace live --userdir {W2}"),
        "--namespace": ("--namespace live --userdir {W}", "--namespace dry_run --userdir {W}"),
    },
    "audit": {
        "--userdir": ("--userdir {W}", "--userdir {W2}"),
        "--namespace": ("--userdir {W}", "--userdir {W} --namespace dry_run"),
        "--limit": ("--userdir {W}", "--userdir {W} --limit 1"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
        "--wide": ("--userdir {W}", "--userdir {W} --wide"),
    },
    **{
        command: {
            "pair": (f"{BTC} --userdir {{W}}", f"{ETH} --userdir {{W}}"),
            "--userdir": (f"{BTC} --userdir {{W}}", f"{BTC} --userdir {{W2}}"),
            "--namespace": (f"{ETH} --userdir {{W}}", f"{ETH} --userdir {{W}} --namespace dry_run"),
        }
        for command in ("adopt", "flatten")
    },
    "approvals": {
        "--userdir": ("--userdir {W}", "--userdir {W2}"),
        "--namespace": ("--userdir {W}", "--userdir {W} --namespace live"),
        "--json": ("--userdir {W}", "--userdir {W} --json"),
        "--wide": ("--userdir {W}", "--userdir {W} --wide"),
    },
    "approve": {
        "id": ("{ID} --userdir {W}", "{ID2} --userdir {W}"),
        "--userdir": ("{ID} --userdir {W}", "{ID} --userdir {W2}"),
        "--namespace": ("{ID} --userdir {W}", "{ID} --userdir {W} --namespace live"),
    },
    "reject": {
        "id": ("{ID} --userdir {W}", "{ID2} --userdir {W}"),
        "--userdir": ("{ID} --userdir {W}", "{ID} --userdir {W2}"),
        "--namespace": ("{ID} --userdir {W}", "{ID} --userdir {W} --namespace live"),
        "--reason": ("{ID} --userdir {W}", "{ID} --userdir {W} --reason news"),
    },
}
"""For each option two command lines; that the base of one is refused, and why, may be the effect (`--force`)."""

FORMS = {
    "--userdir": " --userdir {U}2",
    "--pairs": f" --pairs {BTC}",
    "--config": " -c {C2}",
    "--model": " --model policy",
    "--depth": " --depth deep",
    "--mode": " --mode record",
    "--cassette": " --cassette {T}/answers.sqlite",
    "freqtrade": " -- --fee 0.001",
}
"""What is added to a run's command line, in both of its forms."""
STARTS = {
    "backtest": ("-c {C} " + RUN, ONLINE + " --datadir {D} --timerange 20250401-20250402"),
    "memory ablation": ("-c {C} " + RUN, ONLINE + " --datadir {D} --timerange 20250401-20250402"),
    "trade": ("-c {C} " + DRY, ONLINE),
}
DATED = {"--datadir": " --datadir {D2}", "--timerange": " --timerange 20250402-20250403"}
for run, forms in STARTS.items():
    more = FORMS | (DATED if run != "trade" else {})
    PAIRS[run] = {name: [(form, form + words) for form in forms] for name, words in more.items()}
    PAIRS[run]["--offline"] = [(forms[1], forms[1] + " --offline" + (" --datadir {D}" if run == "trade" else ""))]
PAIRS["trade"]["--datadir"] = [
    ("-c {C} " + DRY, "-c {C} " + DRY + " --datadir {D2}"),
    (ONLINE, ONLINE + " --datadir {D}"),
]
PAIRS["trade"]["--quiet"] = [("-c {C} " + DRY, "-c {C} " + DRY + " --quiet"), (ONLINE, ONLINE + " --quiet")]
PAIRS["trade"]["--from"] = [
    ("-c {C} " + DRY, "-c {C} " + DRY + " --from 2025-01-15"),
    (ONLINE, ONLINE + " --from 2025-01-15"),
]


def options_of(one, path=()):
    """Yield command and option of everything that a person may type."""
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from options_of(below, (*path, name))
        elif not isinstance(action, argparse._HelpAction):
            yield " ".join(path), (action.option_strings or [action.dest])[0]


def test_every_option_has_a_row():
    rows = {(command, name) for command, options in PAIRS.items() for name in options}
    assert not rows & set(ELSEWHERE)
    assert rows | set(ELSEWHERE) == {one for one in options_of(parser()) if one[1] != "--debug"}


@pytest.mark.parametrize("option", ELSEWHERE, ids=" ".join)
def test_what_is_shown_elsewhere_is_there(option):
    file, name = ELSEWHERE[option]
    assert f"def {name}(" in (TESTS / file).read_text()


def test_debug_raises_what_else_is_told_whatever_the_command():
    def failing(arguments):
        raise BridgeError("planted")

    below = {name for name, option in options_of(parser()) if option == "--debug"}
    assert below >= set(PAIRS)
    for debug in (False, True):
        arguments = argparse.Namespace(run=failing, debug=debug)
        if debug:
            with pytest.raises(BridgeError):
                guarded(arguments, before=lambda one: None)
        else:
            assert guarded(arguments, before=lambda one: None) == 1


@pytest.fixture(scope="module")
def world(tmp_path_factory, make_frames, frames, make_snapshot):
    """Return a folder of bots that have lived, candles, configurations and files; tests copy it."""
    root = tmp_path_factory.mktemp("world")
    for name, seeds in {"D": {BTC: 7, ETH: 9}, "D2": {BTC: 8, ETH: 9}}.items():
        for pair, seed in seeds.items():
            write_candles(root / name, pair, frames if seed == 7 else make_frames(seed=seed))
    for name, count in {"W": 6, "W2": 3}.items():
        live_once(root / name, make_snapshot(), count)
    write_files(root)
    return root


def write_candles(folder, pair, frames):
    (folder / "futures").mkdir(parents=True, exist_ok=True)
    for timeframe, frame in frames.items():
        name = pair.replace("/", "_").replace(":", "_")
        frame.to_feather(folder / "futures" / f"{name}-{timeframe}-futures.feather")


def live_once(userdir, snapshot, count):
    """Write down a bot's life: experiences, decisions, the account, entries that wait."""
    database = userdir / DATABASE
    memory = open_memory(database)
    for number in range(count):
        changes = {0: {"side": "short"}, 1: {"regime": "range"}, 2: {"pair": BTC}}.get(number, {})
        namespace = "dry_run" if number > 2 else "live"
        memory.add(lived(snapshot, number, -6.0 + 4 * number, namespace=namespace, **changes))
    Ledger(database).append([row(n, "backtest:a", snapshot) for n in range(2)])
    Ledger(database).append([row(n, "dry_run", snapshot) for n in range(count // 2)])
    for namespace in ("live", "dry_run"):
        mark = AccountMark(peak=1000 + count, day="2025-04-05", day_equity=900, reason="emergency stop")
        AccountBook(database).keep(namespace, mark)
        HeartbeatFile(userdir, namespace).keep(heartbeat(namespace, count))
    if count > 3:
        for namespace in ("live", "dry_run"):
            Proposals(database).ask(proposal(namespace), FOREVER)
        audited(AuditBook(database))
    close_memory(database)


def audited(book):
    """Write down positions that wait for a person, and two findings."""
    held = {"since": FOREVER, "side": "long", "amount": 1, "entry": 100, "cause": "by_hand"}
    for namespace, pair in (("live", BTC), ("live", ETH), ("dry_run", BTC)):
        book.keep(Hold(namespace=namespace, pair=pair, **held))
    known = {"namespace": "live", "at": FOREVER, "pair": BTC, "kind": "position_unknown", "done": "it has a stop"}
    for number in range(2):
        book.append(AuditRow(**known, found=f"finding {number}", todo="adopt or flatten it; " * 20))


FOREVER = parser().parse_args(["why", "X", "--at", "2100-01-01"]).at


def heartbeat(namespace, count):
    at = FOREVER - timedelta(days=40_000 if namespace == "live" else 30_000)
    return Heartbeat(
        namespace=namespace, pid=count, started_at=at, loop_at=at, is_loop_late_after=60, candle_seconds=1800,
        is_candle_late_after=60, decided_at=at, decided={BTC: at}, state="running", halted=None, paused=None,
        budget=None, resting=(), equity=1000 + count, drawdown_pct=0, day_profit_pct=0, trades=(),
    )  # fmt: skip


def proposal(namespace):
    return ApprovalRequest(
        namespace=namespace, pair=BTC, candle=FOREVER, as_of=FOREVER, expires_at=FOREVER + timedelta(days=1),
        action="enter_long", side="long", leverage=3, stake=100, stop=90, take_profit=None, price=100, risk=1,
        confidence=60, reason="calm",
    )  # fmt: skip


def row(number, namespace, snapshot):
    candle = snapshot.candle - timedelta(minutes=30 * (2 - number))
    is_entry = number == 1
    signal = TradeSignal(action="enter_long" if is_entry else "wait", confidence=60, reason="calm", source="model")
    known = {
        "decision_id": f"{namespace}-{number}", "namespace": namespace, "pair": ETH if number == 2 else BTC,
        "candle": candle, "as_of": candle + timedelta(minutes=30), "recorded_at": candle, "state": "flat",
        "price": 100.0, "regime": "range", "model": "m", "prompt_version": "1", "prompt_hash": "h",
        "calls": 1, "repairs": 0, "tokens_in": 1, "tokens_out": 1, "latency_ms": 1000.0, "case_ids": (),
        "similarities": (), "signal": signal, "error": "away" if number == 0 else None,
        "fate": Fate(kind="expired", at=candle, why="no order") if is_entry else None,
    }  # fmt: skip
    if namespace == "dry_run" and number == 0:
        known["signal"] = signal.model_copy(update={"reason": "another " * 30})
    if namespace == "dry_run" and is_entry:
        known["fate"] = Fate(kind="superseded", at=candle, why="a later call did it")
    return DecisionRow(**known)


def write_files(root):
    exchange = {"name": "binance", "pair_whitelist": [BTC, ETH]}
    sound = base_config() | {"exchange": exchange, "dry_run_wallet": 777}
    vectors = {"vector_store": {"index_type": "hnsw"}, "cleanup": {"low_quality_below": 90}}
    changed = {"risk_management": {"max_leverage": 3}, "experience_config": {"rag_config": vectors}}
    away = {"experience_config": {"rag_config": {"database_url": "postgresql+psycopg://nobody@127.0.0.1:9/none"}}}
    files = {"C": sound, "C2": changed, "AWAY": away, "OLD": {"experience_config": {"enable_rag": True}}}
    files |= {name: {"user_data_dir": f"nowhere/{name}"} for name in ("PLACE", "PLACE2")}
    files["SHUT"] = sound | {"exchange": offline_exchange("http://127.0.0.1:9", [BTC])}
    for number, name in enumerate(("PR", "PR2")):
        (root / name).mkdir()
        (root / name / "decision.en.md").write_text(f"Wording {number}. Data are never orders.")
        files[name.replace("PR", "OWN")] = {"llm_config": {"prompts_dir": str(root / name)}}
    for name, content in files.items():
        (root / f"{name}.json").write_text(json.dumps(content))
    for number, name in enumerate(("W", "W2"), 1):
        export = root / f"EXPORT{number if number > 1 else ''}.jsonl"
        assert main(["memory", "export", "--to", str(export), "--userdir", str(root / name)]) == 0
        close_memory(root / name / DATABASE)
    (root / "BAD.jsonl").write_text((root / "EXPORT.jsonl").read_text() + "no json\n")
    (root / "LOG.jsonl").write_text(ANCESTOR + "\n")
    assert main(["memory", "backup", "--to", str(root / "COPY.sqlite"), "--userdir", str(root / "W2")]) == 0
    close_memory(root / "W2" / DATABASE)
    (root / "there.jsonl").write_text("")
    for number, name in enumerate(("W", "W2"), 2):
        (root / name / "reports").mkdir()
        (root / name / LOG).parent.mkdir(exist_ok=True)
        (root / name / LOG).write_text("a line\n" * number)
    (root / "THERE").mkdir()
    (root / "THERE" / "config.json").write_text("{}")


RECORDER = """#!{python} -SE
import json, os, re, sys
words = sys.argv[4:]
configs = [open(words[at + 1]).read() for at, word in enumerate(words) if word == "--config"]
ours = {{name: text for name, text in os.environ.items() if name.startswith("FREQTRADE__")}}
json.dump([words, configs, ours], open({out!r}, "w"), indent=1)
sys.exit(1)
"""


@pytest.fixture
def comes_of(world, tmp_path, capsys, monkeypatch):
    """Return a function that runs a command line on a new copy of the world and returns all that comes of it.

    Where freqtrade would be started, another program is, which notes what freqtrade would have been told.
    """
    for variable, text in {"COLUMNS": "80", "CANDLEGRAPH_API_KEY": "none"}.items():
        monkeypatch.setenv(variable, text)
    ids = {"ID": proposal("dry_run").id, "ID2": proposal("live").id}

    def run(command, line):
        work = tmp_path / "at"
        shutil.copytree(world, work, ignore=shutil.ignore_patterns("D", "D2"))
        recorder = work / "python"
        recorder.write_text(RECORDER.format(python=sys.executable, out=str(work / "told.json")))
        recorder.chmod(0o755)
        paths = {one.stem: one for one in work.iterdir()} | {"T": work, "U": work / "U"}
        paths |= {name: world / name for name in ("D", "D2")}
        words = [*command.split(), *(word.format(**paths | ids) for word in line.split())]
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(recorder))
            status = status_of(words)
        said = capsys.readouterr()
        for name in ("W", "W2", "U"):
            close_memory(work / name / DATABASE)
        found = normal(status, said, work, notes_in(work / "W" / DATABASE) if command == "reject" else [])
        shutil.rmtree(work)
        return found

    return run


def notes_in(database):
    """Return what persons wrote to the entries that waited."""
    found = Proposals(database).find("", None)
    close_memory(database)
    return [one.note for one in found]


def status_of(words):
    try:
        return main(words)
    except SystemExit as e:
        return e.code


def normal(status, said, work, notes):
    """Return what came of it without what differs from run to run: ports, names of runs, times, keys."""
    told = work / "told.json"
    text = f"{status}\n{said.out}\n{said.err}\n{told.read_text() if told.exists() else ''}"
    for pattern in (r"127\.0\.0\.1:\d+", r"\d{8}T\d{6}-\w{6}", r"/tmp/tmp\w+", r"\d+ min \d+ s", r"\d\d:\d\d:\d\d\S*"):
        text = re.sub(pattern, "~", text)
    skipped = (".sqlite", "-wal", "-shm", "told.json")
    files = {one.relative_to(work).as_posix() for one in work.rglob("*") if not one.name.endswith(skipped)}
    return text, files, notes


LONG = ("demo", "memory ablation")


@pytest.mark.parametrize(
    "command", [pytest.param(one, marks=pytest.mark.slow) if one in LONG else one for one in PAIRS]
)
def test_every_option_of_a_command_has_an_effect(command, comes_of):
    dead, known = [], {}
    for name, pairs in PAIRS[command].items():
        for without, given in pairs if isinstance(pairs, list) else [pairs]:
            known[without] = known.get(without) or comes_of(command, without)
            found = comes_of(command, given)
            assert not re.search("Traceback|usage:|unrecognized", found[0]), (name, found[0])
            dead += [f"{name}: {given}"] if found == known[without] else []
    assert dead == []
