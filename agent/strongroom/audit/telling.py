"""The statements of losses, payouts, gates and evidence as lines for a reader: amounts in units,
shares of volume in percent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from strongroom.audit.availability import EvidenceState
from strongroom.audit.gates import GateStatement
from strongroom.audit.losses import ClassStatement, LossStatement
from strongroom.audit.payouts import PayoutStatement
from strongroom.audit.permissions import ZERO
from strongroom.audit.wording import bps_words
from strongroom.chain.units import DECIMALS, SHARE, format_units

NAMED = 3  # trades and settlements; the verdict has ten
SHOWN = 20  # reports without public documents


def loss_lines(losses: LossStatement, asset: str, decimals: int = DECIMALS) -> Iterator[str]:
    """Yield what the rules allow and somebody may have lost by.

    Args:
        asset: its symbol
        decimals: of the asset, and of outcome tokens
    """
    units = AssetUnits(decimals)
    for each in losses.classes:
        yield from _of_class(each, asset, units)
    for trade in losses.worst_trades[:NAMED]:
        what = f"{trade.side} {units(trade.tokens)} for {units(trade.cash)} {asset}"
        yield f"worst trade: block {trade.block}, {what}, {units.against(trade.cost)}"
        yield from (f"  class {trade.class_id}, with {who}" for who in trade.parties)
    for deal in losses.early_deals[:NAMED]:
        amounts = f"{units(deal.assets)} {asset}, {int(deal.shares) / SHARE:,.2f} shares"
        yield f"dealt early: block {deal.block}, {deal.side} of {amounts}"
        yield f"  the others lost up to {units(deal.lost)}, by the price of block {deal.told_at}"
        yield from (f"  by {who}" for who in deal.parties)


def payout_lines(
    payouts: PayoutStatement | None, asset: str, decimals: int = DECIMALS
) -> Iterator[str]:
    """Yield what a splitter has paid, and by what.

    Args:
        payouts: None: there is no splitter
        asset: its symbol
        decimals: of the asset
    """
    units = AssetUnits(decimals)
    if payouts is None:
        return
    received = f"{int(payouts.received) / SHARE:,.6f} shares in {payouts.splits:,} splits"
    yield f"splitter {payouts.splitter} of {payouts.owner}: {received}"
    yield f"  it receives {bps_words(payouts.fee_bps)} of the vault's fees now"
    for each in payouts.classes:
        who = "the manager's own" if each.strategist == ZERO else f"of {each.strategist}"
        yield f"  class {each.class_id}, {who}, {bps_words(each.part_bps)} of its fee"
        waits = f"mark {units(each.mark)}, waiting {units(each.waiting)} {asset}"
        yield f"    proven profit {units(each.profit)}, {waits}"
        yield f"    credited {int(each.credited) / SHARE:,.6f} shares"
    for who, shares in payouts.credits.items():
        yield f"  {who} may withdraw {int(shares) / SHARE:,.6f} shares"


def gate_lines(
    gates: Sequence[GateStatement], asset: str, decimals: int = DECIMALS
) -> Iterator[str]:
    """Yield what gates have let out by proofs, and what no proof says.

    Args:
        asset: its symbol
        decimals: of the asset
    """
    units = AssetUnits(decimals)
    for each in gates:
        now = "keeps" if each.is_keeper else "does not keep"
        yield f"proof gate {each.gate}, for {each.keeper}: {now} class {each.class_id} now"
        told = f"{units(each.assets)} {asset} by {each.proofs:,} proofs"
        yield f"  {told} for {each.commitments:,} rows of inputs; {each.others:,} without the gate"
        again = "not made again (--proof-model)"
        if each.recomputed is not None:
            again = f"{each.recomputed:,} forecasts made again"
        yield f"  model {each.model_hash}: {again}"
        yield f"  verifier {each.verifier}, code {each.verifier_hash}"
    if gates:
        yield "  no proof says that inputs are true, a model is good, or a setup string is honest"


def _of_class(it: ClassStatement, asset: str, units: "AssetUnits") -> Iterator[str]:
    volume = units(int(it.bought) + int(it.sold))
    known = it.trades - it.unmarked - it.waiting
    trades = f"{it.trades:,} trade{'' if it.trades == 1 else 's'}"
    yield f"class {it.class_id}: {trades} for {volume} {asset}, fees {units(it.fees)}"
    yield f"  {known:,} of them beside marks: {units.against(it.cost)}"
    yield f"  closed markets brought {units(it.result)}; {units(it.losses)} count as losses"
    for party in it.parties:
        share = bps_words(party.share_bps)
        yield f"  {share} with {party.address}, {units.beside(party.cost)}"


@dataclass(frozen=True)
class AssetUnits:
    """Says amounts of an asset with so many decimals."""

    decimals: int

    def __call__(self, amount: str | int) -> str:
        """Return base units in units, cut at two digits."""
        return format_units(int(amount), 2, self.decimals)

    def against(self, cost: str) -> str:
        """Return a cost against the middle of the next report's marks."""
        return f"{self.beside(cost)} than the marks"

    def beside(self, cost: str) -> str:
        """Return what a cost is beside none."""
        amount = int(cost)
        return f"{self(abs(amount))} {'better' if amount < 0 else 'worse'}"


def evidence_rows(evidence: EvidenceState | None) -> list[tuple[str, str]]:
    """Return what a stranger could get now."""
    if evidence is None:
        return []
    return [
        ("public documents", f"{evidence.public_reports} of {len(evidence.reports)}"),
        ("public decisions", f"{evidence.public_decisions} of {evidence.decisions}"),
    ]


def place_lines(evidence: EvidenceState | None) -> Iterator[str]:
    """Yield what each place has, then the reports whose documents no stranger could get."""
    if evidence is None:
        return
    for each in evidence.places:
        counts = {"missing": each.missing, "wrong": each.wrong, "unknown": each.unknown}
        lacks = "".join(f", {count} {what}" for what, count in counts.items() if count)
        why = f" ({each.why})" if each.why not in ("", "missing") else ""
        kind = "public" if each.public else "private"
        yield f"evidence, {kind}: {each.name}: {each.found} found{lacks}{why}"
    hidden = [report for report in evidence.reports if not report.public]
    for report in hidden[:SHOWN]:
        where = f"only {', '.join(report.private)}" if report.private else "no place"
        yield f"report {report.number}, block {report.block}: {where} has {report.evidence}"
    if len(hidden) > SHOWN:
        yield f"... and {len(hidden) - SHOWN} more; --json has them all"
