"""What a closed trade teaches, in words: how it went, and what its strongest counterfactuals say.

table -> the sentence of its course -> one or two findings -> whether luck explains them as well

No pair, price or date, so that equal trades teach in equal words; every number is one of the table's.
"""

from __future__ import annotations

from collections.abc import Sequence

from candlegraph.graph.settings.context import Language
from candlegraph.memory.counterfactual.findings import Finding, findings_of
from candlegraph.memory.counterfactual.phrases import (
    A_DAY,
    BETWEEN,
    COURSE,
    DAYS,
    FINDING,
    HOURS,
    MINUTES,
    NOTE,
    SIDES,
    SWAP,
)
from candlegraph.memory.counterfactual.table import Course, Outcome, Table

NEARLY = 0.75
"""Of the risk: so bad was close to the stop, so good a gain worth a word."""
HARDLY = 0.25
NEAR_BEST, LITTLE_LEFT = 0.8, 0.4
"""Of the best profit."""


def lesson_of(table: Table, language: Language) -> str:
    """Return the lesson of a trade as far as its table is known; it begins with the sentence of the course."""
    course, findings = table.course, findings_of(table)
    said = [course_told(course, language)]
    said += [FINDING[language][finding_name(table, one)].format(**_fields(table, one, language)) for one in findings]
    behind = _behind(table, findings)
    said[1:1] = [NOTE[language][name] for name in _before(table, is_followed=bool(findings or behind))]
    said += [NOTE[language][name] for name in behind]
    return BETWEEN[language].join(said)


def course_told(course: Course, language: Language) -> str:
    """Return how the trade went, in one sentence."""
    return COURSE[language][course_name(course)].format(**_course_fields(course, language))


def course_name(course: Course) -> str:
    """Return which sentence tells how the trade went."""
    if course.closing == "liquidation":
        return "liquidation"
    if course.closing == "exit":
        return _exit_name(course)
    if course.minutes < course.candle_minutes:
        return f"{course.closing}_at_once"
    return _stop_name(course) if course.closing == "stop" else _target_name(course)


def finding_name(table: Table, finding: Finding) -> str:
    """Return which sentence tells a finding."""
    if finding.outcome is None:
        after = "stop" if table.course.closing in ("stop", "liquidation") else table.course.closing
        return f"after_{after}_{'on' if finding.gain_atr > 0 else 'back'}"
    better = finding.gain_atr > 0
    return _NAMES[finding.topic](table, finding.outcome, better)


def _stop_name(course: Course) -> str:
    if course.profit_pct > 0:
        return "stop_in_profit"
    if course.best_pct <= 0:
        return "stop_never_green"
    return "stop_after_gain" if _in_risk(course, course.best_pct) >= NEARLY else "stop"


def _target_name(course: Course) -> str:
    pain = _in_risk(course, -course.worst_pct)
    return "target_close_call" if pain >= NEARLY else "target_smooth" if pain <= HARDLY else "target"


def _exit_name(course: Course) -> str:
    if course.profit_pct > 0:
        return _won_name(course)
    if course.best_pct <= 0:
        return "exit_never_green"
    if _in_risk(course, course.best_pct) >= NEARLY:
        return "exit_after_gain"
    return "exit_at_loss" if course.risk_pct is None else "exit_before_stop"


def _won_name(course: Course) -> str:
    kept = course.profit_pct / max(course.best_pct, course.profit_pct)
    if _in_risk(course, -course.worst_pct) >= NEARLY:
        return "exit_close_call"
    return "exit_near_best" if kept >= NEAR_BEST else "exit_gave_back" if kept <= LITTLE_LEFT else "exit_in_profit"


def _in_risk(course: Course, pct: float) -> float:
    """Return a percentage in planned losses; without a stop 5 % of the stake stand for one."""
    return pct / (course.risk_pct or 5.0)


