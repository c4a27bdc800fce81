"""A test that is registered before it is run: parameters, training data and rule are committed to
git first; then the test part is opened, once, and the result is kept beside, and in this account's
record of tries: a copy under another name finds it there.

A market is of the training part where it ends before the split, and of the test part where it ends
`gap_h` hours after the split or later. Of the test part only the last `gap_h` hours before a
market's end are played, so no decision there is older than the split. Markets between are of
neither.
"""

import hashlib
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
from pydantic import JsonValue, TypeAdapter, ValidationError

from strongroom.analysis.verdict import LEAST_DATES, LEAST_EVENTS, LEVEL, ODDS, WEALTH
from strongroom.backtest.config import BacktestConfig, parse, varied
from strongroom.backtest.data import chosen_markets, folder_of, load_history, read_hashes
from strongroom.backtest.judging import judged
from strongroom.backtest.learned import ALL_BEFORE, learning_of
from strongroom.backtest.run import simulate
from strongroom.backtest.tries import Tried, open_record
from strongroom.chain.ids import JsonObject, canonical, keccak
from strongroom.data.folder import hash_of
from strongroom.data.schema import Table
from strongroom.errors import BadInput, Refused
from strongroom.keeper.wiring import CODE_VERSION

SCHEMA = "strongroom-registration/1"
GAP_H = 96
OUTSIDE = "recorded"  # the only kind of data that has a future

OnTime = Callable[[int, int], None]


class BadRegistration(BadInput):
    """A registration cannot be made or read; the message says why."""


class NotOpened(Refused):
    """The test part stays closed; the message says why."""


@dataclass(frozen=True)
class TrainingPart:
    """What the parameters were counted on; `sha256` is of its rows."""

    markets: int
    sha256: str


@dataclass(frozen=True)
class Registration:
    """What is settled before the test part is opened.

    Attributes:
        config: the backtest of the test part, whole: its parameters as counted on the training part
        split: ISO 8601, UTC
        rule: how the result is judged, in words with its numbers
    """

    schema: str
    name: str
    split: str
    gap_h: int
    training: TrainingPart
    fills: str
    rule: str
    code_version: str
    config: dict[str, JsonValue]


@dataclass(frozen=True)
class OpenedTest:
    """That the test part was opened, and what came of it.

    Attributes:
        registration: SHA-256 of the file as committed
        commit, committed_at: that brought the file as it is
        data: file -> SHA-256 of what was read
        result: the figures; None: it was broken off, and the same registration may go on
        tried_before: other tries on record that had traded one of its events; None: not known
    """

    registration: str
    commit: str
    committed_at: str
    opened_at: str
    code_version: str
    data: dict[str, str]
    result: dict[str, JsonValue] | None
    tried_before: int | None = None


_REGISTRATION, _OPENING = TypeAdapter(Registration), TypeAdapter(OpenedTest)


def rule_in_force(fills: str) -> str:
    """Return the rule by which a result is judged now, in words."""
    return (
        f"On {fills} fills, the verdict of docs/backtesting.md: passes with p at most {LEVEL}, or "
        f"odds of {ODDS} to 1 and p of linked dates at most {LEVEL}; where its bets follow its "
        f"results, a follower's wealth of {WEALTH} and that p; "
        f"a return above 0, also without its best event; at least "
        f"{LEAST_EVENTS} events and {LEAST_DATES} dates. One try: no correction."
    )


