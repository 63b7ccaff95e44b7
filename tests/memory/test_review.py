from datetime import UTC, datetime

import pytest

from candlegraph.memory.learning.comparison import MarketState
from candlegraph.memory.learning.report import (
    Insight,
    experience_of,
    experience_of_decision,
    lesson,
    strengths,
    weaknesses,
)
from candlegraph.memory.learning.scores import reward, reward_quality
from candlegraph.memory.learning.track import Track

OPENED = datetime(2025, 1, 1, tzinfo=UTC)


def test_a_good_win_is_to_be_repeated(make_trade):
    trade = make_trade(profit_pct=10, mfe_pct=10.5, leverage=2)
    assert weaknesses(trade) == ()
    assert "The exit came close to the best price." in strengths(trade)
    assert lesson(trade) == "Long in trend_up won; repeat it the same way."


@pytest.mark.parametrize(
    ("changes", "weakness", "advice"),
    [
        ({"planned_stop": None}, "No stop was planned.", "plan a stop before entering"),
        ({"exit_price": 90, "profit_pct": -3}, "The loss went beyond the planned stop.", "leave at the planned stop"),
        ({"leverage": 50}, "The leverage was high.", "take less leverage"),
        ({"profit_pct": 1, "mfe_pct": 20}, "Most of the best profit was given back.", "take profit while it is there"),
        ({"mae_pct": -9}, "The entry was early: the price first went far against it.", "wait for confirmation"),
        ({"liquidated": True, "profit_pct": -100}, "The position was liquidated.", "stop well before liquidation"),
    ],
)
def test_each_fault_is_named_and_leads_to_its_advice(make_trade, changes, weakness, advice):
    trade = make_trade(**changes)
    assert weakness in weaknesses(trade)
    assert advice in lesson(trade)


# The border from which a part counts, as its sentence says it, and just inside.
@pytest.mark.parametrize(
    ("changes", "inside", "sentence"),
    [
        ({"profit_pct": 5}, {"profit_pct": 4.9}, "The net profit was at least 5 % of the stake."),
        ({"leverage": 6.5}, {"leverage": 6.6}, "The leverage was modest."),
        ({"mae_pct": -3.5}, {"mae_pct": -3.6}, "The entry was well timed: the price hardly went against it."),
        ({"profit_pct": -5}, {"profit_pct": -4.9}, "The loss was at least 5 % of the stake."),
        ({"leverage": 15}, {"leverage": 14.9}, "The leverage was high."),
        ({"mae_pct": -7.5}, {"mae_pct": -7.4}, "The entry was early: the price first went far against it."),
        ({"mfe_pct": 0}, {"mfe_pct": 0.1}, "The trade was never in profit."),
    ],
)
def test_a_part_counts_from_its_border_on(make_trade, changes, inside, sentence):
    def said(trade):
        return (*strengths(trade), *weaknesses(trade))

    assert sentence in said(make_trade(**changes))
    assert sentence not in said(make_trade(**inside))


def test_one_fault_is_said_once(make_trade):
    liquidated = make_trade(liquidated=True, profit_pct=-100, exit_price=80)
    assert "The loss went beyond the planned stop." not in weaknesses(liquidated)
    never_green = make_trade(profit_pct=-3, mfe_pct=-0.1, exit_price=90)
    assert "The exit kept little or nothing of the best profit." not in weaknesses(never_green)


def test_an_orderly_loss_is_not_blamed(make_trade):
    trade = make_trade(profit_pct=-2, exit_price=99.8, mfe_pct=3, mae_pct=-2.5, leverage=2)
    assert "The loss stayed within the planned stop." in strengths(trade)
    never_green = make_trade(profit_pct=-2, exit_price=99.8, mfe_pct=-0.1, mae_pct=-2.5, leverage=2)
    assert lesson(never_green) == "Long in trend_up lost; next time wait for confirmation before entering."