def _name_of_stop(table: Table, outcome: Outcome, better: bool) -> str:
    if table.course.stop_atr is None:
        return "stop_other"
    if outcome.value < table.course.stop_atr:
        return "stop_saved" if better else "stop_hit"
    if outcome.end == "stop":
        return "stop_in_vain"
    if not better:
        return "stop_held_lower"
    return {"target": "stop_held_to_target", "horizon": "stop_held_horizon"}.get(outcome.end, "stop_held")


def _name_of_target(table: Table, outcome: Outcome, better: bool) -> str:
    if outcome.end == "target":
        return "target_filled" if better else "target_small"
    return "target_none" if better else "target_missed"


def _name_of_exit(table: Table, outcome: Outcome, better: bool) -> str:
    if outcome.kind == "later" and outcome.end == "stop":
        return "later_stopped"
    return f"{outcome.kind}_{'better' if better else 'worse'}"


def _name_of_entry(table: Table, outcome: Outcome, better: bool) -> str:
    if outcome.end == "none":
        return "entry_none"
    if outcome.end == "stop" and not better:
        return "entry_stopped"
    return "entry_better" if better else "entry_worse"


def _name_of_leverage(table: Table, outcome: Outcome, better: bool) -> str:
    return "leverage_liquidated" if outcome.end == "liquidation" else "leverage_survived"


_NAMES = {
    "stop": _name_of_stop,
    "target": _name_of_target,
    "exit": _name_of_exit,
    "entry": _name_of_entry,
    "leverage": _name_of_leverage,
}


def _before(table: Table, *, is_followed: bool) -> list[str]:
    """Return the notes that stand before the findings; how the replays were made only where something follows."""
    course = table.course
    made = ["first_fill"] * course.is_first_fill + ["no_funding"] * (not table.has_funding)
    return ["no_stop"] * (course.stop_atr is None) + made * is_followed


def _behind(table: Table, findings: Sequence[Finding]) -> list[str]:
    """Return the notes that stand behind the findings."""
    if not findings:
        return ["nothing"] if table.is_complete else []
    return [_luck(findings)]


def _luck(findings: Sequence[Finding]) -> str:
    lucky = [one.is_luck for one in findings]
    if all(lucky) or not any(lucky):
        return "luck" if lucky[0] else "no_luck"
    return "luck_first" if lucky[0] else "luck_second"


def _course_fields(course: Course, language: Language) -> dict[str, str]:
    return {
        "side": SIDES[language][course.side],
        "hours": span(course.minutes, language),
        "profit": percent(course.profit_pct),
        "best": percent(course.best_pct),
        "worst": percent(course.worst_pct),
        "best_after": span(max(course.best_after, course.candle_minutes), language),
        "worst_after": span(max(course.worst_after, course.candle_minutes), language),
        "leverage": f"{course.leverage:g}",
        "risk": percent(-(course.risk_pct or 0.0)),
    }


def _fields(table: Table, finding: Finding, language: Language) -> dict[str, str]:
    minutes, outcome = table.course.candle_minutes, finding.outcome
    shared = {
        "within": span(table.further * minutes, language),
        "atr": f"{abs(finding.gain_atr):.1f}",
        "profit": percent(table.actual_pct),
        "planned": f"{round(table.course.stop_atr or 0, 1):g}",
    }
    if outcome is None:
        return shared
    made = percent(outcome.profit_pct)
    own = {"made": made, "swap": SWAP[language].format(made, shared["profit"]), "value": f"{outcome.value:g}"}
    times = {"span": span(outcome.value * minutes, language), "after": span(max(1, outcome.index) * minutes, language)}
    return shared | own | times


def percent(value: float) -> str:
    """Return a percentage with its sign; what rounds to nothing has none."""
    shown = f"{value:+.1f}"
    return f"{'0.0' if shown in ('+0.0', '-0.0') else shown} %"


def span(minutes: float, language: Language) -> str:
    """Return a time in the unit that reads best."""
    if minutes == 24 * 60:
        return A_DAY[language]
    if minutes < 60:
        return MINUTES[language].format(f"{minutes:.0f}")
    if minutes < 48 * 60:
        return HOURS[language].format(f"{round(minutes / 60, 1):g}")
    return DAYS[language].format(f"{round(minutes / (24 * 60), 1):g}")
