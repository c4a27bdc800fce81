"""The gas of a vault's report: asked of the node for the vault as it is, or reckoned from how many
conditions a report marks, where the node refuses one now."""

from dataclasses import dataclass

from strongroom.chain.calls import Ask, make_call
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.rpc import Chain
from strongroom.chain.units import WAD
from strongroom.execution.transactions import EXECUTION, limit_of

# More than a report needs where both sides settle, and each condition gets its first mark and has
# a wallet: in round figures.
SETTLING = 280_000
CONDITION = 80_000
MARK = (WAD // 100, WAD // 50)  # any bid and ask of which an event may have one a condition
EVIDENCE = b"\x01" * 32  # any hash


@dataclass(frozen=True)
class ReportGas:
    """The limit of gas that a report is sent with in a Safe's transaction, and how it is known."""

    gas: int
    how: str


def gas_of_report(chain: Chain, vault: str) -> ReportGas:
    """Return the gas of a report that marks each condition of each open market.

    Raises:
        ChainAway: the node does not answer.
        CallReverted: there is no vault.
    """
    markets, reporter = chain.ask(
        [Ask(vault, "Vault", each) for each in ("openMarkets", "reporter")]
    )
    found = chain.ask([Ask(vault, "Vault", "marketOf", (each,)) for each in markets])
    marks = [
        (market, place, *MARK)
        for market, (_, _, conditions, _) in zip(markets, found, strict=True)
        for place in range(conditions)
    ]
    call = make_call(vault, "Vault", "report", marks, EVIDENCE)
    counted = f"{len(markets)} open markets, {len(marks)} conditions"
    try:
        gas = chain.gas_of(reporter, call.to, call.data)
    except TransactionRefused as refused:
        gas, how = SETTLING + CONDITION * len(marks), f"at most, reckoned by {counted}: {refused}"
    else:
        how = f"estimated, {counted}"
    return ReportGas(limit_of(gas + EXECUTION), how)
