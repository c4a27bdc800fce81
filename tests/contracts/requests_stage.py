"""A vault whose price moves, and who asks to come and to go."""

from tests.defaults import DEPOSIT, PRICE, SHARE, VIRTUAL

EVEN = ("0.5", "0.5")
SUPPLY = 1_000 * SHARE


def price(nav, supply=SUPPLY):
    return (nav + 1) * PRICE // (supply + VIRTUAL)


def price_up(nav, supply=SUPPLY):
    return -(-(nav + 1) * PRICE // (supply + VIRTUAL))


def ask_in(vault, who, amount, controller=None):
    vault.requestDeposit(amount, controller or who, who, sender=who)


def ask_out(vault, who, amount, controller=None):
    vault.requestRedeem(amount, controller or who, who, sender=who)


def waits(vault, epoch, side=DEPOSIT):
    return epoch in vault.waitingEpochs(side)


def report_at(report, chain, vault, seconds, *quotes):
    """Report exactly `seconds` after the last report."""
    return report(vault, *quotes, after=vault.lastReport() + seconds - chain.pending_timestamp)
