"""A plan from beginning to end: what it may cost, the cells that are missing, the trials, what it all says.

plan -> folder of its content -> chains that are not finished -> cells -> evaluation -> page and JSON
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from candlegraph.freqtrade_bridge.commands.arguments import MONTH, USERDIR
from candlegraph.freqtrade_bridge.host.trials import Begun, Ended, TrialBook
from candlegraph.freqtrade_bridge.lab.evaluation.cells import CellFiles, Chain, chains_of
from candlegraph.freqtrade_bridge.lab.evaluation.plan import EvaluationPlan, plan_of, read_plan
from candlegraph.freqtrade_bridge.lab.given import given_of
from candlegraph.graph.settings.context import Language, minutes_of
from candlegraph.graph.settings.settings import settings_of

if TYPE_CHECKING:
    from candlegraph.freqtrade_bridge.lab.evaluation.result import EvaluatedLine, Evaluation

Tell = Callable[[int, int, str], None]
"""Is told after each chain how many are done, of how many, and which it was."""
FOLDER = "evaluations"
RESULT, PAGE = "evaluation.json", "evaluation.html"


class Evaluated(NamedTuple):
    """What an evaluation says, and where all of it lies."""

    evaluation: Evaluation
    folder: Path
    page: Path


def evaluate(
    plan: str | Path | Mapping[str, Any] | EvaluationPlan,
    *,
    userdir: str | Path = USERDIR,
    jobs: int = 1,
    on_ray: bool = False,
    tell: Tell = lambda done, total, key: None,
) -> Evaluated:
    """Evaluate a plan, a file's or a table's, and return what it says; what was finished before is not run again."""
    from candlegraph.freqtrade_bridge.lab.evaluation.page import write_evaluation  # with it the statistics: seconds
    from candlegraph.freqtrade_bridge.lab.evaluation.processes import run_chains  # loads freqtrade: seconds
    from candlegraph.freqtrade_bridge.lab.evaluation.running import Job

    home = Path(userdir).resolve()
    read = opened(plan, home)
    folder = folder_of(read, home)
    chains, files = chains_of(read), CellFiles(folder)
    begin_trials(read, home)
    run_chains(Job(read, folder, jobs), files.missing(chains), tell, on_ray=on_ray)
    evaluation = judged(read, files, chains, home)
    end_trials(read, evaluation, home)
    (folder / RESULT).write_text(evaluation.model_dump_json(indent=1), encoding="utf-8")
    return Evaluated(evaluation, folder, write_evaluation(folder / PAGE, evaluation, language_of(read)))


def folder_of(plan: EvaluationPlan, userdir: Path) -> Path:
    """Return where a plan's results are: another content has another folder."""
    return userdir / FOLDER / f"{plan.name}-{plan.content[:10]}"


def opened(plan: str | Path | Mapping[str, Any] | EvaluationPlan, userdir: Path) -> EvaluationPlan:
    """Return the plan with a candle folder: its own, else the month that the package brings along."""
    if isinstance(plan, EvaluationPlan):
        read = plan
    else:
        read = plan_of(plan, Path("plan")) if isinstance(plan, Mapping) else read_plan(Path(plan))
    if read.datadir is not None:
        return read
    from candlegraph.freqtrade_bridge.loopback.month import write_month  # loads freqtrade

    return read.model_copy(update={"datadir": write_month(userdir / "data" / MONTH).datadir})


def judged(plan: EvaluationPlan, files: CellFiles, chains: tuple[Chain, ...], userdir: Path) -> Evaluation:
    """Return what the finished cells say; what does the statistics takes seconds to load."""
    from candlegraph.freqtrade_bridge.lab.evaluation.judged import evaluation_of

    assert plan.datadir is not None, "opened"
    own = {trial_of(plan, one.name) for one in plan.strategies}
    others = [trial for trial in TrialBook(userdir).trials() if trial.begun.run not in own]
    return evaluation_of(plan, list(files.all(chains)), others, plan.datadir)


def estimate_of_plan(plan: EvaluationPlan, userdir: Path) -> list[str]:
    """Return what the cells that are missing may ask and cost; nothing where no model is paid for."""
    from candlegraph.freqtrade_bridge.decisions.estimate import estimate_of, is_paid, lines  # loads freqtrade

    told, chains = [], CellFiles(folder_of(plan, userdir.resolve())).missing(chains_of(plan))
    for tested in plan.strategies:
        given = given_of(plan.config or None, tested.model, None, tested.stronger)
        settings = settings_of(given.config)
        if not is_paid(settings):
            continue
        minutes = minutes_of(settings.context_config.timeframes[0]) or 1
        cells = [cell for chain in chains for cell in chain if cell.strategy == tested.name]
        candles = sum((cell.window.end - cell.window.begin).days * len(cell.pairs) for cell in cells) * 1440 // minutes
        told += [
            f"{tested.name}: {line}" for line in lines(estimate_of(settings, 1, candles)) if "run_cost" not in line
        ]
    limit = "No budget in the plan limits it." if plan.budget is None else f"The plan's budget is {plan.budget:g}."
    return [*told, limit] if told else []


def language_of(plan: EvaluationPlan) -> Language:
    """Return the language of the prompts, which is that of the page."""
    return settings_of(given_of(plan.config or None, None, None).config).context_config.language


def begin_trials(plan: EvaluationPlan, userdir: Path) -> None:
    """Note each tested strategy as one trial, before it runs: a plan that is given up was tried, too."""
    book = TrialBook(userdir)
    known = {trial.begun.run for trial in book.trials()}
    windows = plan.windows.all
    for one in plan.strategies:
        if (run := trial_of(plan, one.name)) in known:
            continue
        book.note(
            Begun(
                run=run,
                at=datetime.now(UTC),
                strategy=one.name,
                model=one.model or "",
                prompt="",
                config=plan.content,
                pairs=plan.pairs,
                timerange=f"{windows[0].begin:%Y%m%d}-{windows[-1].end:%Y%m%d}",
                days=float(sum((window.end - window.begin).days for window in windows)),
            )
        )


def end_trials(plan: EvaluationPlan, evaluation: Evaluation, userdir: Path) -> None:
    """Note what came of each, once."""
    book = TrialBook(userdir)
    ended = {trial.begun.run for trial in book.trials() if trial.ended is not None}
    for line in evaluation.tested:
        if (run := trial_of(plan, line.name)) not in ended:
            book.note(
                Ended(run=run, at=datetime.now(UTC), trades=_trades(line), net=line.returned, sharpe=_sharpe(line))
            )


def trial_of(plan: EvaluationPlan, strategy: str) -> str:
    """Return the trial's name."""
    return f"plan:{plan.name}-{plan.content[:10]}:{strategy}"


def _trades(line: EvaluatedLine) -> int:
    return 0 if line.sums is None else line.sums.trades


def _sharpe(line: EvaluatedLine) -> float | None:
    return None if line.ratios is None else line.ratios.freqtrade.sharpe
