"""A vault's reports as the chain logged them."""

from dataclasses import dataclass

from strongroom.chain.contracts import Contract
from strongroom.chain.units import VIRTUAL_SHARES


@dataclass(frozen=True)
class ReportLine:
    """One report; micro-units, shares of 10**-12, NAV before its fees and settlement."""

    time: int
    block: int
    nav_bid: int
    nav_ask: int
    supply: int
    management: int
    performance: int
    fee_shares: int
    high_water_mark: int
    evidence: str

    @property
    def share_price(self) -> float:
        """NAV at the bid per share, in units."""
        return self.nav_bid * VIRTUAL_SHARES / self.supply if self.supply else 1.0


def read_reports(vault: Contract) -> tuple[ReportLine, ...]:
    """Return the vault's reports, oldest first: each has accrued fees.

    Raises:
        ChainAway: the node does not answer.
    """
    reports, fees = vault.events("Reported"), vault.events("FeesAccrued")
    times = vault.chain.times([report.block_number for report in reports])
    return tuple(
        ReportLine(
            time,
            report.block_number,
            report.nav_bid,
            report.nav_ask,
            report.supply,
            fee.management,
            fee.performance,
            fee.shares,
            fee.high_water_mark,
            "0x" + bytes(report.evidence).hex(),
        )
        for time, report, fee in zip(times, reports, fees, strict=True)
    )
