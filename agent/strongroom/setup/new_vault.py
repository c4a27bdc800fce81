"""The questions about a vault that is to be deployed, and the plan that the answers are."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from pydantic import ValidationError

from strongroom.chain import abi
from strongroom.chain.contracts import Contracts
from strongroom.chain.ids import Json, JsonObject
from strongroom.deployment.plan import NONE, Plan
from strongroom.errors import BadInput
from strongroom.keeper.vault_facts import NOT_THERE, AssetFacts, asset_at, safe_at
from strongroom.settings import ConfigError, describe
from strongroom.setup.answers import Interview
from strongroom.setup.values import an_address, listed, positive, some_words, yes_or_no

T = TypeVar("T")
ENFORCED_VERSIONS = ("2", "3")  # of exchanges whose orders a contract can sign


@dataclass(frozen=True)
class _Venue:
    """What an exchange says of itself, as accounts are constructed with it."""

    exchange: str
    version: str
    ctf: str
    collateral: str
    token_collateral: str
    adapter: str

    def arguments(self, negative_risk: bool) -> list[Json]:
        """Return what PolymarketAccount's constructor takes."""
        return [
            self.exchange, self.version, self.ctf, self.collateral, self.token_collateral,
            self.adapter, negative_risk,
        ]  # fmt: skip


def ask_plan(chain: Contracts, answers: Interview) -> tuple[JsonObject, list[str]]:
    """Return the plan of a vault with a strategy an exchange, and what its reader should know, one
    sentence each.

    Raises:
        BadInput: an answer does not fit.
        ChainAway: the node does not answer.
    """
    take = answers.take
    asset = take("asset", "Address of the stablecoin", lambda text: _asset(chain, text, answers))
    section: dict[str, Json] = {
        "name": take("name", "Name of the share", some_words),
        "symbol": take("symbol", "Symbol of the share", some_words),
    }
    who = _Holders(chain, answers)
    section["owner"] = owner = who.ask("owner", "The owner, best a Safe")
    section["guardian"] = who.ask("guardian", "The guardian, who may pause and revoke")
    keeper = who.ask("keeper", "The keeper's Safe, who trades", must_be_safe=True)
    section["reporter"] = who.ask("reporter", "The reporter, a Safe of its own", unlike=keeper)
    section["fee_recipient"] = who.ask("fee_recipient", "Who gets the fees", owner)
    venues = take(
        "exchange", "The exchange to trade at; several, with commas: a strategy for each",
        _several(lambda text: _venue(chain, text, asset)),
    )  # fmt: skip
    oracles = take(
        "oracle", "Who resolves its markets: the venue's oracle adapter",
        _several(who.seen, len(venues)),
    )  # fmt: skip
    negatives = take(
        "negative_risk", "Are its markets events of several exclusive outcomes",
        _several(yes_or_no, len(venues)), "no",
    )  # fmt: skip
    unit = asset.symbol
    section["total_cap"] = take("total_cap", f"Most at risk in all, {unit}, or none", _cap)
    section["velocity"] = take("velocity", f"Most that may go out in a day, {unit}, or none", _cap)
    market_cap = take("market_cap", f"Most in one market, {unit}, or none", _cap)
    document: JsonObject = {
        "asset": asset.address,
        "vault": section,
        "classes": [
            {
                "account": "polymarket",
                "arguments": venue.arguments(negative),
                "oracle": oracle,
                "keeper": keeper,
                "market_cap": market_cap,
            }
            for venue, oracle, negative in zip(venues, oracles, negatives, strict=True)
        ],
    }
    return document, [*who.notes, *_checked(document).dangers()]


def _checked(document: JsonObject) -> Plan:
    """Return the plan that `deploy` will read.

    Raises:
        ConfigError: it would not take it.
    """
    try:
        return Plan.model_validate(document)
    except ValidationError as error:
        raise ConfigError(describe(error, Plan)) from error


class _Holders:
    """Asks who holds a role, and says what is at the address."""

    def __init__(self, chain: Contracts, answers: Interview) -> None:
        self.notes: list[str] = []
        self._chain, self._answers = chain, answers

    def ask(
        self,
        name: str,
        words: str,
        default: str | None = None,
        must_be_safe: bool = False,
        unlike: str = "",
    ) -> str:
        """Return an address, once what is there is said.

        Args:
            unlike: the keeper, where another must hold this role

        Raises:
            BadInput: it is none, no Safe where one is needed, or the keeper's.
        """

        def check(text: str) -> str:
            if an_address(text) == unlike:
                raise BadInput("that is the keeper, who would say what its own trades are worth")
            return self.seen(text, must_be_safe)

        found = self._answers.take(name, words, check, default)
        if not self._chain.code(found):
            self.notes.append(f"the {name} {found} is one key: a Safe is safer")
        return found

    def seen(self, text: str, must_be_safe: bool = False) -> str:
        """Return an address, once what is there is said; raises as `ask` does."""
        address = an_address(text)
        if int(address, 16) == 0:
            raise BadInput("nobody has that address")
        safe = safe_at(self._chain, address)
        if safe is None and must_be_safe:
            raise BadInput(f"there is no Safe at {address} on chain {self._chain.chain_id}")
        self._answers.say(f"  {safe or self._words(address)}")
        return address

    def _words(self, address: str) -> str:
        kind = "a contract, no Safe" if self._chain.code(address) else "one key"
        return f"{address} is {kind}"


def _asset(chain: Contracts, text: str, answers: Interview) -> AssetFacts:
    found = asset_at(chain, an_address(text))
    answers.say(f"  {found}")
    return found


def _several(check: Callable[[str], T], count: int | None = None) -> Callable[[str], list[T]]:
    """Return what reads answers with commas between.

    Args:
        count: so many, or one that stands for all; None: as many as there are
    """

    def read(text: str) -> list[T]:
        named = listed(text)
        if not named or (count is None and len(set(named)) < len(named)):
            raise BadInput(f"{text!r} names none, or one twice")
        if count is not None and len(named) not in (1, count):
            raise BadInput(f"give one answer for all, or {count} with commas: one an exchange")
        found = [check(each) for each in named]
        return found * count if count is not None and len(found) == 1 else found

    return read


def _cap(text: str) -> str:
    return NONE if text == NONE else str(positive(text))


def _venue(chain: Contracts, text: str, asset: AssetFacts) -> _Venue:
    """Return what an exchange says of itself.

    Raises:
        BadInput: it is none, or trades in another asset than the vault's.
    """
    exchange = chain.at(an_address(text), abi.load("Exchange"))
    try:
        version = str(exchange.eip712Domain()[2])
        found = _Venue(
            exchange.address, version, str(exchange.getCtf()), str(exchange.getCollateral()),
            str(exchange.getCtfCollateral()), str(exchange.getOutcomeTokenFactory()),
        )  # fmt: skip
    except NOT_THERE as error:
        raise BadInput(
            f"there is no exchange at {exchange.address} on chain {chain.chain_id}"
        ) from error
    if found.version not in ENFORCED_VERSIONS:
        raise BadInput(f"{exchange.address} has version {version}: accounts sign for 2 and 3")
    if found.collateral != asset.address:
        raise BadInput(f"it trades in {found.collateral}, the vault's asset is {asset.address}")
    return found
