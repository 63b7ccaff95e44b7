"""Patterns: bands, counts, intervals, what is warned of, and nothing from the future."""

from datetime import date, timedelta
from statistics import fmean

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.facts import AccountFacts, ExperienceFacts, Facts
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.settings.experience import Cleanup, Reward
from candlegraph.memory.learning import setups
from candlegraph.memory.learning.outlines import Known, Outline, outline_of
from candlegraph.memory.learning.patterns import (
    Interval,
    finest,
    guidance_of,
    mean_interval,
    patterns_of,
    t_quantile,
    verdict_of,
    win_rate_interval,
    with_patterns,
)
from candlegraph.memory.learning.setups import (
    Setup,
    leverage_band,
    rsi_band,
    setup_of_facts,
    setup_of_trade,
    volatility_band,
)
from candlegraph.memory.store import close_memory, open_memory
from candlegraph.tools.market import situation as vectors
from candlegraph.tools.market.situation import VERSION

RULES = Reward()
WIN = {"profit_pct": 4, "mfe_pct": 5, "exit_price": 101}
LOSS = {"profit_pct": -4, "mfe_pct": 1, "mae_pct": -5, "exit_price": 99}
SPACE = f"{VERSION}:30m"
DAY = date(2025, 1, 1)


def followed(memory, namespace):
    found = memory.outlines([namespace])
    memory.follow()
    return found


def situation(atr_pct):
    return (0.5, atr_pct - 1, 0.5)


def facts(regime="trend_up", strength="strong", rsi=50.0, atr=0.6):
    main = dict.fromkeys(TimeframeFacts.model_fields) | {"close": 100.0, "rsi": rsi, "atr": atr}
    account = dict.fromkeys(AccountFacts.model_fields, 0) | {"halted": "none"}
    return Facts(
        pair="X",
        price=100.0,
        regime=regime,
        trend_strength=strength,
        alignment=2,
        support=None,
        resistance=None,
        timeframes={"30m": TimeframeFacts(**main)},
        account=AccountFacts(**account),
    )


@pytest.fixture
def make_known(make_experience):
    """Return a factory: trades from `(changes, changes, ...)`, all of one setup unless changed."""

    def make(*changes):
        common = {"space": SPACE, "situation": situation(0.6), "entry_rsi": 50}
        found = [outline_of(n, make_experience(n, **common | one)) for n, one in enumerate(changes)]
        return Known(tuple(one for one in found if one.is_learnt))

    return make


@pytest.mark.parametrize(
    "band, value, expected",
    [
        (rsi_band, 29.9, "0-30"),
        (rsi_band, 30, "30-45"),
        (rsi_band, 45, "45-55"),
        (rsi_band, 55, "55-70"),
        (rsi_band, 70, "70-100"),
        (rsi_band, None, None),
        (volatility_band, 0.3999, "calm"),
        (volatility_band, 0.4, "normal"),
        (volatility_band, 1.0, "wild"),
        (volatility_band, None, None),
        (leverage_band, 5, "1-5x"),
        (leverage_band, 5.1, "5-10x"),
        (leverage_band, 20, "10-20x"),
        (leverage_band, 20.1, "20x+"),
    ],
)
def test_bands_at_their_borders(band, value, expected):
    assert band(value) == expected


def test_a_trade_and_the_present_meet_in_the_same_setup(make_trade):
    trade = make_trade(space=SPACE, situation=situation(0.4), entry_rsi=50)
    assert setup_of_trade(trade)._replace(leverage=None) == setup_of_facts(facts(atr=0.4), "long")
    assert setup_of_trade(trade).leverage == "1-5x"


def test_a_new_version_of_the_vector_loses_nothing_of_the_setups_of_older_trades(make_trade, monkeypatch):
    old = make_trade(situation=situation(0.6), space="situation-v1:30m")
    for module in (vectors, setups):  # wherever the version of today is asked for
        monkeypatch.setattr(module, "VERSION", "situation-v2", raising=False)
    assert setup_of_trade(old).volatility == "normal"


def test_the_volatility_of_another_space_is_not_guessed(make_trade):
    assert setup_of_trade(make_trade(space="other-1:30m", situation=situation(0.6))).volatility is None