def test_equal_trades_of_other_pairs_and_days_teach_in_equal_words(make_trade):
    one, other = experience_of(make_trade(0)), experience_of(make_trade(500, pair="ETH/USDT:USDT"))
    assert (one.lesson, one.strengths, one.weaknesses, one.text) == (
        other.lesson,
        other.strengths,
        other.weaknesses,
        other.text,
    )
    assert one.text == "long, trend_up, strong trend, RSI 45; pullback to support; closed by exit_signal"


def test_both_rewards_are_kept(make_trade):
    experience = experience_of(make_trade(profit_pct=-4, leverage=7))
    total = experience.scores.total
    assert experience.reward == reward(-4, total, 7)
    assert experience.reward_quality == reward_quality(-4, total, 7)


def test_nothing_is_learnt_from_the_end_of_the_data(make_trade):
    experience = experience_of(make_trade(forced=True))
    assert experience.forced
    assert experience.lesson == "Closed by the end of the data: nothing to learn."


def test_a_recorded_decision_has_no_scores_and_keeps_its_reason(make_recorded):
    experience = experience_of_decision(make_recorded())
    assert (experience.kind, experience.scores, experience.reward) == ("decision", None, None)
    assert experience.lesson == "hold at +7.0 %: trend intact"
    assert (experience.profit_pct, experience.duration_minutes) == (7, 30)


def track(side="long", before=2, after=2, **changes):
    def market(alignment):
        return MarketState(price=100, regime="range", trend_strength="weak", alignment=alignment, timeframes={})

    known = {"namespace": "n", "trade_key": "k", "pair": "P", "side": side, "leverage": 5, "opened_at": OPENED}
    prices = {"entry_price": 100, "best": 100, "worst": 100, "entry": market(before), "exit": market(after)}
    return Track(**known | prices | changes)


ORDERLY = {"exit_price": 99.8, "mfe_pct": 3, "mae_pct": -2.5, "leverage": 2}


@pytest.mark.parametrize(
    ("side", "before", "after", "turned"),
    [
        ("long", 2, 0, True),
        ("long", 2, 1, False),
        ("long", -1, 3, False),
        ("short", -2, 0, True),
        ("short", 2, 0, False),
    ],
)
def test_a_loss_is_told_when_the_timeframes_turned_against_it(make_trade, side, before, after, turned):
    trade = make_trade(side=side, profit_pct=-2, planned_stop=95 if side == "long" else 105, **ORDERLY)
    text = "The timeframes turned against the trade while it was held."
    assert (text in weaknesses(trade, track(side, before, after))) == turned


def test_a_win_after_a_turn_is_to_its_credit(make_trade):
    trade = make_trade(profit_pct=4)
    assert "It was closed in profit although the timeframes had turned against it." in strengths(trade, track(after=-1))
    assert not weaknesses(trade, track(after=-1))


def test_a_loss_held_against_warnings_is_told(make_trade):
    warned, text = track(warnings=("erosion: 3 % gone",)), "It was held against the checker's warnings."
    loss = make_trade(profit_pct=-2, **ORDERLY)
    assert weaknesses(loss, warned) == (*weaknesses(loss, track()), text)
    assert text not in weaknesses(make_trade(profit_pct=4), warned)


def test_a_track_without_the_market_at_entry_changes_nothing(make_trade):
    trade = make_trade(profit_pct=-2, **ORDERLY)
    assert experience_of(trade, track(entry=None, after=-4)) == experience_of(trade)


def test_what_a_model_adds_stands_behind_the_rules(make_trade):
    trade = make_trade(profit_pct=10, mfe_pct=10.5, leverage=2)
    plain, added = (
        experience_of(trade),
        experience_of(trade, None, Insight(lesson="Wait for the retest.", to_improve="x")),
    )
    assert added.lesson == f"{plain.lesson} Wait for the retest."
    praised = experience_of(trade, None, Insight(went_well="y"))
    assert praised.strengths == (*plain.strengths, "y")
    assert (added.weaknesses, added.strengths) == ((*plain.weaknesses, "x"), plain.strengths)
    assert (added.scores, added.reward) == (plain.scores, plain.reward)
