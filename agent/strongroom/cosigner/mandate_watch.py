"""The mandate that a running co-signer keeps to: taken up when it counts, dropped when it does not.

A version is taken up only if it is signed, announced where a board is named, and higher than any
that was taken up before; the store remembers which, so that no older file comes back by a restart.
A file that cannot be taken up changes nothing: the mandate in force stays while it counts.
"""

import time
from collections.abc import Callable

import structlog

from strongroom.chain.ids import to_hex
from strongroom.chain.rpc import Chain
from strongroom.cosigner.mandated import MandatedPolicy
from strongroom.cosigner.policy import Policy, PolicyRefuses
from strongroom.cosigner.store import Store
from strongroom.errors import BadInput
from strongroom.mandates.mandate import NO_HASH
from strongroom.mandates.signed import SignedMandate, read_signed
from strongroom.mandates.standing import MandateRefused, check_standing, check_time
from strongroom.settings import AddressOrNone, ConfigError, Place, Section

CHECK_EVERY_S = 5.0  # between two looks at file and chain: so long a change may be unseen
log = structlog.get_logger()


class MandateConfig(Section):
    """A signed mandate to keep to."""

    file: Place
    board: AddressOrNone = ""  # a MandateBoard; empty: announcements do not count


class MandateWatch:
    """Says which mandate is in force."""

    def __init__(
        self,
        config: MandateConfig,
        policy: Policy,
        chain: Chain,
        store: Store,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take up the mandate of the file.

        Raises:
            ConfigError: it does not count; the message says why.
            ChainAway: the node does not answer.
        """
        self._config, self._policy, self._chain, self._store = config, policy, chain, store
        self._stopwatch, self._looked_at = stopwatch, stopwatch()
        self._lapsed, self._told = "", ""
        try:
            self._signed = read_signed(config.file)
            self._take_up(self._signed)
        except (BadInput, MandateRefused) as error:
            raise ConfigError(f"[mandate] {config.file}: {error}") from error

    def current(self, now: int) -> MandatedPolicy:
        """Return the policy within the mandate that is in force.

        Args:
            now: the chain's time, timestamp

        Raises:
            PolicyRefuses: none is; the message says why.
            ChainAway: the node does not answer.
        """
        if self._stopwatch() - self._looked_at >= CHECK_EVERY_S:
            self._look()
            self._looked_at = self._stopwatch()
        try:
            check_time(self._signed.mandate, now)
        except MandateRefused as error:
            raise PolicyRefuses("mandate", str(error)) from error
        if self._lapsed:
            raise PolicyRefuses("mandate", self._lapsed)
        return self._within

    def _look(self) -> None:
        """Take up a new file if it counts, and ask whether what is in force still does."""
        try:
            found = read_signed(self._config.file)
            if found.digest != self._signed.digest:
                self._take_up(found)
        except (BadInput, MandateRefused) as error:
            if str(error) != self._told:  # once: it is looked at again and again
                log.warning("mandate not taken up", why=str(error))
            self._told = str(error)
        try:
            check_standing(self._chain, self._signed, self._config.board)
            self._lapsed = ""
        except MandateRefused as error:
            self._lapsed = str(error)

    def _take_up(self, signed: SignedMandate) -> None:
        """Put a mandate in force; raises MandateRefused where it does not count."""
        mandate, name = signed.mandate, to_hex(signed.digest)
        if mandate.vault != self._policy.vault:
            raise MandateRefused(
                f"it is for the vault {mandate.vault}, and this co-signer's is "
                f"{self._policy.vault}: take that vault's"
            )
        if mandate.chain_id != self._policy.chain_id:
            raise MandateRefused(
                f"it is of chain {mandate.chain_id}, and this co-signer's is "
                f"{self._policy.chain_id}: take that chain's"
            )
        self._check_succession(signed, name)
        check_standing(self._chain, signed, self._config.board)
        self._store.take_up_mandate(mandate.vault, mandate.version, name)
        self._signed, self._within = signed, MandatedPolicy(self._policy, mandate)
        self._lapsed = self._told = ""
        log.info("mandate", version=mandate.version, hash=name, lines=len(mandate.lines))

    def _check_succession(self, signed: SignedMandate, name: str) -> None:
        """Refuse what is no successor of the last one that was taken up."""
        mandate = signed.mandate
        version, last = self._store.last_mandate(mandate.vault) or (0, NO_HASH)
        if name == last:
            return
        if mandate.version <= version:
            raise MandateRefused(
                f"version {mandate.version} ({name}) is not above version {version} ({last}), "
                "which was taken up before: let the owner sign a higher one"
            )
        if mandate.version == version + 1 and mandate.previous != last:
            raise MandateRefused(
                f"version {mandate.version} names {mandate.previous} as the one before, which was "
                f"{last}: let the owner sign one that names it"
            )
