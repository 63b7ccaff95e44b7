"""What the auditor does about stops, for any books: all is covered, nothing is left over, nothing bare in between."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from candlegraph.freqtrade_bridge.audit.judge import SETTLES, judge
from candlegraph.freqtrade_bridge.audit.seen import HeldPosition, OpenTrade, PairState, Stop, exceeds

PAIR = "BTC/USDT:USDT"
NOW = datetime(2025, 11, 20, 12, tzinfo=UTC)
PLANNED = {"long": 98.0, "short": 102.0}
STEP = 0.5

amounts = st.integers(1, 8).map(lambda steps: steps * STEP)


def position(amount):
    return HeldPosition(pair=PAIR, amount=amount, entry=100.0, mark=100.0, leverage=3.0, updated_at=NOW)


def stop(number, side="sell", amount=1.0, trigger=98.0, age=60.0, **changes):
    placed = NOW - timedelta(seconds=age)
    return Stop(id=str(number), pair=PAIR, side=side, amount=amount, trigger=trigger, placed_at=placed, **changes)


def trade(side="long", amount=1.0, ids=()):
    return OpenTrade(id=7, pair=PAIR, side=side, amount=amount, stop=PLANNED[side], stop_ids=tuple(ids))


def state(held, stops=(), known=None, asked=None):
    return PairState(
        pair=PAIR,
        position=position(held) if held else None,
        stops=tuple(stops),
        trade=known,
        asked=asked or {},
        now=NOW,
    )


@st.composite
def states(draw, alone=False):
    """Return any books of a pair: a position or none, any stops, and a trade that knows some of them or none."""
    sides, triggers = st.sampled_from(["buy", "sell"]), st.sampled_from([90.0, 98.0, 99.0])
    stops = [
        stop(number, draw(sides), draw(amounts), draw(triggers), is_by_hand=draw(st.booleans()))
        for number in range(draw(st.integers(0, 4)))
    ]
    side = draw(st.sampled_from(["long", "short"]))
    sign = 1 if side == "long" else -1
    known = draw(st.none() | amounts.map(lambda amount: trade(side, amount)))
    if known is not None and stops:
        known = known.model_copy(update={"stop_ids": tuple(draw(st.sets(st.sampled_from([s.id for s in stops]))))})
    size, either = draw(st.just(0.0) | amounts), draw(st.sampled_from([1, -1]))
    held = sign * known.amount if alone and known is not None else either * size
    return state(held, stops, known)


def done(before, action):
    """Return the books after an action went well."""
    if action.kind in ("cancel_surplus", "cancel_orphan"):
        return before.model_copy(update={"stops": tuple(one for one in before.stops if one != action.stop)})
    if action.kind == "ask_person":
        return before
    if action.kind == "follow_position":
        return followed(before, action.amount)
    if action.kind == "take_over":
        return knows(before, action.stop.id)
    exit_side = "sell" if action.side == "long" else "buy"
    new = stop(f"new {len(before.stops)}", exit_side, action.amount, action.price or 98.0)
    after = before.model_copy(update={"stops": (*before.stops, new)})
    return after if action.trade_id is None else knows(after, new.id)


def followed(before, missing):
    left = before.trade.amount - missing
    return before.model_copy(update={"trade": before.trade.model_copy(update={"amount": left}) if left else None})


def knows(before, number):
    ids = (*before.trade.stop_ids, number)
    return before.model_copy(update={"trade": before.trade.model_copy(update={"stop_ids": ids})})


def cover(books):
    """Return how much of the position the stops close."""
    if books.position is None:
        return 0.0
    return min(books.position.size, sum(one.amount for one in books.stops if one.closes(books.position.side)))


def carried_out(books):
    """Return the books after each of the actions."""
    course = [books]
    for action in judge(books):
        course.append(done(course[-1], action))
    return course


@given(states())
def test_whatever_the_books_are_the_position_is_covered_and_later_looks_find_nothing_to_do(books):
    after = carried_out(books)[-1]
    assert after.position is None or not exceeds(after.position.size, cover(after))
    after = carried_out(after)[-1]  # a trade that the first look closed leaves its stops to the second
    assert {action.kind for action in judge(after)} <= {"ask_person"}
    assert after.position is None or not exceeds(after.position.size, cover(after))


@given(states())
def test_a_position_is_never_covered_less_in_between(books):
    course = [cover(one) for one in carried_out(books)]
    assert all(not exceeds(before, after) for before, after in zip(course, course[1:], strict=False))


@given(states(alone=True))
def test_a_position_that_its_trade_knows_ends_with_one_stop_that_covers_it_and_is_known(books):
    after = carried_out(books)[-1]
    if after.position is not None and after.trade is not None:
        (left,) = after.stops
        assert left.id in after.trade.stop_ids and left.covers(after.position.size)
        was_known = books.trade.stop_ids
        assert left.id in was_known or left.is_as_tight(after.trade.side, after.trade.stop)


@given(states())
def test_without_a_position_its_trade_ends_and_no_stop_stays(books):
    after = carried_out(carried_out(books)[-1])[-1]
    if books.position is None:
        assert after.trade is None and after.stops == ()


@given(states())
def test_a_trade_is_never_larger_than_its_position_and_a_person_is_asked_about_what_no_trade_knows(books):
    after = carried_out(books)[-1]
    held = 0.0 if after.position is None else after.position.size
    known = 0.0 if after.trade is None else after.trade.amount
    assert not exceeds(known, held)
    asked = sum(action.amount for action in judge(after) if action.kind == "ask_person")
    assert asked == pytest.approx(held - known)


def test_a_stop_without_a_position_is_left_alone_while_its_position_may_not_be_shown_yet():
    young = stop(1, age=SETTLES.total_seconds() - 1)
    assert judge(state(0.0, [young])) == ()
    assert [one.kind for one in judge(state(0.0, [stop(1, age=SETTLES.total_seconds())]))] == ["cancel_orphan"]


@pytest.mark.parametrize("asked", ["fired", "fired_unseen", "alive"])
def test_no_stop_is_set_beside_one_that_lives_or_fires_and_is_only_not_shown(asked):
    books = state(1.0, [], trade(ids=["1"]), {"1": asked})
    assert judge(books) == ()


def test_a_trade_whose_fired_stop_freqtrade_can_see_is_left_to_it_and_one_whose_stop_it_cannot_see_is_followed():
    assert judge(state(0.0, [], trade(ids=["1"]), {"1": "fired"})) == ()
    (action,) = judge(state(0.0, [], trade(ids=["1"]), {"1": "fired_unseen"}))
    assert (action.kind, action.trade_id, action.amount) == ("follow_position", 7, 1.0)


def test_what_a_fired_stop_leaves_of_stops_that_its_trade_does_not_know_is_cancelled_at_once():
    books = state(0.0, [stop(2), stop(3)], trade(ids=["1", "3"]), {"1": "fired"})
    assert [(one.kind, one.stop.id) for one in judge(books)] == [("cancel_orphan", "2")]


def test_a_stop_that_closed_its_trade_leaves_the_stop_of_what_somebody_else_holds_where_it_is():
    books = state(0.5, [stop(2, amount=0.5)], trade(ids=["1"]), {"1": "spent"}).model_copy(update={"spent": 1.0})
    assert [one.kind for one in judge(books)] == ["ask_person"]


@pytest.mark.parametrize("asked", ["gone", "denied", "unknown", "spent"])
def test_a_stop_that_is_gone_is_set_again(asked):
    (action,) = judge(state(1.0, [], trade(ids=["1"]), {"1": asked}))
    assert (action.kind, action.trade_id, action.amount, action.price) == ("set_stop", 7, 1.0, 98.0)


def test_nothing_is_touched_while_a_stop_fires():
    assert judge(state(1.0, [stop(1, is_firing=True), stop(2)], trade(ids=["1"]))) == ()


def test_what_no_trade_knows_of_a_position_gets_a_stop_of_its_own():
    action, told = judge(state(3.0, [stop(1)], trade(ids=["1"])))
    assert (action.kind, action.side, action.amount) == ("protect_unknown", "long", 2.0)
    assert (told.kind, told.amount) == ("ask_person", 2.0)
    assert judge(state(3.0, [stop(1), stop(2, amount=2.0, trigger=90.0)], trade(ids=["1"]))) == (told,)


def test_parts_that_no_trade_knows_share_one_stop_no_wider_than_any_that_they_had():
    books = state(4.0, [stop(1), stop(2, trigger=97.0), stop(3, trigger=99.0)], trade(ids=["1"]))
    new, told, *ended = judge(books)
    assert (new.kind, new.amount, new.price) == ("protect_unknown", 3.0, 99.0)
    assert told.kind == "ask_person"
    assert [(one.kind, one.stop.id) for one in ended] == [("cancel_surplus", "2"), ("cancel_surplus", "3")]


def by_hand(number, **changes):
    return stop(number, is_by_hand=True, **changes)


@given(states())
def test_a_stop_that_a_person_set_for_a_part_of_their_own_stays_theirs(books):
    if not any(action.kind == "ask_person" for action in judge(books)):
        return
    known = () if books.trade is None else books.trade.stop_ids
    theirs = [one for one in books.stops if one.is_by_hand and one.id not in known]
    *_, after = carried_out(books)
    taken = () if after.trade is None else after.trade.stop_ids
    left = {one.id for one in after.stops if one.id not in taken}
    assert {one.id for one in theirs if one.closes(books.position.side)} <= left


def test_what_a_persons_stops_leave_of_their_position_gets_one_of_ours_and_theirs_are_not_widened_for_it():
    tight = by_hand(1, amount=0.5, trigger=99.0)
    new, told = judge(state(2.0, [tight]))
    assert (new.kind, new.amount, new.price) == ("protect_unknown", 1.5, None)
    new, told, gone = judge(state(3.0, [tight, stop(2, amount=1.5, trigger=97.0)]))
    assert (new.kind, new.amount, new.price, gone.stop.id) == ("protect_unknown", 2.5, 97.0, "2")
    assert told.amount == 3.0


@pytest.mark.parametrize(("trigger", "gone"), [(97.0, ["2"]), (95.0, ["2"]), (90.0, [])])
def test_ours_goes_where_a_persons_stop_that_fires_no_later_covers_their_position(trigger, gone):
    told, *ended = judge(state(2.0, [by_hand(1, amount=2.0, trigger=trigger), stop(2, amount=2.0, trigger=95.0)]))
    assert told.kind == "ask_person" and [one.stop.id for one in ended] == gone


def test_a_trade_does_not_take_over_the_stop_of_a_persons_own_part_but_one_set_for_its_position_it_does():
    theirs = by_hand(1, trigger=99.0)
    assert [one.kind for one in judge(state(2.0, [theirs], trade()))] == ["set_stop", "ask_person"]
    assert [one.kind for one in judge(state(1.0, [theirs], trade()))] == ["take_over"]


@pytest.mark.parametrize("known", [None, trade(ids=["1"])])
def test_what_looks_unknown_right_after_a_fill_of_the_bot_is_neither_told_nor_touched(known):
    books = state(3.0, [stop(1), stop(2, amount=2.0)], known).model_copy(update={"is_fresh": True})
    assert judge(books) == ()


def test_a_wider_stop_that_the_trade_does_not_know_is_no_stop_of_it():
    actions = judge(state(1.0, [stop(1, trigger=90.0)], trade()))
    assert [one.kind for one in actions] == ["set_stop", "cancel_surplus"]