# Published values: Wilson's interval of 1 in 10 at 95 %, Student's quantiles at 97.5 % and 90 %.
def test_the_intervals_are_the_published_ones():
    assert win_rate_interval(1, 10, 0.95) == pytest.approx((0.0179, 0.4042), abs=1e-4)
    quantiles = [t_quantile(0.975, n) for n in (1, 2, 4, 5, 30)]
    assert quantiles == pytest.approx([12.7062, 4.3027, 2.7764, 2.5706, 2.0423], abs=1e-4)
    assert mean_interval([1.0, 2.0, 3.0], 0.95) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)


@given(st.integers(1, 500), st.data(), st.floats(0.5, 0.99))
def test_a_win_rate_lies_in_its_interval_and_more_confidence_widens_it(trades, data, level):
    wins = data.draw(st.integers(0, trades))
    low, high = win_rate_interval(wins, trades, level)
    assert 0 <= low <= wins / trades <= high <= 1
    wider = win_rate_interval(wins, trades, (1 + level) / 2)
    assert wider.low <= low and wider.high >= high


BELOW, ABOVE, AROUND = (0.1, 0.4), (0.6, 0.9), (0.4, 0.6)
MINUS, PLUS, ZERO = (-0.2, -0.1), (0.1, 0.2), (-0.1, 0.1)


@pytest.mark.parametrize(
    "rate, reward, well, expected",
    [
        (BELOW, ZERO, False, "warned"),
        (AROUND, MINUS, False, "warned"),
        (BELOW, MINUS, False, "warned"),
        (BELOW, PLUS, True, "open"),  # seldom right, and earns: a trend follower
        (ABOVE, MINUS, True, "open"),
        (ABOVE, ZERO, True, "favoured"),
        (AROUND, PLUS, True, "favoured"),
        (ABOVE, PLUS, False, "open"),  # lucky wins
        (AROUND, ZERO, True, "open"),
        ((0.1, 0.5), ZERO, False, "open"),  # reaches 50 %
        (AROUND, (-0.1, 0.0), False, "open"),
        ((0.5, 0.9), ZERO, True, "open"),
        (AROUND, (0.0, 0.1), True, "open"),
    ],
)
def test_verdicts(rate, reward, well, expected):
    assert verdict_of(Interval(*rate), Interval(*reward), is_well_traded=well) == expected


def test_fewer_than_the_least_trades_are_no_pattern(make_known):
    four, five = (patterns_of(make_known(*[LOSS] * n), RULES) for n in (4, 5))
    assert four == {}
    assert five[Setup("long", "trend_up", "strong", "45-55", "normal")].trades == 5
    assert patterns_of(make_known(*[LOSS] * 4), Reward(min_pattern_trades=4)) != {}


def test_a_pattern_counts_wins_losses_and_well_traded_wins(make_known):
    known = make_known(WIN, WIN, WIN | {"leverage": 30, "planned_stop": None, "mfe_pct": 20}, LOSS, {"profit_pct": 0})
    found = patterns_of(known, RULES)[Setup("long", "trend_up")]
    assert (found.trades, found.wins, found.losses, found.win_rate) == (5, 3, 1, 0.6)
    assert found.successes == sum(one.profit_pct > 0 and one.score >= 70 for one in known.trades) == 2


def of_scores(*trades):
    """Return one trade of a setup for each `(profit_pct, score)`."""
    made = [Outline(n, n, "X", "long", DAY, True, Setup("long", "range"), *one) for n, one in enumerate(trades)]
    return patterns_of(Known(tuple(made)), Reward(min_pattern_trades=2))[Setup("long", "range")]


@pytest.mark.parametrize(
    "trade, counts",
    [
        ((0.5, 70), (1, 0, 1)),
        ((0.5, 69.9), (1, 0, 0)),
        ((0, 90), (0, 0, 0)),  # neither won nor lost
        ((-0.5, 90), (0, 1, 0)),
    ],
)
def test_a_success_is_a_win_from_70_marks_on(trade, counts):
    found = of_scores(trade, (0, 0))
    assert (found.wins, found.losses, found.successes) == counts


