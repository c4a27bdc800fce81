"""Session keys of lent wallets (VENUE b): a person hears of a key's end in time to do something.

A session key acts for 180 days. Only the wallet's owner renews it, whose key is elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from strongroom.chain.accounts import told_address
from strongroom.chain.calls import Ask
from strongroom.chain.notices import moment
from strongroom.chain.rpc import checksum
from strongroom.chain.times import is_over
from strongroom.chain.units import DAY, HOUR
from strongroom.execution.interfaces import ChainReads, Listener
from strongroom.execution.venues.wallets import Wallets
from strongroom.information.endpoint import Health
from strongroom.keeper.configuration import Config

WARN_S = 14 * DAY  # before a key ends
LOOK_EVERY_S = HOUR  # the owner may renew or revoke it at any time
RENEW = (
    "let the wallet's owner authorize it anew (`authorize_session_key`, scope CLOB; the venue "
    "enables session keys by builder)"
)


@dataclass(frozen=True)
class WalletSession:
    """What the chain says of a key that acts for a wallet.

    Attributes:
        until: when it ends, timestamp; 0: the wallet does not know it, or knows it no more; None:
            it is the owner's, and has no end
    """

    wallet: str
    key: str
    until: int | None

    def warning(self, now: int) -> str:
        """Return what is wrong and what to do, two weeks before the end at the latest; empty:
        nothing."""
        if self.until is None or self.until - now > WARN_S:
            return ""
        if self.until > now:
            return f"ends at {moment(self.until)}: {RENEW}"
        how = f"ended at {moment(self.until)}" if self.until else "is unknown to the wallet"
        return f"{how}, which is lent no more: {RENEW}"


@dataclass
class SessionWatch:
    """Looks at a keeper's session keys, tells of each that ends, and again after each day."""

    chain: ChainReads
    wallets: Wallets
    on_event: Listener
    _found: Sequence[WalletSession] = ()
    _looked: int = 0  # timestamp
    _told: dict[str, int] = field(default_factory=dict)  # wallet -> timestamp

    def look(self, now: int) -> tuple[Health, ...]:
        """Return how the keys are, as sources are; those of owners are left out.

        Raises:
            ChainAway: see the class.
        """
        keys = [(each.address, each.key.address) for each in self.wallets.all() if each.by_session]
        if not keys:
            return ()
        if is_over(self._looked, LOOK_EVERY_S, now):
            self._found = read_sessions(self.chain, keys)
            self._looked = now
        for each in self._found:
            why = each.warning(now)
            if why and is_over(self._told.get(each.wallet, 0), DAY, now):
                self._told[each.wallet] = now
                self.on_event("session_ends", {"wallet": each.wallet, "key": each.key, "why": why})
        return tuple(
            Health(f"session key of {each.wallet}", wrong=each.warning(now))
            for each in self._found
            if each.until is not None
        )


def read_sessions(chain: ChainReads, keys: Sequence[tuple[str, str]]) -> list[WalletSession]:
    """Return what the chain says of (wallet, key) each, in one request.

    Raises:
        CallReverted: one is no deposit wallet.
        ChainAway: see the class.
    """
    asked = [Ask(wallet, "DepositWallet", "owner") for wallet, _ in keys]
    asked += [
        Ask(wallet, "DepositWallet", "sessionSignerAuthorizedUntil", (key,)) for wallet, key in keys
    ]
    found = chain.ask(asked)
    return [
        WalletSession(wallet, key, None if checksum(owner) == checksum(key) else int(until))
        for (wallet, key), owner, until in zip(keys, found, found[len(keys) :], strict=False)
    ]


def configured_sessions(config: Config, chain: ChainReads) -> list[WalletSession]:
    """Return what the chain says of the keys of a keeper's file; no passphrase is needed, so a
    keystore that does not say its address is left out.

    Raises:
        UnknownAccount: a file is no keystore.
        CallReverted, ChainAway: as `read_sessions`.
    """
    keys = [(checksum(each.address), told_address(each.key)) for each in config.venue.wallets]
    return read_sessions(chain, [(wallet, key) for wallet, key in keys if key])