def register(config: BacktestConfig, split: datetime, gap_h: int = GAP_H) -> Registration:
    """Return the registration of a backtest; parameters that are counted are counted on its
    training part alone. The test part is not read.

    Raises:
        BadRegistration: there is no training part, or the data is drawn.
        ConfigError: the configuration cannot be used.
    """
    if config.data.kind != OUTSIDE:
        raise BadRegistration(f'[data] kind = "{config.data.kind}" has no test part: use recorded')
    split = split.replace(tzinfo=UTC) if split.tzinfo is None else split.astimezone(UTC)
    before = _training(config, split)
    history = load_history(before)
    counted = learning_of(before, history, lambda: int(split.timestamp())).counts()
    gap = timedelta(hours=gap_h)
    changes: dict[str, JsonValue] = {
        "data.start": (split + gap).isoformat(),
        "data.last_h": min(gap_h, config.data.last_h or gap_h),
        "fills": ["pessimistic"],
        "run.capacity": [],
    }
    for pack, values in counted.items():
        own = _plain(values or {})
        changes |= {f"packs.{pack}.{name}": value for name, value in own.items()}
        changes[f"counted.{pack}"] = (split - timedelta(seconds=1)).isoformat()
    test = varied(config, changes)
    fills = test.fills[0]
    return Registration(
        SCHEMA, config.name, split.isoformat(), gap_h,
        TrainingPart(len(history.markets), _training_hash(config, split)),
        fills, rule_in_force(fills), CODE_VERSION, test.model_dump(mode="json", exclude={"sweep"}),
    )  # fmt: skip


def write_registration(found: Registration, path: Path) -> None:
    """Write a registration, to be committed.

    Raises:
        BadRegistration: the file is there already.
    """
    if path.exists():
        raise BadRegistration(f"{path}: is there already: a registration is never changed")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(asdict(found), indent=1, sort_keys=True) + "\n")


def load_registration(path: Path) -> Registration:
    """Read a registration.

    Raises:
        BadRegistration: it cannot be read, or is of another schema.
    """
    try:
        found = _REGISTRATION.validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise BadRegistration(
            f"{path}: is no registration: strongroom study register writes one"
        ) from error
    if found.schema != SCHEMA:
        raise BadRegistration(f"{path}: schema {found.schema}; this program reads {SCHEMA}")
    return found


def open_test(
    path: Path,
    now: datetime,
    data: Path | None = None,
    on_time: OnTime = lambda now, end: None,
    record: Path | None = None,
) -> OpenedTest:
    """Run the test part of a committed registration, once; keep the result beside the file, and as
    a try on this data.

    Args:
        data: folder of the data, where it lies elsewhere than when it was registered
        on_time: is called with the time that is played, and the last
        record: folder of the record of tries, by default this account's

    Raises:
        BadInput: tries cannot be written down.
        NotOpened: the file is not committed as it is, it or a copy was opened before, the training
            part is another, or the rule has changed.
        BadRegistration: see load_registration.
    """
    found = load_registration(path)
    commit, committed_at = _committed(path)
    digest = hash_of(path)
    known = open_record(record)
    places = opening_of(path), known / "openings" / f"{_identity(found)}.json"
    for place in filter(Path.exists, places):
        before = _opening(place)
        is_other = place == places[0] and before.registration != digest
        if before.result is not None or is_other:
            raise NotOpened(
                f"{path}: the test part was opened at {before.opened_at}: {place} has what came of "
                "it; a test part is opened once"
            )
    if found.rule != rule_in_force(found.fills):
        raise NotOpened(
            f"{path}: the verdict's rule is another now: open it with {found.code_version}"
        )
    config = parse(found.config, str(path))
    if data is not None:
        config = varied(config, {"data.path": str(data.resolve())})
    split = datetime.fromisoformat(found.split)
    if _training_hash(config, split) != found.training.sha256:
        raise NotOpened(
            f"{path}: the training part is not the one that was registered: give its data"
        )
    tried, fills = Tried(known, config), config.fills[0]
    opening = OpenedTest(
        digest, commit, committed_at, now.isoformat(), CODE_VERSION, read_hashes(config), None
    )
    _keep(opening, places)
    history = load_history(config)
    outcome = simulate(config, fills, history, on_time)
    summary = judged(config, fills, history, outcome, on_time=on_time)
    before_it = tried.overlapping(fills, summary.dated)
    tried.keep(fills, summary.dated)
    result = asdict(summary)
    del result["dated"]
    opening = replace(opening, result=_plain(result), tried_before=before_it)
    _keep(opening, places)
    return opening


def opening_of(path: Path) -> Path:
    """Return where the opening of a registration is kept."""
    return path.with_name(f"{path.stem}.opened.json")


def _plain(found: JsonObject) -> dict[str, JsonValue]:
    """Return figures as JSON has them."""
    plain: dict[str, JsonValue] = json.loads(json.dumps(found))
    return plain