def test_as_many_losses_as_well_traded_wins_are_nothing_to_recommend():
    lucky = [(4, 50)] * 8
    assert of_scores(*lucky, (4, 80), (4, 80), (-1, 50)).verdict == "favoured"
    assert of_scores(*lucky, (4, 80), (4, 50), (-1, 50)).verdict == "open"


def test_each_reward_mode_is_averaged_on_its_own(make_known):
    known = make_known(WIN, LOSS, LOSS, LOSS, LOSS)
    means = [
        patterns_of(known, Reward(mode=mode))[Setup("long", "trend_up")].mean_reward
        for mode in ("documented", "quality")
    ]
    assert means == [fmean(getattr(one, name) for one in known.trades) for name in ("reward", "reward_quality")]
    assert means[0] != means[1]


def test_more_confidence_widens_the_intervals_of_a_pattern(make_known):
    known = make_known(WIN, LOSS, LOSS, LOSS, LOSS)
    some, more = (
        patterns_of(known, Reward(confidence_level=level))[Setup("long", "trend_up")] for level in (0.6, 0.95)
    )
    assert more.win_rate_low < some.win_rate_low < some.win_rate_high < more.win_rate_high
    assert more.reward_low < some.reward_low < some.reward_high < more.reward_high
    assert (some.verdict, more.verdict) == ("warned", "open")


def test_forced_trades_teach_nothing(make_known):
    assert patterns_of(make_known(*[LOSS | {"forced": True}] * 9), RULES) == {}


def test_a_trade_that_was_not_decided_by_us_is_no_pattern(make_known):
    assert patterns_of(make_known(*[LOSS | {"regime": None}] * 9), RULES) == {}


def test_too_few_of_the_fine_setup_back_off_to_the_coarser_one(make_known):
    now = setup_of_facts(facts(), "long")
    other_volatility = LOSS | {"situation": situation(1.5)}
    other_rsi, other_strength = LOSS | {"entry_rsi": 65}, LOSS | {"trend_strength": "moderate"}
    steps = [
        ([LOSS] * 5, ("regime", "trend_strength", "rsi", "volatility"), 5),
        ([LOSS] * 4 + [other_volatility], ("regime", "trend_strength", "rsi"), 5),
        ([LOSS] * 2 + [other_volatility] * 2 + [other_rsi], ("regime", "trend_strength"), 5),
        ([LOSS] * 4 + [other_strength] * 3, ("regime",), 7),
    ]
    for trades, level, count in steps:
        found, pattern = finest(patterns_of(make_known(*trades), RULES), now)
        assert (found, pattern.trades) == (level, count)
    elsewhere = [LOSS | {"regime": "range"}] * 9 + [LOSS | {"side": "short", "planned_stop": 105}] * 9
    assert finest(patterns_of(make_known(*elsewhere), RULES), now) is None


def test_guidance_comes_with_the_trade_that_is_needed(make_known):
    nine, ten = (guidance_of(make_known(*[LOSS] * n), facts(), rules=RULES, needed=10) for n in (9, 10))
    assert (nine.trades, nine.patterns) == (9, ())
    assert (ten.trades, [one.verdict for one in ten.patterns]) == (10, ["warned"])
    assert ten.cumulative_reward < nine.cumulative_reward < 0


def test_guidance_is_of_both_sides_of_the_present_setup_only(make_known):
    short = LOSS | {"side": "short", "planned_stop": 105, "exit_price": 101}
    known = make_known(*[WIN] * 6, *[short] * 6, *[LOSS | {"regime": "range"}] * 6)
    found = guidance_of(known, facts(), rules=RULES, needed=10)
    assert [(one.side, one.verdict, one.trades) for one in found.patterns] == [
        ("long", "favoured", 6),
        ("short", "warned", 6),
    ]


