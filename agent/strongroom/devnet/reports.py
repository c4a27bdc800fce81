"""A vault's reports as the chain logged them."""

from dataclasses import dataclass

from strongroom.chain.contracts import Contract
from strongroom.chain.units import FIRST_PRICE


@dataclass(frozen=True)
class ReportLine:
    """One report, or a settlement of a flat vault.

    Attributes:
        nav_bid, nav_ask: micro-units
        supply: shares of 10**-18, after the fees and before the settlement
        bid, ask: prices as published, a share of an empty vault being FIRST_PRICE
        management, performance: fees, micro-units; `fee_shares` were minted for them
        evidence: hash of the document behind the marks; empty: a settlement needs none
    """

    time: int
    block: int
    nav_bid: int
    nav_ask: int
    supply: int
    bid: int
    ask: int
    management: int
    performance: int
    fee_shares: int
    high_water_mark: int
    evidence: str

    @property
    def share_price(self) -> float:
        """What a share brings at the bid, in units."""
        return self.bid / FIRST_PRICE

    @property
    def share_cost(self) -> float:
        """What a share costs at the ask, in units."""
        return self.ask / FIRST_PRICE


def read_reports(vault: Contract) -> tuple[ReportLine, ...]:
    """Return the vault's reports and settlements, oldest first: each has accrued fees.

    Raises:
        ChainAway: the node does not answer.
    """
    dealt = vault.events("Dealt")
    fees = {each.transaction_hash: each for each in vault.events("FeesAccrued")}
    marked = {each.transaction_hash: each.evidence for each in vault.events("Reported")}
    times = vault.chain.times([each.block_number for each in dealt])
    lines = []
    for time, each in zip(times, dealt, strict=True):
        name = each.transaction_hash
        fee, evidence = fees[name], marked.get(name)
        lines.append(
            ReportLine(
                time,
                each.block_number,
                each.nav_bid,
                each.nav_ask,
                each.supply,
                each.bid,
                each.ask,
                fee.management,
                fee.performance,
                fee.shares,
                fee.high_water_mark,
                "" if evidence is None else "0x" + bytes(evidence).hex(),
            )
        )
    return tuple(lines)
