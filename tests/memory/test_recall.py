from candlegraph.graph.state import Case
from candlegraph.memory.recall import summary_of


def case(number, **changes):
    facts = {"kind": "trade", "pair": "X", "side": "long", "similarity": 0.9, "profit_pct": 1, "score": 50}
    facts |= {"grade": "D", "entry_price": 1, "duration_minutes": 1, "lesson": ""}
    return Case(id=number, **(facts | changes))


def test_no_cases_say_nothing():
    summary = summary_of(())
    assert (summary.long_cases, summary.short_cases, summary.ids) == (0, 0, "none")
    assert summary.long_success_rate is summary.short_mean_profit_pct is None


def test_sides_are_counted_apart_and_break_even_is_no_success():
    summary = summary_of(
        [case(3, profit_pct=6), case(1, profit_pct=0), case(2, profit_pct=-3), case(9, side="short", profit_pct=-2)]
    )
    assert (summary.long_cases, summary.long_success_rate, summary.long_mean_profit_pct) == (3, 1 / 3, 1)
    assert (summary.short_cases, summary.short_success_rate, summary.short_mean_profit_pct) == (1, 0, -2)
    assert summary.ids == "3 1 2 9"


def test_recorded_decisions_are_named_but_not_counted():
    summary = summary_of([case(1, kind="decision", profit_pct=9)])
    assert (summary.long_cases, summary.ids) == (0, "1")
