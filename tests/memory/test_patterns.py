"""Patterns: bands, counts, intervals, what is warned of, and nothing from the future."""

from datetime import UTC, date, datetime, timedelta
from statistics import fmean

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from candlegraph.graph.schema.facts import AccountFacts, ExperienceFacts, Facts
from candlegraph.graph.schema.indicators import TimeframeFacts
from candlegraph.graph.settings.experience import Reward
from candlegraph.memory.learning import setups
from candlegraph.memory.learning.counts import Counts, Moments
from candlegraph.memory.learning.evidence import Span
from candlegraph.memory.learning.outline import Outline, net_r_of, outline_of
from candlegraph.memory.learning.patterns import (
    guidance_of,
    judged,
    mean_interval,
    t_quantile,
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
from candlegraph.memory.store import ExperienceMemory, close_memory, open_memory
from candlegraph.tools.market import situation_versions as vectors
from candlegraph.tools.market.situation_versions import VERSION

RULES = Reward()
LONG = Setup("long", "trend_up")
WIN = {"profit_pct": 4, "mfe_pct": 5, "exit_price": 101}
LOSS = {"profit_pct": -4, "mfe_pct": 1, "mae_pct": -5, "exit_price": 99}
SPACE = f"{VERSION}:30m"
DAY, BEGIN = date(2025, 1, 1), datetime(2025, 1, 1, tzinfo=UTC)


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
    """Return a factory: what trades from `(changes, changes, ...)` count to, all of one setup unless changed."""

    def make(*changes):
        common = {"space": SPACE, "situation": situation(0.6), "entry_rsi": 50}
        return counted(outline_of(n, make_experience(n, **common | one)) for n, one in enumerate(changes))

    return make


def counted(outlines):
    made = Counts()
    for one in outlines:
        if one.is_learnt:
            made.add(one)
    return made


def pattern(counts, setup=LONG, rules=RULES):
    """Return what is said of a setup; None: it is no pattern."""
    found = judged(counts, setup, rules)
    return None if found is None else found[1]


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
    moments = Moments()
    for value in (1.0, 2.0, 3.0):
        moments.add(value)
    assert mean_interval(moments, 0.95) == pytest.approx((2 - 2.4841, 2 + 2.4841), abs=1e-3)


@given(st.integers(1, 500), st.data(), st.floats(0.5, 0.99))
def test_a_win_rate_lies_in_its_interval_and_more_confidence_widens_it(trades, data, level):
    wins = data.draw(st.integers(0, trades))
    low, high = win_rate_interval(wins, trades, level)
    assert 0 <= low <= wins / trades <= high <= 1
    wider = win_rate_interval(wins, trades, (1 + level) / 2)
    assert wider.low <= low and wider.high >= high


@pytest.mark.parametrize(
    "changes, expected",
    [
        ({}, 4 / (100 * 5 * (0.05 + 0.001))),  # stop 5 % away at 5x, both fees
        ({"risk_pct": 8}, 0.5),  # as it was recorded, of the first fill
        ({"side": "short", "planned_stop": 104, "exit_price": 99}, 4 / (100 * 5 * 0.041)),
        ({"planned_stop": None}, None),
        ({"planned_stop": 101}, None),  # in profit: it risks nothing
    ],
)
def test_a_result_is_measured_in_losses_at_the_initial_stop(make_trade, changes, expected):
    assert net_r_of(make_trade(**changes)) == pytest.approx(expected)


def runs(*values):
    """Return trades one after another with these net results in R."""
    return [
        WIN | {"risk_pct": 4, "profit_pct": 4 * value} if value > 0 else LOSS | {"risk_pct": 4, "profit_pct": 4 * value}
        for value in values
    ]


@pytest.mark.parametrize(
    "values, expected",
    [
        ([-1] * 15, "warned"),
        ([-1] * 8, "open"),  # an interval at 80 % lies wholly below after five
        ([1] * 12, "favoured"),
        ([1] * 6, "open"),
        ([0.25] * 40 + [-1.5] * 10, "open"),  # often right, and earns nothing
        ([4, -1, -1, -1, -1] * 20, "open"),  # seldom right, and loses nothing
        ([3, -1] * 12, "favoured"),
    ],
)
def test_verdicts_are_about_the_mean_result_and_not_the_win_rate(make_known, values, expected):
    assert pattern(make_known(*runs(*values))).verdict == expected


def test_trades_without_a_stop_count_and_judge_nothing(make_known):
    found = pattern(make_known(*[LOSS | {"planned_stop": None}] * 30))
    assert (found.trades, found.observations, found.mean_r, found.verdict) == (30, 0, None, "open")


def test_pairs_that_are_open_at_the_same_time_are_hardly_more_than_one_observation(make_known, make_trade):
    first = make_trade(0)
    hour = {"opened_at": first.opened_at, "closed_at": first.closed_at}
    found = pattern(make_known(*[LOSS | hour] * 40))
    assert (found.trades, found.verdict) == (40, "open")
    assert found.observations == pytest.approx(sum(1 / n**2 for n in range(1, 41))) and found.observations < 1.7


def test_fewer_than_the_least_trades_are_no_pattern(make_known):
    assert pattern(make_known(*[LOSS] * 4)) is None
    assert pattern(make_known(*[LOSS] * 5)).trades == 5
    assert pattern(make_known(*[LOSS] * 4), rules=Reward(min_pattern_trades=4)) is not None


def test_a_pattern_counts_wins_losses_and_well_traded_wins(make_known):
    known = make_known(WIN, WIN, WIN | {"leverage": 30, "planned_stop": None, "mfe_pct": 20}, LOSS, {"profit_pct": 0})
    found = pattern(known)
    assert (found.trades, found.wins, found.losses, found.successes, found.win_rate) == (5, 3, 1, 2, 0.6)


def of_scores(*trades):
    """Return one trade of a setup for each `(profit_pct, score)`."""
    setup, span = Setup("long", "range"), Span("long", BEGIN, BEGIN)
    made = [
        Outline(n, n, "X", "long", DAY, True, setup, span, pct, None, score) for n, (pct, score) in enumerate(trades)
    ]
    return pattern(counted(made), setup, Reward(min_pattern_trades=2))


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


def test_each_reward_mode_is_averaged_on_its_own(make_known, make_experience):
    known = make_known(WIN, LOSS, LOSS, LOSS, LOSS)
    means = [pattern(known, rules=Reward(mode=mode)).mean_reward for mode in ("documented", "quality")]
    stored = [make_experience(**one) for one in (WIN, LOSS, LOSS, LOSS, LOSS)]
    assert means == pytest.approx(
        [fmean(getattr(one, name) for one in stored) for name in ("reward", "reward_quality")]
    )
    assert means[0] != means[1]


def test_more_confidence_widens_the_intervals_of_a_pattern_and_leaves_its_verdict(make_known):
    known = make_known(*runs(1, *[-1] * 20))
    some, more = (pattern(known, rules=Reward(confidence_level=level)) for level in (0.6, 0.95))
    assert more.win_rate_low < some.win_rate_low < some.win_rate_high < more.win_rate_high
    assert more.reward_low < some.reward_low < some.reward_high < more.reward_high
    assert (some.verdict, more.verdict) == ("warned", "warned")


def test_forced_trades_teach_nothing(make_known):
    assert pattern(make_known(*[LOSS | {"forced": True}] * 9)) is None


def test_a_trade_that_was_not_decided_by_us_is_no_pattern(make_known):
    assert make_known(*[LOSS | {"regime": None}] * 9).by_setup == {}


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
        found, said = judged(make_known(*trades), now, RULES)
        assert (found, said.trades) == (level, count)
    elsewhere = [LOSS | {"regime": "range"}] * 9 + [LOSS | {"side": "short", "planned_stop": 105}] * 9
    assert judged(make_known(*elsewhere), now, RULES) is None


def test_the_finest_level_with_a_verdict_is_named_and_one_without_any_does_not_hide_it(make_known):
    now = setup_of_facts(facts(), "long")
    others = [one | {"entry_rsi": 65} for one in runs(*[-1] * 20)]
    level, found = judged(make_known(*runs(*[-1] * 6), *others), now, RULES)
    assert (level, found.verdict, found.trades, found.rsi) == (("regime", "trend_strength"), "warned", 26, None)
    assert found.mean_r == pytest.approx((8 * 0 - 26) / (8 + 26))  # the coarser level has no other trades
    level, found = judged(make_known(*runs(*[-1] * 20), *others), now, RULES)
    assert (level, found.trades) == (("regime", "trend_strength", "rsi", "volatility"), 20)


def test_guidance_comes_with_the_trade_that_is_needed(make_known):
    before, then = (guidance_of(make_known(*runs(*[-1] * n)), facts(), rules=RULES, needed=30) for n in (29, 30))
    assert (before.trades, before.patterns) == (29, ())
    assert (then.trades, [one.verdict for one in then.patterns]) == (30, ["warned"])
    assert then.cumulative_reward < before.cumulative_reward < 0


def test_guidance_is_of_both_sides_of_the_present_setup_only(make_known):
    short = [one | {"side": "short", "planned_stop": 105, "exit_price": 101} for one in runs(*[-1] * 30)]
    known = make_known(*runs(*[1] * 20), *short, *[LOSS | {"regime": "range"}] * 6)
    found = guidance_of(known, facts(), rules=RULES, needed=10)
    assert [(one.side, one.verdict, one.trades) for one in found.patterns] == [
        ("long", "favoured", 20),
        ("short", "warned", 30),
    ]


def test_a_leverage_that_changes_the_verdict_is_named(make_known):
    high, higher = ([one | {"leverage": leverage} for one in runs(*[-1] * 24)] for leverage in (15, 25))
    found = guidance_of(make_known(*runs(*[1] * 70), *higher), facts(), rules=RULES, needed=10)
    assert [(one.verdict, one.leverage) for one in found.patterns] == [("favoured", None)]
    assert [(one.verdict, one.leverage, one.trades) for one in found.by_leverage] == [("warned", "20x+", 24)]
    same = guidance_of(make_known(*runs(*[-1] * 20), *higher), facts(), rules=RULES, needed=10)
    assert same.by_leverage == ()
    later = guidance_of(make_known(*higher, *runs(*[1] * 90), *high), facts(), rules=RULES, needed=10)
    assert [one.leverage for one in later.by_leverage] == ["10-20x", "20x+"]  # in one order, whatever came first


def test_the_recent_trend_needs_twenty_trades(make_known):
    trends = [
        guidance_of(make_known(*[LOSS] * 10, *[WIN] * n), facts(), rules=RULES, needed=10).recent_trend for n in (9, 10)
    ]
    assert trends[0] is None and trends[1] > 0


def test_the_pattern_of_each_side_reaches_the_facts(make_known):
    guidance = guidance_of(make_known(*runs(*[-1] * 16)), facts(), rules=RULES, needed=10)
    empty = dict.fromkeys(["long_success_rate", "long_mean_profit_pct", "short_success_rate", "short_mean_profit_pct"])
    summary = with_patterns(ExperienceFacts(long_cases=0, short_cases=0, ids="none", **empty), guidance)
    assert summary.long_pattern == "warned"
    assert summary.long_against >= 20
    assert summary.short_pattern == "unknown"
    assert summary.short_against is None


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
        return followed(memory, "a").asked(as_of, lambda known: guidance_of(known, facts(), rules=RULES, needed=1))

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


TIMES = st.lists(st.tuples(st.integers(0, 60), st.booleans()), min_size=1, max_size=15)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=TIMES, then=TIMES, moments=st.lists(st.integers(1, 62), min_size=1, max_size=5))
def test_what_is_counted_is_the_same_whenever_it_was_read_before(
    first, then, moments, make_experience, tmp_path_factory
):
    """One memory is read again and again while trades come in, in any order; the other is opened and read once."""
    path = tmp_path_factory.mktemp("counted") / "memory.db"
    memory = open_memory(path)
    times = [make_experience(hour).source.known_at for hour in moments]

    def read(reader, at):
        return reader.asked(at, lambda known: guidance_of(known, facts(), rules=RULES, needed=1))

    try:
        for number, (hour, wins) in enumerate([*first, *then]):
            common = {"space": SPACE, "situation": situation(0.6), "entry_rsi": 50, "trade_key": str(number)}
            memory.add(make_experience(hour, **common | (WIN if wins else LOSS)))
            if number >= len(first):
                reader = followed(memory, "backtest:a")
                said = [read(reader, at) for at in times]
        again = ExperienceMemory(path)
        assert [read(followed(again, "backtest:a"), at) for at in times] == said
    finally:
        close_memory(path)
