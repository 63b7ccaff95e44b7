from candlegraph.graph.schema.lessons import Case
from candlegraph.memory.learning.ranking import summary_of


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
    assert len(set(summary.ids.split())) == 4


def test_recorded_decisions_are_named_but_not_counted():
    one = case(1, kind="decision", profit_pct=9)
    summary = summary_of([one])
    assert (summary.long_cases, summary.ids) == (0, one.label)


def test_a_case_is_named_alike_in_every_database_and_unlike_another_case():
    assert case(1).label == case(77, similarity=0.8, lesson="other").label
    others = [{"kind": "decision"}, {"pair": "Y"}, {"side": "short"}, {"profit_pct": 2}, {"entry_price": 2}]
    labels = {case(1, **change).label for change in others}
    assert len(labels | {case(1).label}) == 6
