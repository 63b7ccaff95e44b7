"""Whether a change leaves every prompt, call, signal, trade and memory row of a backtest as it was, to the byte.

    python tests/equality.py                              records the reference anew: say in the commit why
    python tests/equality.py real "BTC/USDT:USDT 2025-03-01 09:00"    prints what was sent on that candle

Run the second one before and after a change to see the two texts of a decision that differs. The run `real` needs
CANDLEGRAPH_MARKET, a folder of real candles; without it its reference is kept as it is.
"""

import hashlib
import json
import os
import re
import sqlite3
import sys
import tempfile
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

REFERENCE = Path(__file__).parent / "equality.json"
OF_A_RUN = {"decision_id", "namespace", "recorded_at", "latency_ms", "case_ids"}
TIGHT = {
    "llm_config": {"depth": "deep", "triage": {"enabled": True}},
    "context_config": {"language": "zh", "max_context_tokens": 5000},
}
OPEN = {
    "risk_management": {"max_daily_loss_pct": 90},
    "experience_config": {"min_trades_for_learning": 3, "record_min_profit_pct": 0.5},
}
"""Losses stop nothing, a few trades are enough to learn from, and a small profit is a winner."""
RUNS = {
    "real": ("20250301-20250304", 2, {}),
    "sample": ("20251010-20251011", 2, {}),
    "deep": ("20251012-20251013", 1, TIGHT),
}
"""Time range, number of pairs, and what differs from the defaults."""
STORAGE = re.compile(r'"(storage|存储)": {[^}]*}')
REAL_PAIRS = ("BTC/USDT:USDT", "ETH/USDT:USDT")


@dataclass
class Told:
    """The fingerprint of a run, and the texts behind it: by decision, then by part."""

    hashes: dict
    texts: dict


def has_market(run):
    return run != "real" or "CANDLEGRAPH_MARKET" in os.environ


def told_by(run, sample, userdir):
    """Return what a backtest told on the sample market, or on the real one."""
    import backtests

    timerange, count, changes = RUNS[run]
    datadir, pairs = sample.datadir, sample.pairs
    if run == "real":
        datadir, pairs = Path(os.environ["CANDLEGRAPH_MARKET"]) / "binance", REAL_PAIRS
    return told(backtests.run(datadir, userdir, pairs[:count], timerange, "StoryStrategy", **OPEN | changes))


def told(backtest):
    rows = backtest.decisions()
    context = backtest.strategy.session.context
    sent = sent_by_decision(rows, backtest.strategy.story.asked)
    texts = {"decisions": {}, "trades": {}, "memory": {}}
    for row, prompts in zip(rows, sent, strict=True):
        texts["decisions"][f"{row.pair} {row.candle:%Y-%m-%d %H:%M}"] = decision_texts(row, prompts, context.namespace)
    for trade in backtest.trades.to_dict("records"):
        texts["trades"][f"{trade['pair']} {trade['open_date']:%Y-%m-%d %H:%M}"] = {"trade": plain(trade)}
    texts["memory"] = memory_texts(context)
    return Told({kind: hashed(known) for kind, known in texts.items()}, texts)


def sent_by_decision(rows, asked):
    """Return what each decision sent: the story heard the calls of a pair in the order of its candles."""
    heard = {pair: [one for one in asked if one[0] == pair] for pair in {row.pair for row in rows}}
    found = []
    for row in rows:
        found.append(in_order(heard[row.pair][: calls_of(row)]))
        del heard[row.pair][: calls_of(row)]
    assert not any(heard.values()), "every call belongs to a decision"
    return found


def in_order(prompts):
    """Return the calls with bull before bear: they are asked at once, so either may be heard first."""
    is_case = ["MakeCase" in json.dumps(offered) for _, offered, _ in prompts]
    cases = iter(
        sorted((one for one, case in zip(prompts, is_case, strict=True) if case), key=lambda one: one[2][0].text)
    )
    return [next(cases) if case else one for one, case in zip(prompts, is_case, strict=True)]


def calls_of(row):
    """Return how many calls a decision took; opinions count once, and none of the story's is repaired."""
    return len(row.model_calls)


