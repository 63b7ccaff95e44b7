from candlegraph.graph.schema.lessons import Case


def case(number, **changes):
    facts = {"kind": "trade", "pair": "X", "side": "long", "similarity": 0.9, "profit_pct": 1, "score": 50}
    facts |= {"grade": "D", "entry_price": 1, "duration_minutes": 1, "lesson": ""}
    return Case(id=number, **(facts | changes))


def test_a_case_is_named_alike_in_every_database_and_unlike_another_case():
    assert case(1).label == case(77, similarity=0.8, lesson="other").label
    others = [{"kind": "decision"}, {"pair": "Y"}, {"side": "short"}, {"profit_pct": 2}, {"entry_price": 2}]
    labels = {case(1, **change).label for change in others}
    assert len(labels | {case(1).label}) == 6
