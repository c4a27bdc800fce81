"""Written gates: which stage a strategy has earned, by a page's audited data alone, and which call
of the owner's would raise its class to it. Nothing is sent.

A stage is a budget and what must have been shown before it. The data is what `strongroom page`
writes: an audit with a difference earns nothing.

What a strategist could arrange is counted against him. What is open counts at the vault's own bid
where that is below its cost: else losers that are left open would never be seen. What somebody gave
to an account of the class is no profit of his, and hides no loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strongroom.audit.verdict import CLEAN
from strongroom.chain.calls import call_data
from strongroom.chain.ids import JsonObject, to_hex
from strongroom.chain.units import BPS, DAY, MICRO
from strongroom.errors import BadInput
from strongroom.settings import ConfigError, Section, describe, read_toml

Units = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=6)]
Count = Annotated[int, Field(ge=0, lt=100_000)]
Part = Annotated[int, Field(ge=0, le=BPS)]
T = TypeVar("T", bound=BaseModel)


class BadPageData(BadInput):
    """A folder has no data of a page; the message says what to do."""


class BudgetGate(Section):
    """A stage: the caps that it gives, and what must have been shown for it.

    Attributes:
        class_cap, market_cap: units of the asset, with their parts of NAV in bps
        run: folder of a backtest or a paper run that must say `verdict`; empty: none is asked for
        days: since the class's first settled market
        markets: settled, with a stake
        profit: proven, less gifts and less what open markets stand below their cost, units
        drawdown: most that settled profit, less gifts, may have fallen from its highest, what open
            markets stand below their cost and were given included, units; None: not asked
    """

    name: str
    class_cap: Units
    market_cap: Units
    class_cap_bps: Part = BPS
    market_cap_bps: Part = BPS
    run: str = ""
    verdict: Literal["passes", "cannot be told from 0"] = "passes"
    days: Count = 0
    markets: Count = 0
    profit: Units = Decimal(0)
    drawdown: Units | None = None


class GatesFile(Section):
    """A file of gates: the stages of each class, smallest first."""

    gates: Annotated[tuple[BudgetGate, ...], Field(min_length=1)]
    classes: Annotated[tuple[int, ...], Field(min_length=1)]


class _Read(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _Strategy(_Read):
    cap: int
    profit: int
    losses: int
    is_retired: bool


class _Settled(_Read):
    market: str
    class_id: int
    opened: int
    closed: int
    allocated: int
    profit: int
    gifts: int

    @property
    def earned(self) -> int:
        """Profit less gifts; not below what was allocated, which is all that can be lost."""
        return max(self.profit - self.gifts, -self.allocated)


class _Open(_Read):
    market: str
    class_id: int
    exposure: int
    value_bid: int
    gifts: int


class _Verdict(_Read):
    verdict: str
    to_time: int
    to_block: int


class _Page(_Read):
    verdict: _Verdict
    strategies: Mapping[int, _Strategy]
    settled: tuple[_Settled, ...]
    open: tuple[_Open, ...]

    def below_cost(self, class_id: int) -> int:
        """Return by how much a class's open markets stand below their cost at the bid, assets; a
        market above its cost makes up for none."""
        return sum(
            max(0, each.exposure - each.value_bid)
            for each in self.open
            if each.class_id == class_id
        )

    def gifts(self, class_id: int) -> tuple[int, int]:
        """Return what was given to a class's closed and open accounts, home or not, assets."""
        settled, still_open = (
            sum(each.gifts for each in some if each.class_id == class_id)
            for some in (self.settled, self.open)
        )
        return settled, still_open


class _Summary(_Read):
    verdict: str


class _Run(_Read):
    summaries: Mapping[str, _Summary]


@dataclass(frozen=True)
class ClassStanding:
    """Where a class stands.

    Attributes:
        stage: the last gate that it has earned; "": paper
        lacks: what the next gate asks for and the record has not, in words
        call: of the owner's, to raise the caps to `stage`; "": they are there, or nothing is earned
    """

    class_id: int
    stage: str
    lacks: tuple[str, ...]
    call: str