def decision_texts(row, prompts, namespace):
    """Return the parts of a decision; the sections of its prompt are parts of their own."""
    doc = row.model_dump(mode="json", exclude=OF_A_RUN | {"inputs_hash"})
    signal = {name: value for name, value in doc.pop("signal").items() if name != "decision_id"}
    calls = {"functions": doc.pop("functions"), "model_calls": doc.pop("model_calls")}
    for one in calls["model_calls"]:
        one.pop("seconds")
    sections = prompts[-1][2][1].content.split("\n\n") if prompts else []
    return {
        **{f"section {number}": text for number, text in enumerate(sections)},
        **{f"prompt {number}": shown(messages, namespace) for number, (_, _, messages) in enumerate(prompts, start=1)},
        "functions": "\n".join(json.dumps(offered) for _, offered, _ in prompts),
        "calls": plain(calls),
        "signal": plain(signal),
        "row": plain(doc),
    }


def shown(messages, namespace):
    """Return messages as text; what the memory says of itself names the run."""
    calls = [getattr(one, "tool_calls", None) or getattr(one, "tool_call_id", None) for one in messages]
    said = [f"[{one.type}] {one.content} {call or ''}" for one, call in zip(messages, calls, strict=True)]
    return STORAGE.sub("STORAGE", "\n".join(said).replace(namespace, "NAMESPACE"))


def memory_texts(context):
    """Return what was stored for later: experiences, their vectors, and how their trades went."""
    query = (
        "select e.kind, e.doc, v.space, hex(v.vector), c.doc from experiences e "
        "left join vectors v on v.experience_id = e.id left join courses c on c.experience_id = e.id "
        "where e.namespace = ? order by e.known_at, e.pair, e.kind, e.id"
    )
    with closing(sqlite3.connect(context.database)) as connection:
        found = connection.execute(query, (context.namespace,)).fetchall()
    texts = {}
    for number, (kind, doc, space, vector, course) in enumerate(found):
        experience, followed = json.loads(doc), json.loads(course or "null")
        experience["source"] = without(experience["source"], "namespace", "decision_id", "key", "trade_key")
        texts[f"{number} {kind} {experience['source']['pair']}"] = {
            "experience": plain(without(experience, "key")),
            "vector": f"{space} {vector}",
            "course": plain(followed and without(followed, "namespace", "trade_key")),
        }
    return texts


def without(known, *names):
    return {name: value for name, value in known.items() if name not in names}


def plain(tree):
    """Return JSON without ids; numbers with nine digits, similarities with five: processors differ in the last ones."""
    return json.dumps(rounded(tree), ensure_ascii=False, sort_keys=True, default=str)


def rounded(tree, digits=9):
    match tree:
        case dict():
            return {
                name: rounded(value, 5 if name == "similarities" else digits)
                for name, value in tree.items()
                if name != "id" and not name.endswith("_id")
            }
        case list() | tuple():
            return [rounded(one, digits) for one in tree]
        case float():
            return float(f"{tree:.{digits}g}")
    return tree


def hashed(known):
    return {name: " ".join(hash_of(text) for text in parts.values()) for name, parts in known.items()}


def hash_of(text):
    return hashlib.sha256(text.encode()).hexdigest()[:6]


def difference(told, reference):
    """Return which decision, trade or memory row differs first and in which part, with its present text; "" if none."""
    for kind, expected in reference.items():
        found = told.hashes[kind]
        for name in dict.fromkeys([*expected, *found]):
            if name not in found or name not in expected:
                return f"{kind}: {name}: {'is gone' if name in expected else 'is new'}"
            if found[name] != expected[name]:
                return f"{kind}: {name}: {part_that_differs(told.texts[kind][name], expected[name].split())}"
    return ""


def part_that_differs(parts, expected):
    if len(parts) != len(expected):
        return f"{len(parts)} parts, were {len(expected)}: {', '.join(parts)}"
    return next(
        f"{part} differs, and is now:\n{text}"
        for (part, text), known in zip(parts.items(), expected, strict=True)
        if hash_of(text) != known
    )


def reference_of(run):
    return json.loads(REFERENCE.read_text())[run]


def main(*wanted):
    from candlegraph.freqtrade_bridge.loopback.sample_market import write_sample_market

    os.environ["LANGSMITH_TRACING"] = "false"
    with tempfile.TemporaryDirectory() as folder:
        sample = write_sample_market(Path(folder) / "sample")
        if wanted:
            run, decision = wanted
            found = told_by(run, sample, Path(folder) / run).texts["decisions"][decision]
            sys.stdout.write("\n\n".join(f"# {part}\n{text}" for part, text in found.items()) + "\n")
            return
        known = json.loads(REFERENCE.read_text()) if REFERENCE.exists() else {}
        for run in filter(has_market, RUNS):
            known[run] = told_by(run, sample, Path(folder) / run).hashes
        REFERENCE.write_text(json.dumps(known, indent=0) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
