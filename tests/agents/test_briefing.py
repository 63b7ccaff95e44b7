"""What the model reads: facts always, sections as rich as their tokens allow, no date."""

import re
from dataclasses import fields
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as checked
from hypothesis import strategies as st
from pydantic import ValidationError

from candlegraph.agents.asking.transcript import allowed_tools
from candlegraph.agents.decision import check_budget
from candlegraph.agents.prompt import case_text, last_call, sections, timeframes
from candlegraph.agents.prompt.briefing import brief_of, briefing
from candlegraph.agents.prompt.budget import PRIORITY, block_of
from candlegraph.agents.prompt.case_text import CUT, SHORT, WHOLE, case_line, share_line
from candlegraph.agents.prompt.cases import cases_block, cases_section, learnt_lines, pattern_line, similar_lines
from candlegraph.agents.prompt.files import prompt_text, prompt_version
from candlegraph.agents.prompt.phrases import WORDS, Words
from candlegraph.agents.prompt.tokens import tokens_of
from candlegraph.graph.schema.errors import ConfigError
from candlegraph.graph.schema.facts import ExperienceFacts, parse_facts, render_facts
from candlegraph.graph.schema.lessons import Advice, Case, Guidance, Lessons, Moment, Pattern, Similar
from candlegraph.graph.schema.market import Reading, Sentiment
from candlegraph.graph.schema.scene import Scene
from candlegraph.graph.settings.context import ContextConfig, TokenAllocation
from candlegraph.graph.settings.settings import Settings
from candlegraph.graph.state import CandleState
from candlegraph.tools.market.facts import facts_of
from candlegraph.tools.market.patterns import FIGURES, named

LANGUAGES = ["en", "zh"]
EN = WORDS["en"]
SUMMARY = ExperienceFacts(
    long_cases=0,
    long_success_rate=None,
    long_mean_profit_pct=None,
    short_cases=4,
    short_success_rate=0.25,
    short_mean_profit_pct=-1.5,
    short_within_pct=8.0,
    ids="12 13",
)


PATTERN = Pattern(
    side="short",
    regime="range",
    trend_strength="weak",
    rsi="45-55",
    volatility=None,
    leverage=None,
    trades=15,
    observations=14,
    wins=3,
    losses=12,
    successes=2,
    win_rate=0.2,
    win_rate_low=0.1,
    win_rate_high=0.36,
    mean_r=-0.456,
    mean_reward=-0.0123,
    reward_low=-0.02,
    reward_high=-0.004,
    verdict="warned",
    favour=0.1,
    against=23.4,
)
GOOD = PATTERN.model_copy(update={"side": "long", "verdict": "favoured", "leverage": "1-5x", "volatility": "calm"})
GUIDANCE = Guidance(
    trades=36,
    needed=10,
    level=0.8,
    patterns=(GOOD, PATTERN),
    net_result=-31.2,
    cumulative_reward=0.0194,
    recent_trend=None,
)


def case(**changes):
    known = {
        "id": 12,
        "kind": "trade",
        "pair": "ETH/USDT:USDT",
        "side": "short",
        "similarity": 0.876,
        "profit_pct": -3.456,
        "score": 41.6,
        "grade": "F",
        "entry_price": 0.0000085123,
        "duration_minutes": 90,
        "lesson": "wait for confirmation",
    }
    return Case(**known | changes)


def settings_with(allocation=None, **changes):
    return Settings(context_config=ContextConfig(allocation=TokenAllocation(**allocation or {}), **changes))


def state_of(snapshot, lessons=None, settings=None):
    config = (settings or Settings()).context_config
    facts = facts_of(snapshot, config.timeframes, config.required_indicators)
    return CandleState(snapshot=snapshot, facts=facts, lessons=lessons)


def brief(snapshot, lessons=None, settings=None):
    settings = settings or Settings()
    state = state_of(snapshot, lessons, settings)
    return brief_of(state, settings, allowed_tools(state))