def _identity(found: Registration) -> str:
    """Return the hash of what is registered: its name, the folder of its data and the release that
    wrote it make no other test. The training part's hash is of its rows."""
    told = _plain(asdict(found))
    config = _plain(found.config)
    data = config.get("data")
    if isinstance(data, dict):
        data.pop("path", None)
    for each in (told, config):
        each.pop("name", None)
    told.pop("code_version")
    return keccak(canonical(told | {"config": config})).hex()[:32]


def _keep(opening: OpenedTest, places: Sequence[Path]) -> None:
    for place in places:
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}")
        draft.write_text(json.dumps(asdict(opening), indent=1, sort_keys=True) + "\n")
        draft.replace(place)


def _opening(place: Path) -> OpenedTest:
    try:
        return _OPENING.validate_json(place.read_bytes())
    except (OSError, ValidationError) as error:
        raise NotOpened(f"{place}: cannot be read: the test part may have been opened") from error


def _committed(path: Path) -> tuple[str, str]:
    """Return the commit that brought a file as it is, and its time.

    Raises:
        NotOpened: there is none.
    """
    held = _git(path, "rev-parse", "--verify", "--quiet", f"HEAD:./{path.name}")
    if not held or held != _git(path, "hash-object", path.name):
        raise NotOpened(
            f"{path}: is not committed to git as it is: commit it, then open the test part"
        )
    commit, _, at = _git(path, "log", "-1", "--format=%H %cI", "--", path.name).partition(" ")
    return commit, at


def _git(path: Path, *words: str) -> str:
    """Return what git says in a file's folder; empty: it refuses."""
    try:
        done = subprocess.run(
            ["git", "-C", str(path.resolve().parent), *words], capture_output=True, text=True
        )
    except OSError as error:
        raise NotOpened(f"git cannot be run ({error.strerror}): install it") from error
    return done.stdout.strip() if done.returncode == 0 else ""


def _training(config: BacktestConfig, split: datetime) -> BacktestConfig:
    """Return the configuration of all markets that ended before the split."""
    end = split - timedelta(milliseconds=1)
    every = config.data.model_copy(update={**ALL_BEFORE, "end": end})
    return config.model_copy(update={"data": every})


def _training_hash(config: BacktestConfig, split: datetime) -> str:
    """Return the SHA-256 of the training part's rows: its markets with their outcomes, and what
    was recorded of them before the split, a part at a time."""
    folder, digest = folder_of(config), hashlib.sha256()
    chosen = chosen_markets(_training(config, split), folder).sort("market")
    digest.update(chosen.write_csv().encode())
    tokens = pl.concat([chosen["yes_token"], chosen["no_token"]]).unique()
    until = int(split.timestamp() * 1_000)
    for table in (Table.QUOTES, Table.BOOKS, Table.TRADES):
        for chunk in folder.chunks(table):
            own = pl.col("token").is_in(tokens.implode()) & (pl.col("at_ms") < until)
            digest.update(chunk.filter(own).write_csv(include_header=False).encode())
    return digest.hexdigest()


def show_opening(found: Registration, opening: OpenedTest) -> None:
    """Print what came of a test as text."""
    from strongroom.screen import Screen

    screen, result = Screen(), opening.result or {}
    conclusion = result.get("conclusion")
    told = conclusion if isinstance(conclusion, dict) else {}
    screen.print(f"{found.name}, registered in {opening.commit[:12]} at {opening.committed_at}")
    screen.print(str(result.get("verdict")), style="bold")
    screen.print(
        f"return on stake {result.get('return_on_stake', 0):+.2%}, a share after fees "
        f"{result.get('share_after_fees', 0):+.3%}; {told.get('events')} events, "
        f"{told.get('dates')} dates, {told.get('losing')} lost; p {told.get('p_pass', 1):.3f}"
    )
    screen.print(found.rule)
    if opening.tried_before:
        screen.print(
            f"{opening.tried_before} other tries on record had traded events of this test part "
            "before: whether the rule was chosen by them, the verdict cannot know"
        )