def standings(gates: GatesFile, page: Path, runs: Path) -> tuple[ClassStanding, ...]:
    """Return where each class of a file stands.

    Args:
        page: folder that `strongroom page` has written
        runs: what the folders of runs are beside

    Raises:
        BadPageData: a folder has no such data.
    """
    data = _read(_Page, page / "data.json", "`strongroom page --out FOLDER` writes it")
    unknown = [each for each in gates.classes if each not in data.strategies]
    if unknown:
        raise BadPageData(f"the vault has no class {unknown[0]}: correct `classes`")
    return tuple(_standing(number, gates.gates, data, runs) for number in gates.classes)


def read_gates(path: Path) -> GatesFile:
    """Return a file of gates.

    Raises:
        ConfigError: it does not read so.
    """
    try:
        return GatesFile.model_validate(read_toml(path))
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error, GatesFile)}") from error


def document(found: Sequence[ClassStanding]) -> list[JsonObject]:
    """Return it as JSON takes it."""
    return [asdict(each) for each in found]


def _standing(class_id: int, gates: Sequence[BudgetGate], data: _Page, runs: Path) -> ClassStanding:
    earned: BudgetGate | None = None
    lacks: tuple[str, ...] = ()
    for gate in gates:
        lacks = tuple(_lacks(class_id, gate, data, runs))
        if lacks:
            break
        earned = gate
    if earned is None:
        return ClassStanding(class_id, "", lacks, "")
    wanted = int(earned.class_cap * MICRO)
    call = "" if data.strategies[class_id].cap >= wanted else _call(class_id, earned)
    return ClassStanding(class_id, earned.name, lacks, call)


def _lacks(class_id: int, gate: BudgetGate, data: _Page, runs: Path) -> list[str]:
    """Return what a gate asks for and the record has not."""
    strategy = data.strategies[class_id]
    found = [each for each in data.settled if each.class_id == class_id and each.allocated]
    days = (data.verdict.to_time - min(each.opened for each in found)) // DAY if found else 0
    below, given = data.below_cost(class_id), data.gifts(class_id)
    gifts = sum(given)
    # what was given to an open account may stand for a loss there
    profit, fall = strategy.profit - gifts - below, _drawdown(found, below + given[1])
    lacks = []
    if data.verdict.verdict != CLEAN:
        lacks.append("an audit without a difference")
    if strategy.is_retired:
        lacks.append("a class that is not retired")
    if gate.run:
        said = _read(_Run, runs / gate.run / "result.json", "`strongroom backtest` writes it")
        words = sorted({each.verdict for each in said.summaries.values()})
        if words != [gate.verdict]:
            lacks.append(f"the verdict {gate.verdict!r} of {gate.run}: {', '.join(words)}")
    if days < gate.days:
        lacks.append(f"{gate.days} days: {days}")
    if len(found) < gate.markets:
        lacks.append(f"{gate.markets} settled markets: {len(found)}")
    if profit < int(gate.profit * MICRO):
        less = f" ({_units(gifts)} of gifts and {_units(below)} of open losses off)"
        told = less if gifts or below else ""
        lacks.append(f"{gate.profit} of proven profit: {_units(profit)}{told}")
    if gate.drawdown is not None and fall > int(gate.drawdown * MICRO):
        lacks.append(f"a drawdown of at most {gate.drawdown}: {_units(fall)}")
    return lacks


def _drawdown(settled: Sequence[_Settled], below: int) -> int:
    """Return the deepest fall of settled profit, less gifts, from its highest so far, assets;
    `below` is lost last, as if what is open were closed at the bid."""
    high = now = deepest = 0
    for each in sorted(settled, key=lambda each: each.closed):
        now += each.earned
        high = max(high, now)
        deepest = max(deepest, high - now)
    return max(deepest, high - now + below)


def _units(assets: int) -> Decimal:
    return Decimal(assets) / MICRO


def _call(class_id: int, gate: BudgetGate) -> str:
    market, whole = (int(each * MICRO) for each in (gate.market_cap, gate.class_cap))
    caps = (market, gate.market_cap_bps, whole, gate.class_cap_bps)
    return to_hex(call_data("Vault", "setClassCaps", (class_id, caps)))


def _read(kind: type[T], path: Path, brings: str) -> T:
    try:
        return kind.model_validate_json(path.read_bytes())
    except OSError as error:
        raise BadPageData(f"{path} is not there: {brings}") from error
    except ValidationError as error:
        raise BadPageData(f"{path} is not what it must be: {brings}") from error