def message(snapshot, lessons=None, settings=None):
    return brief(snapshot, lessons, settings).messages[1].content


@pytest.fixture(scope="module")
def full(make_snapshot, as_of):
    """Return a snapshot that has something to say in every section."""
    snapshot = make_snapshot("long", past_reasons=tuple(f"reason {n} " + "of a longer kind " * 6 for n in range(5)))
    sentiment = Sentiment(
        fear_greed=Reading(value=74, at=as_of, source="index", label="Greed", past=(70, 71)),
        funding_rate=Reading(value=0.0000085, at=as_of, source="exchange"),
        unavailable={"open_interest": "timed out after 5 s"},
    )
    return snapshot.model_copy(update={"sentiment": sentiment, "candles_since_loss": 7})


FULL_LESSONS = Lessons(
    cases=tuple(case(id=n, lesson=f"lesson {n} " * 30) for n in range(5)), summary=SUMMARY, guidance=GUIDANCE
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_facts_come_back_from_the_prompt(full, language):
    settings = settings_with(language=language)
    facts = state_of(full).facts
    read = parse_facts(message(full, FULL_LESSONS, settings))
    assert read == parse_facts(render_facts(facts.model_copy(update={"experience": SUMMARY})))


def test_without_enough_cases_there_is_no_summary_among_the_facts(full):
    assert parse_facts(message(full, Lessons())).experience is None


def test_only_the_nearest_experiences_are_named_in_the_facts(full):
    many = SUMMARY.model_copy(update={"ids": " ".join(map(str, range(100, 130)))})
    assert parse_facts(message(full, Lessons(summary=many))).experience.ids == "100 101 102 103 104"


@pytest.mark.parametrize("budget", [3000, 3200, 3600, 4500, 6000, 20_000])
@pytest.mark.parametrize("side", [None, "long"])
def test_no_prompt_is_over_its_budget_and_no_section_over_its_allocation(full, budget, side):
    settings = settings_with(max_context_tokens=budget)
    made = brief(full if side else full.model_copy(update={"position": None}), FULL_LESSONS, settings)
    system, human = (tokens_of(str(one.content)) for one in made.messages)
    assert system + human + made.fixed.tools <= made.tokens <= budget
    for part in made.parts:
        assert part.tokens <= getattr(settings.context_config.allocation, part.name)
    assert system <= settings.context_config.allocation.system


@pytest.mark.parametrize("language, budget", [("en", 3000), ("zh", 3200)])
def test_what_was_left_out_is_said_in_its_section(full, language, budget):
    words = WORDS[language]
    made = brief(full, FULL_LESSONS, settings_with(max_context_tokens=budget, language=language))
    short = [part for part in made.parts if part.left_out]
    assert short
    assert all(words.left_out.format(part.left_out) in part.text for part in short)


def test_with_room_for_everything_nothing_is_left_out(full):
    roomy = {name: 20_000 for name in TokenAllocation.model_fields}
    made = brief(full, FULL_LESSONS, settings_with(roomy, max_context_tokens=50_000))
    assert [part.name for part in made.parts] == list(PRIORITY)
    assert not any(part.left_out for part in made.parts)
    assert "left out" not in made.messages[1].content


def test_more_tokens_never_make_a_section_poorer_than_the_ones_after_it_need(full):
    budgets = range(3000, 7000, 100)
    richness = [
        [part.tokens for part in brief(full, FULL_LESSONS, settings_with(max_context_tokens=n)).parts] for n in budgets
    ]
    assert richness == sorted(richness)


@pytest.mark.parametrize("name", ["position", "similar_trades", "multi_timeframe", "indicator_history"])
def test_each_allocation_shortens_its_own_section_only(full, name):
    generous = {one: 5000 for one in TokenAllocation.model_fields}
    whole = {
        part.name: part for part in brief(full, FULL_LESSONS, settings_with(generous, max_context_tokens=50_000)).parts
    }
    least = brief(full, FULL_LESSONS, settings_with(max_context_tokens=50_000)).fixed.least(name)
    tight = settings_with(generous | {name: least + 20}, max_context_tokens=50_000)
    cut = {part.name: part for part in brief(full, FULL_LESSONS, tight).parts}
    assert cut[name].left_out and cut[name].tokens <= least + 20
    assert {one: part for one, part in cut.items() if one != name} == {
        one: part for one, part in whole.items() if one != name
    }


def test_a_history_of_no_tokens_is_switched_off_without_a_word(full):
    made = brief(full, FULL_LESSONS, settings_with({"indicator_history": 0}))
    assert "Indicator history" not in made.messages[1].content


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_default_settings_fit_their_budget(language):
    check_budget(settings_with(language=language))


def test_the_least_budget_holds_four_timeframes():
    check_budget(settings_with(max_context_tokens=3000))


@pytest.mark.parametrize(
    "allocation, changes, key",
    [
        ({"system": 100}, {}, "context_config.allocation.system = 100"),
        ({"current_market": 20}, {}, "context_config.allocation.current_market = 20"),
        ({"account": 0}, {}, "context_config.allocation.account = 0"),
        ({"position": 30}, {}, "context_config.allocation.position = 30"),
        ({"similar_trades": 20}, {}, "context_config.allocation.similar_trades = 20"),
        ({"multi_timeframe": 400}, {}, "context_config.allocation.multi_timeframe = 400"),
        ({"indicator_history": 3}, {}, "context_config.allocation.indicator_history = 3"),
        (
            {},
            {"max_context_tokens": 3000, "timeframes": ("5m", "15m", "30m", "1h", "4h", "1d")},
            "max_context_tokens = 3000",
        ),
        ({}, {"max_context_tokens": 3000, "language": "zh"}, "max_context_tokens = 3000"),
    ],
)
def test_a_budget_that_cannot_hold_what_must_stay_is_refused_at_the_start(allocation, changes, key):
    with pytest.raises(ConfigError, match=re.escape(key)):
        check_budget(settings_with(allocation, **changes))


def test_a_prompt_that_cannot_fit_is_refused_and_never_sent(full):
    with pytest.raises(ConfigError, match="multi_timeframe = 10"):
        brief(full, settings=settings_with({"multi_timeframe": 10}))


NUMBERS = st.floats(-999, 999).filter(lambda x: abs(x) > 1e-3)


@checked(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(numbers=st.lists(NUMBERS, min_size=12, max_size=12))
def test_a_start_that_was_allowed_never_fails_on_a_candle(full, numbers):
    settings = settings_with(max_context_tokens=3000)
    check_budget(settings)
    state = state_of(full, FULL_LESSONS, settings)
    frames = {
        name: one.model_copy(
            update=dict(zip([f for f in type(one).model_fields if f != "close"], numbers, strict=True))
        )
        for name, one in state.facts.timeframes.items()
    }
    wide = state.model_copy(update={"facts": state.facts.model_copy(update={"timeframes": frames})})
    assert brief_of(wide, settings, allowed_tools(wide)).tokens <= 3000


def test_the_facts_count_for_the_sections_that_they_belong_to(full):
    facts = state_of(full).facts
    counted = block_of(facts).tokens
    assert tokens_of(render_facts(facts)) <= sum(counted.values()) <= tokens_of(render_facts(facts)) + 5
    without = facts.model_copy(update={"position": None})
    assert block_of(without).tokens["position"] < 10 < counted["position"]
    assert {name: n for name, n in block_of(without).tokens.items() if name != "position"} == {
        name: n for name, n in counted.items() if name != "position"
    }


def test_numbers_of_a_tiny_coin_keep_their_digits(full):
    assert "funding_rate: 0.0000085" in message(full.model_copy(update={"sentiment": full.sentiment}))


def test_the_sentiment_shows_labels_older_values_and_why_one_is_missing(full):
    text = message(full)
    assert 'fear_greed: 74 "Greed" (before 70 71)' in text
    assert 'open_interest: unavailable "timed out after 5 s"' in text


def test_without_sentiment_there_is_no_section_for_it(make_snapshot):
    assert "Sentiment" not in message(make_snapshot())


def test_each_timeframe_shows_trend_levels_and_closes(full):
    lines = re.search(r"<timeframes>\n(.*?)\n</timeframes>", message(full), re.DOTALL)[1].splitlines()
    assert [line.partition(":")[0] for line in lines] == [view.timeframe for view in full.timeframes]
    for line, view in zip(lines, full.timeframes, strict=True):
        assert line.endswith(f"{view.past_closes[-1]:.6g} {view.close:.6g}")
        assert "trend" in line
        assert all(f"{level.price:.6g} x{level.touches}" in line for level in view.levels)


def test_the_position_shows_why_it_was_opened_and_kept(full):
    text = message(full)
    assert 'why it was opened: "回调做多 (b)pull-back(/b)"' in text
    assert text.index("reason 0") < text.index("reason 4")


def test_the_history_shows_series_oldest_first(full):
    roomy = settings_with({"indicator_history": 9000}, max_context_tokens=30_000)
    known = (*full.main.past_indicators.rsi[1:], full.main.indicators.rsi)
    assert "30m: rsi " + " ".join(f"{x:.4g}" for x in known) in message(full, settings=roomy)


TOLD = {
    "regime": "trend_down",
    "trend_strength": "strong",
    "rsi": 41.6,
    "scene": Scene(alignment=-3, timeframes=4, touched="resistance", patterns=("bearish_engulfing",)),
    "entry_reason": "rally into EMA 20 was sold",
    "best_pct": 1.25,
    "worst_pct": -4.0,
    "exit_reason": "stop_loss",
    "self_evaluation": "right: the trend; wrong: entered too early; next time: wait for the close",
    "self_score": 55,
    "moments": (
        Moment(kind="add", after_minutes=30, share=0.4),
        Moment(kind="reduction", after_minutes=45, share=0.5, profit_pct=1.2),
        Moment(kind="hold", after_minutes=60, profit_pct=1.1, said="trend intact"),
    ),
}


def test_a_case_tells_the_set_up_why_how_it_went_and_what_was_made_of_it():
    one = case(**TOLD)
    assert case_line(one, EN, WHOLE) == (
        f"case {one.label}: short ETH/USDT:USDT, -3.46 % net, score 42 (F), similarity 0.88; entered in strong "
        "down-trend, RSI 42, alignment -3 of 4, at resistance, bearish_engulfing; "
        'its reason: "rally into EMA 20 was sold"; held 1.5 h, best +1.2 %, worst -4.0 %, stopped out; '
        "on the way: added 40% after 0.5 h, closed 50% at +1.2 % after 0.8 h, decided to hold at +1.1 % after 1.0 h "
        '("trend intact"); said at its exit: "right: the trend; wrong: entered too early; next time: wait for the '
        'close" (scored itself 55); lesson: "wait for confirmation"'
    )


def test_a_case_tells_it_in_chinese():
    line = case_line(case(**TOLD), WORDS["zh"], WHOLE)
    for said in ("强势下降趋势", "位于阻力", "看跌吞没", "止损出场", "决定持有", "平仓时的自评", "自评分 55"):
        assert said in line
    bare = re.sub('"[^"]*"', "", line)
    assert set(re.findall("[A-Za-z]{2,}", bare)) <= {one.label for one in [case()]} | {"ETH", "USDT", "RSI"} | HEX(bare)


def HEX(text):
    return set(re.findall("[a-f]{2,}", text))


def test_of_a_case_in_short_set_up_course_and_result_stay():
    lengths = [len(case_line(case(**TOLD), EN, detail)) for detail in (WHOLE, CUT, SHORT)]
    assert lengths == sorted(lengths, reverse=True) and len(set(lengths)) == 3
    short = case_line(case(**TOLD), EN, SHORT)
    assert all(one in short for one in ("-3.46 % net", "down-trend", "stopped out", "at resistance", "lesson"))
    assert "said at its exit" not in short


def test_what_was_not_kept_of_an_old_case_is_not_told():
    one = case(best_pct=1, worst_pct=-4, exit_reason="somebody's own exit")
    line = case_line(one, EN, WHOLE)
    assert "entered in an unknown market; held 1.5 h" in line and "somebody's own exit" in line
    assert "reason" not in line and "on the way" not in line and "said at" not in line


def test_a_trade_that_is_open_is_said_to_be_so_and_has_neither_score_nor_lesson():
    held = Moment(kind="hold", after_minutes=90, profit_pct=6.0, said="trend intact")
    line = case_line(case(kind="decision", score=None, grade="", profit_pct=6, moments=(held,)), EN)
    assert "still open, +6.00 % net then" in line and "decided to hold at +6.0 % after 1.5 h" in line
    assert "score" not in line and "lesson" not in line


def test_the_share_that_the_cases_stand_for_is_said_and_where_a_loss_is_forced_too():
    said = {forced: Similar(trades=9, won=8, is_loss_forced=forced) for forced in (True, False)}
    assert share_line(said[False], "en").startswith("8 of 9 similar closed trades won")
    assert "one loser is always shown, here more than its share" in share_line(said[True], "en")
    body = next(cases_section(Lessons(cases=(case(),), similar=said[True]), EN).renderings(1000)).body
    assert body.index("8 of 9") < body.index("similarity")


def test_no_case_is_said_in_words():
    assert cases_block(Lessons(), EN) == "no similar past case"
    assert cases_block(Lessons(unavailable="no memory"), EN) == 'unavailable: "no memory"'


def test_what_is_learnt_stands_before_the_cases_with_warnings_first():
    assert learnt_lines(FULL_LESSONS, EN) == [
        "warning: short in range, trend strength weak, RSI 45-55, volatility any, leverage any: 15 trades, 20% won "
        "(10% to 36%), mean result -0.46 R, mean learning score -0.0123 (-0.0200 to -0.0040)",
        "favourable: long in range, trend strength weak, RSI 45-55, volatility calm, leverage 1-5x: 15 trades, 20% won "
        "(10% to 36%), mean result -0.46 R, mean learning score -0.0123 (-0.0200 to -0.0040)",
        "short: 4 similar closed trades, 25% of them won, mean profit -1.50 % (too few to tell)",
        "all 36 closed trades: net result -31.20 (money); learning score +0.0194 (not profit), recent trend unknown; "
        "R: the loss at the first stop, fees included; in brackets: 80% intervals",
    ]
    body = next(cases_section(FULL_LESSONS, EN).renderings(1000)).body
    assert body.index("warning") < body.index("36 closed") < body.index("similarity")


@pytest.mark.parametrize("kind, rule", [("stop", "a stop of 2 ATR"), ("later", "leaving 2 candles later")])
def test_standing_advice_names_the_setup_the_rule_and_what_it_gains(kind, rule):
    setup = PATTERN.model_dump(include={"side", "regime", "trend_strength", "rsi", "volatility"})
    one = Advice(**setup, kind=kind, value=2.0, trades=45, gain_atr=0.83)
    lessons = FULL_LESSONS.model_copy(update={"guidance": GUIDANCE.model_copy(update={"advice": (one,)})})
    assert learnt_lines(lessons, EN)[2] == (
        "advice: short in range, trend strength weak, RSI 45-55, volatility any, leverage any: over 45 trades "
        f"{rule} would have made +0.8 ATR a trade more than what was done, more than luck explains"
    )


@pytest.mark.parametrize(
    ("verdict", "favour", "against", "told"),
    [
        ("open", 0.3, 5.3, "undecided (evidence against it 5.3, 20 proves it): "),
        ("open", 3.21, 0.3, "undecided (evidence for it 3.2, 20 proves it): "),
        ("open", 1.9, 0.3, "undecided: "),
        ("warned", 0.1, 23.4, "warning: "),
    ],
)
def test_an_undecided_pattern_says_to_which_side_it_leans(verdict, favour, against, told):
    line = pattern_line(PATTERN.model_copy(update={"verdict": verdict, "favour": favour, "against": against}), EN)
    assert line.startswith(told)


def test_the_mean_of_similar_trades_has_its_interval():
    (line,) = similar_lines(SUMMARY.model_copy(update={"short_cases": 5}), EN)
    assert line.endswith("mean profit -1.50 % (±8.00, 99% interval)")


@pytest.mark.parametrize("cases, within", [(1, None), (2, 414.2), (4, 8.0)])
def test_of_a_few_similar_trades_it_is_said_that_they_tell_nothing(cases, within):
    (line,) = similar_lines(SUMMARY.model_copy(update={"short_cases": cases, "short_within_pct": within}), EN)
    assert line.endswith("mean profit -1.50 % (too few to tell)")


def test_before_enough_trades_their_number_is_said_and_before_any_nothing():
    few = GUIDANCE.model_copy(update={"trades": 9, "patterns": ()})
    assert learnt_lines(Lessons(guidance=few), EN) == ["no guidance yet: 9 of 10 closed trades"]
    assert learnt_lines(Lessons(guidance=few.model_copy(update={"trades": 0})), EN) == []


def test_fewer_cases_are_shown_before_none_is_and_the_warning_goes_last(full):
    counts, warned = set(), []
    for allocation in range(180, 1400, 20):
        text = message(full, FULL_LESSONS, settings_with({"similar_trades": allocation}, max_context_tokens=20_000))
        shown = text.count("similarity 0.88")
        counts.add(shown)
        warned.append("warning: " in text)
        assert shown == 5 or f"{5 - shown} of 5 cases" in text or "(left out: Similar past cases)" in text
        assert not shown or "warning: " in text and "36 closed trades" in text
        assert "36 closed trades" in text or "the rest of what was learnt" in text or "cases)" in text
    assert counts == {0, 1, 2, 3, 4, 5}
    assert warned == sorted(warned) and len(set(warned)) == 2


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_prompt_holds_no_date_and_no_time_of_day(full, language):
    settings = settings_with(language=language)
    made = brief(full, FULL_LESSONS, settings)
    text = "\n".join(str(one.content) for one in made.messages)
    assert not re.search(r"\b(19|20)\d\d-\d\d|\d\d:\d\d|UTC|GMT", text)


def test_equal_markets_read_equal_whenever_they_are(full):
    year = timedelta(days=365)
    later = full.model_copy(
        update={
            "candle": full.candle + year,
            "as_of": full.as_of + year,
            "timeframes": tuple(view.model_copy(update={"candle": view.candle + year}) for view in full.timeframes),
            "position": full.position.model_copy(update={"opened_at": full.position.opened_at + year}),
            "sentiment": full.sentiment.model_copy(
                update={"fear_greed": full.sentiment.fear_greed.model_copy(update={"at": full.as_of + year})}
            ),
        }
    )
    assert brief(full, FULL_LESSONS).messages == brief(later, FULL_LESSONS).messages


def test_the_same_state_gives_the_same_two_messages(full):
    settings = Settings()
    state = state_of(full, FULL_LESSONS)
    tools = allowed_tools(state)
    first, second = (briefing(state, settings, tools) for _ in range(2))
    assert [one.type for one in first] == ["system", "human"]
    assert [one.content for one in first] == [one.content for one in second]


def phrases_of(value):
    """Return every phrase that a constant holds."""
    if not isinstance(value, dict) or not value:
        return []
    return [value] if set(value) <= set(LANGUAGES) else [one for part in value.values() for one in phrases_of(part)]


PHRASES = [
    one
    for module in (sections, timeframes, last_call, case_text)
    for name in vars(module)
    for one in phrases_of(vars(module)[name])
]
PHRASES += [{one: getattr(WORDS[one], field.name) for one in LANGUAGES} for field in fields(Words)]


def test_both_languages_have_all_words_and_placeholders():
    assert len(PHRASES) > 100
    for phrase in PHRASES:
        assert set(phrase) == set(LANGUAGES), phrase
        english, chinese = (re.findall(r"{(\w*)", str(phrase[one])) for one in LANGUAGES)
        assert len(english) == len(chinese), phrase
        assert set(filter(str.isalpha, english)) == set(filter(str.isalpha, chinese)), phrase
    assert timeframes.CHINESE_PATTERNS.keys() == every_pattern()
    assert not re.search("[a-z]{4,}", WORDS["zh"].cases + sections.THESIS["zh"] + WORDS["zh"].history)


def test_a_chinese_prompt_is_chinese_but_for_the_facts(full):
    text = message(full, FULL_LESSONS, settings_with(language="zh"))
    outside = text.partition("</facts>")[2]
    assert "相似的历史案例" in outside and "开仓理由" in outside
    assert "Similar past cases" not in text


def every_pattern():
    """Return every name that a candle pattern may have."""
    found = {named(name, sign) for name in FIGURES for sign in (100, -100)}
    return found | {"inside_bar"}


def test_both_prompts_name_the_same_things():
    names = [set(re.findall(r"[a-z]+_[a-z_]+|Freqtrade|ATR|none", prompt_text("decision", one))) for one in LANGUAGES]
    assert names[0] == names[1]
    counts = [len(re.findall(r"^- ", prompt_text("decision", one), re.MULTILINE)) for one in LANGUAGES]
    assert counts[0] == counts[1]


def test_the_version_changes_with_the_prompt_and_is_short():
    assert re.fullmatch("[0-9a-f]{12}", prompt_version("decision"))
    assert prompt_version("decision") == prompt_version("decision", "en") != prompt_version("decision", "zh")
    assert "exactly one signal function" in prompt_text("decision")


COURSE_ZH = "做空，1.5 小时后以 -3.5 % 止损。"
COURSE = "Short, stopped after 1.5 h at -3.5 %; never green."


@pytest.mark.parametrize(
    "course, lesson, told",
    [
        (COURSE, f"{COURSE} A stop of 3 ATR would have held. Luck may.", "A stop of 3 ATR would have held. Luck may."),
        (
            "做空，1.5 小时后以 -3.5 % 止损。",
            "做空，1.5 小时后以 -3.5 % 止损。3 ATR 的止损本可守住。",
            "3 ATR 的止损本可守住。",
        ),
        (COURSE, COURSE, COURSE),
        (COURSE, "wait for confirmation. Then enter.", "wait for confirmation. Then enter."),
        ("", f"{COURSE} It is kept as one text.", f"{COURSE} It is kept as one text."),
    ],
    ids=["english", "chinese", "nothing else", "another lesson", "written before the parts were kept"],
)
def test_a_case_does_not_say_twice_how_it_went(course, lesson, told):
    assert f'lesson: "{told}"' in case_line(case(profit_pct=-3.46, course=course, lesson=lesson), EN, WHOLE)


def test_what_an_earlier_version_kept_of_a_decision_can_still_be_shown():
    kept = SUMMARY.model_dump() | {"long_pattern_trades": 6, "short_pattern_rate": 0.5}
    pattern = PATTERN.model_dump(exclude={"favour", "against"})
    again = Lessons.model_validate({"summary": kept, "guidance": GUIDANCE.model_dump() | {"patterns": [pattern]}})
    assert again.summary == SUMMARY and again.guidance.patterns[0].verdict == "warned"
    with pytest.raises(ValidationError):
        ExperienceFacts(**kept | {"long_patern": "open"})
