"""`candlegraph traces`: decisions worth a second look go out, and come back with what a person made of them."""

import json

import pytest
from collectors import collecting, shown_to

from candlegraph.freqtrade_bridge.commands.main import main
from candlegraph.freqtrade_bridge.decisions.inputs import DecisionInputs
from candlegraph.freqtrade_bridge.decisions.records import Records
from candlegraph.freqtrade_bridge.scenarios.corrected import corrected_in

OBJECTION = {"reviewer 1": '{"verdict": "veto", "reason": "against the trend"}'}


@pytest.fixture
def kept(decided, closed):
    """Return the ids of a decision that was sent back, an entry that lost, and a hold that the reviewer refused."""
    rows, states, context = decided(3)
    closed(None, rows[1], states, context)
    rows[0] = rows[0].model_copy(update={"repairs": 2})
    rows[2] = rows[2].model_copy(update={"opinions": OBJECTION})
    Records(context).decisions(rows, states)
    return [row.decision_id for row in rows]


@pytest.fixture
def written(tmp_path, capsys):
    """Return a function that writes the dataset, and returns its lines and what was said."""

    def go(*words, status=0):
        target = tmp_path / "out.jsonl"
        assert main(["traces", "dataset", "--to", str(target), "--userdir", str(tmp_path), *words]) == status
        told = capsys.readouterr()
        lines = target.read_text().splitlines() if target.exists() else []
        return [json.loads(line) for line in lines], told.out + told.err

    return go


def test_each_line_says_what_was_seen_done_and_why_it_is_there_and_a_file_is_not_replaced(kept, written):
    lines, told = written("--namespace", "dry_run")
    held, entry, flat = lines
    assert [held["decision_id"], entry["decision_id"], flat["decision_id"]] == kept[::-1]
    assert (entry["proposed"], entry["taken"], entry["admissible"]) == ("enter_long", "enter_long", [])
    assert entry["chosen"] == ["losers", "clamps"] and entry["why"].startswith("its trade made -4.00 %; ")
    assert (held["why"], flat["why"]) == (
        "the reviewer refused it: against the trend",
        "answered 3 times until it could be read",
    )
    assert (held["possible"], flat["possible"]) == (
        ["hold", "exit", "reduce", "add"],
        ["enter_long", "enter_short", "wait"],
    )
    for line in lines:
        inputs = DecisionInputs.model_validate(line["inputs"])
        assert inputs.snapshot.pair == line["pair"] and "<facts>" in line["briefing"]
    assert "3 decisions written" in told and "candlegraph scenarios --file" in told
    _, told = written(status=1)
    assert "is there already; a person may have filled it in; --force replaces it" in told
    assert written("--force")[0] == lines


def test_decisions_are_chosen_by_why_they_are_worth_a_second_look(kept, written):
    wait, entry, hold = kept
    for choice, expected in {"losers": entry, "vetoes": hold, "clamps": entry, "repairs": wait}.items():
        (line,), _ = written("--force", "--choose", choice)
        assert (line["decision_id"], line["chosen"]) == (expected, [choice])
    assert [one["decision_id"] for one in written("--force", "--limit", "1")[0]] == [wait]


def test_nothing_to_write_is_told_with_numbers(decided, written):
    rows, states, context = decided(1)
    Records(context).decisions(rows, states)
    _, told = written("--choose", "losers", "vetoes", status=1)
    assert "nothing to write: 0 of 1 decisions of dry_run are losers or vetoes" in told


def test_a_dataset_of_langsmith_comes_back_with_what_a_person_filled_in(kept, tmp_path, monkeypatch, capsys):
    hidden, target = tmp_path / "hidden.json", tmp_path / "back.jsonl"
    hidden.write_text(json.dumps({"tracing": {"redact": ["against the trend"]}}))
    out = ["traces", "dataset", "--langsmith", "mine", "--userdir", str(tmp_path), "-c", str(hidden)]
    back = ["traces", "corrections", "--langsmith", "mine", "--to", str(target)]
    with collecting(200) as found, shown_to(monkeypatch, found.url, otlp=False):
        assert main(out) == 0
        (dataset,) = (json.loads(body) for body in found.to("/datasets"))
        assert (dataset["name"], len(found.examples())) == ("mine", 3)
        assert b"against the trend" not in b"".join(found.to("/examples/bulk"))
        found.corrected = corrected
        assert main(back) == 0
        assert main(back) == 1
        assert main([*back, "--force"]) == 0
    told = capsys.readouterr().out
    assert "3 decisions in LangSmith's dataset mine" in told
    assert "3 decisions written" in told and "1 of them corrected" in told
    lines = {line["decision_id"]: line for line in map(json.loads, target.read_text().splitlines())}
    assert set(lines) == set(kept) and lines[kept[1]]["admissible"] == ["wait"]
    assert DecisionInputs.model_validate(lines[kept[2]]["inputs"]).snapshot.position is not None
    scenarios, still_open = corrected_in(target)
    assert [(one.name, one.admissible) for one in scenarios] == [(kept[1][:8], ("wait",))] and still_open == 2


def corrected(example):
    """Return what a person left of an example: the entry should have been a wait."""
    is_entry = example["outputs"]["taken"] == "enter_long"
    return example | {"outputs": example["outputs"] | ({"admissible": ["wait"]} if is_entry else {})}


def test_prompts_that_stay_here_are_no_dataset(kept, tmp_path, capsys):
    private = tmp_path / "private.json"
    private.write_text(json.dumps({"tracing": {"prompts": False}}))
    assert main(["traces", "dataset", "--langsmith", "d", "--userdir", str(tmp_path), "-c", str(private)]) == 1
    assert "tracing.prompts is false" in capsys.readouterr().err
