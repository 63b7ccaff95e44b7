"""`candlegraph health`: one line and status 0 where the bot is well, 1 with what is wrong; loads no freqtrade."""

from __future__ import annotations

import shutil
import sys
from argparse import Namespace
from datetime import UTC, datetime

from candlegraph.freqtrade_bridge.monitoring.health import HealthCheck, checks
from candlegraph.freqtrade_bridge.monitoring.heartbeat import Heartbeat, heartbeat_of
from candlegraph.freqtrade_bridge.report.listing import console, print_json


def print_health(arguments: Namespace) -> None:
    """Print how the bot is; exit with status 1 unless it is well."""
    beat, now = heartbeat_of(arguments.userdir, arguments.namespace), datetime.now(UTC)
    if beat is None:
        why = f"{arguments.userdir}: no heartbeat: no bot has finished a loop here yet"
        found = [HealthCheck(name="loop", is_well=False, said=why)]
    else:
        found = checks(beat, shutil.disk_usage(arguments.userdir).free, now)
    ill = [check for check in found if not check.is_well]
    if arguments.json:
        print_json(_document(beat, found))
    else:
        console().print(_line(beat, found, ill), soft_wrap=True)
    if ill:
        sys.exit(1)


def _line(beat: Heartbeat | None, found: list[HealthCheck], ill: list[HealthCheck]) -> str:
    name = "" if beat is None else f"{beat.namespace}: "
    if ill:
        return f"{name}{'; '.join(check.said for check in ill)}"
    told = {check.name: check.said for check in found}
    return f"{name}well: {told['loop']}, {told['candle']}, {told['stops']}"


def _document(beat: Heartbeat | None, found: list[HealthCheck]) -> dict[str, object]:
    return {
        "namespace": None if beat is None else beat.namespace,
        "is_well": all(check.is_well for check in found),
        "checks": [check.model_dump() for check in found],
    }