def test_a_leverage_that_changes_the_verdict_is_named(make_known):
    high = LOSS | {"leverage": 25}
    found = guidance_of(make_known(*[WIN] * 20, *[high] * 5), facts(), rules=RULES, needed=10)
    assert [(one.verdict, one.leverage) for one in found.patterns] == [("favoured", None)]
    assert [(one.verdict, one.leverage, one.trades) for one in found.by_leverage] == [("warned", "20x+", 5)]
    same = guidance_of(make_known(*[LOSS] * 20, *[high] * 5), facts(), rules=RULES, needed=10)
    assert same.by_leverage == ()
    later = guidance_of(
        make_known(*[high] * 5, *[WIN] * 40, *[LOSS | {"leverage": 15}] * 5), facts(), rules=RULES, needed=10
    )
    assert [one.leverage for one in later.by_leverage] == ["10-20x", "20x+"]  # in one order, whatever came first


def test_the_recent_trend_needs_twenty_trades(make_known):
    trends = [
        guidance_of(make_known(*[LOSS] * 10, *[WIN] * n), facts(), rules=RULES, needed=10).recent_trend for n in (9, 10)
    ]
    assert trends[0] is None and trends[1] > 0


def test_the_pattern_of_each_side_reaches_the_facts(make_known):
    guidance = guidance_of(make_known(*[LOSS] * 12), facts(), rules=RULES, needed=10)
    empty = dict.fromkeys(["long_success_rate", "long_mean_profit_pct", "short_success_rate", "short_mean_profit_pct"])
    summary = with_patterns(ExperienceFacts(long_cases=0, short_cases=0, ids="none", **empty), guidance)
    assert (summary.long_pattern, summary.long_pattern_trades, summary.long_pattern_rate) == ("warned", 12, 0)
    assert (summary.short_pattern, summary.short_pattern_trades) == ("unknown", 0)


CLOSED = st.tuples(st.integers(0, 60), st.booleans(), st.sampled_from([True, True, False]))
"""Hours to the close, whether it won, whether it is of the namespace that is read."""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    trades=st.lists(CLOSED, min_size=12, max_size=20),  # so many that most moments know a pattern
    hour=st.integers(25, 61),
    extra=st.lists(CLOSED, min_size=1, max_size=6),
)
def test_what_is_learnt_at_a_moment_uses_nothing_known_then_or_later(
    trades, hour, extra, make_experience, make_trade, tmp_path_factory
):
    path = tmp_path_factory.mktemp("causal") / "memory.db"
    memory = open_memory(path)
    as_of = make_trade(hour).opened_at

    def add(number, closed_after, wins, own):
        opened = make_trade(0).opened_at - timedelta(hours=1)
        changes = (WIN if wins else LOSS) | {"namespace": "a" if own else "b", "trade_key": str(number)}
        closed = opened + timedelta(hours=1 + closed_after)
        memory.add(make_experience(0, **changes, opened_at=opened, closed_at=closed))

    def learnt():
        return guidance_of(followed(memory, "a").known(as_of), facts(), rules=RULES, needed=1)

    try:
        for number, trade in enumerate(trades):
            add(number, *trade)
        before = learnt()
        assert before.trades == sum(closed < hour and own for closed, _, own in trades)
        for number, (closed, wins, own) in enumerate(extra, len(trades)):
            add(number, max(closed, hour), wins, own)
        assert learnt() == before
    finally:
        close_memory(path)


def test_a_cleanup_takes_its_lessons_along(memory, make_experience):
    for number in range(12):
        memory.add(make_experience(number, **LOSS))
    as_of = make_experience(40).source.known_at
    assert len(followed(memory, "backtest:a").known(as_of).trades) == 12
    memory.cleanup("backtest:a", "compress", as_of=as_of, settings=Cleanup(keep_newest=5, max_share=1))
    reader = followed(memory, "backtest:a")
    assert len(reader.known(as_of).trades) == 5
    assert reader.of([1, 12])[0] is None and reader.of([12])[0].id == 12


def test_what_is_known_is_one_object_until_a_trade_closes(memory, make_experience):
    for number in range(3):
        memory.add(make_experience(number))
    reader, later = followed(memory, "backtest:a"), make_experience(10).source.known_at
    first = reader.known(later)
    assert reader.known(later + timedelta(hours=1)) is first  # so that patterns are counted once, not at every candle
    memory.add(make_experience(4))
    assert len(followed(memory, "backtest:a").known(later).trades) == 4
