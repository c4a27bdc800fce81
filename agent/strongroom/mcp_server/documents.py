"""Files of others that the server shows: the auditor's verdict, and the results of backtests."""

import json
from collections.abc import Mapping
from pathlib import Path

from strongroom.chain.ids import Json, JsonObject
from strongroom.errors import BadInput
from strongroom.mcp_server.answers import AuditAnswer, BacktestAnswer, NotKnown, units_of
from strongroom.mcp_server.stranger import said

MOST_BYTES = 16 * 1_024 * 1_024  # of a file
DIFFERENCES = 20  # that are told
NAMES = 200  # of backtests
SUMMARY = 16_000  # letters
RESULT = "result.json"


class NoSuchDocument(BadInput):
    """There is no such file, or it is none of its kind."""


def audit_of(path: Path | None, vault: str, asset: str) -> AuditAnswer | NotKnown:
    """Return what a verdict says, if it is this vault's."""
    if path is None:
        return NotKnown("the keeper's file names no [mcp.audit]")
    try:
        found = _read(path)
        if str(found["vault"]).lower() != vault.lower():
            return NotKnown("the auditor's file is about another vault")
        return _audit(found, asset)
    except NoSuchDocument as error:
        return NotKnown(str(error))
    except (KeyError, TypeError, ValueError):
        return NotKnown("the auditor's file is no verdict that this release reads")


def _audit(found: JsonObject, asset: str) -> AuditAnswer:
    state, checked, differences = found["state"], found["checked"], found["differences"]
    if not (
        isinstance(state, Mapping)
        and isinstance(checked, Mapping)
        and isinstance(differences, list)
    ):
        raise TypeError("no verdict")
    told = []
    for each in differences[:DIFFERENCES]:
        what = each if isinstance(each, Mapping) else {}
        told.append(said(f"block {what.get('block')}: {what.get('what')}"))
    return AuditAnswer(
        verdict=_word(differences, found.get("unknown")),
        differences=tuple(told),
        more_differences=max(0, len(differences) - DIFFERENCES),
        from_block=_whole(found["from_block"]),
        to_block=_whole(found["to_block"]),
        made_at=_whole(found["to_time"]),
        reports_checked=_whole(checked["reports"]),
        fills_checked=_whole(checked["fills"]),
        nav_at_bid=units_of(_whole(state["nav_bid"]), asset),
        in_markets_at_cost=units_of(_whole(state["exposure"]), asset),
        losses=units_of(_whole(state["losses"]), asset),
    )


def _word(differences: list[Json], unknown: Json) -> str:
    return "differs" if differences else "cannot say" if unknown else "no difference"


def backtests_in(folder: Path | None) -> list[str]:
    """Return the names of the folders that have a backtest's result."""
    if folder is None or not folder.is_dir():
        return []
    return sorted(each.parent.name for each in folder.glob(f"*/{RESULT}"))[:NAMES]


def backtest_of(folder: Path | None, name: str) -> BacktestAnswer:
    """Return a backtest's result.

    Raises:
        NoSuchDocument: none has this name: a name is only looked up, never a path.
    """
    if folder is None or name not in backtests_in(folder):
        raise NoSuchDocument("there is no backtest of this name: list_backtests has the names")
    found = _read(folder / name / RESULT)
    try:
        summaries = json.dumps(found["summaries"], sort_keys=True)
        return BacktestAnswer(
            name,
            str(found["code_version"])[:100],
            _whole(found["tries_on_this_data"]),
            summaries[:SUMMARY],
            str(found["limits"])[:1_000],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise NoSuchDocument("the file is no backtest that this release reads") from error


def _read(path: Path) -> JsonObject:
    try:
        if path.stat().st_size > MOST_BYTES:
            raise NoSuchDocument(f"the file has more than {MOST_BYTES} bytes")
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise NoSuchDocument(f"the file cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:
        raise NoSuchDocument("the file is no JSON") from error
    if not isinstance(found, dict):
        raise NoSuchDocument("the file is no JSON object")
    return found


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError("no whole number")
    return int(value)
