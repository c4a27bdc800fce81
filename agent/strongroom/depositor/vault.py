"""A vault as its depositors use it: the few calls, typed."""

from collections.abc import Iterable
from dataclasses import dataclass

from eth_utils.address import is_address, to_checksum_address

from strongroom.chain import abi
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.codec import BadArguments, FunctionCodec
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import CallReverted, ChainAway, NoVault
from strongroom.chain.ids import keccak
from strongroom.chain.simulation import Intended
from strongroom.chain.terms import DELEGATED, GRACE_S, ordinal
from strongroom.depositor.options import RequestKind

DECREASE_DELAY = keccak(b"decreaseDelay(bytes4,uint256)")[:4]
LOOK_BACK = 32  # epochs
IS_ALLOWED = {
    "type": "function",
    "name": "isAllowed",
    "inputs": [{"name": "account", "type": "address"}],
    "outputs": [{"name": "", "type": "bool"}],
    "stateMutability": "view",
}


@dataclass(frozen=True)
class Announced:
    """A call that the owner has announced and can make from `ready` on; timestamps."""

    words: str
    ready: int
    lapses: int


@dataclass(frozen=True)
class AccountHolding:
    """One market's part of everything: collateral and, by outcome, YES and NO; micro-units.

    Attributes:
        away: at cost, in a wallet out of the vault's reach
    """

    market: bytes
    collateral: int
    outcomes: tuple[tuple[int, int], ...]
    away: int


class DepositorVault:
    """The vault at an address."""

    def __init__(self, chain: Contracts, address: str) -> None:
        """Look whether it is one.

        Raises:
            NoVault, ChainAway: see the classes.
        """
        if not is_address(address):
            raise NoVault(f"{address} is not an address: --vault takes 0x and 40 hex digits")
        self.chain = chain
        self.address = to_checksum_address(address)
        self._vault = chain.at(self.address, vault_abi())
        if not chain.code(self.address):
            raise NoVault(
                f"no contract is at {address} on chain {chain.chain_id}: check the address and "
                "the network"
            )
        try:
            self.asset = chain.at(self._vault.asset(), abi.load("Erc20"))
            self._vault.navs(), self._vault.epochs(), self._vault.depositTerms()
            self.symbol = str(self.asset.symbol())
        except (CallReverted, BadArguments) as error:
            raise NoVault(
                f"the contract at {address} on chain {chain.chain_id} is not a Strongroom vault: "
                "check the address"
            ) from error

    # state

    def navs(self) -> tuple[int, int]:
        """Return the NAV at the bid and at the ask, micro-units."""
        bid, ask = self._vault.navs()
        return int(bid), int(ask)

    def supply(self) -> int:
        """Return all shares, base units."""
        return int(self._vault.totalSupply())

    def idle(self) -> int:
        """Return what is in no market, micro-units."""
        return int(self._vault.total_idle())

    def paused(self) -> bool:
        """Say whether the vault takes nothing at present."""
        return bool(self._vault.paused())

    def winding_down(self) -> bool:
        """Say whether the vault only gives back."""
        return bool(self._vault.windingDown())

    def last_report(self) -> int:
        """Return the last report's timestamp."""
        return int(self._vault.lastReport())

    def limit(self, name: str) -> int:
        """Return a limit by its name in `chain.terms.Limits`."""
        return int(self._vault.limit(ordinal(name)))

    def deposit_terms(self) -> tuple[int, int]:
        """Return how much the vault takes in all, and the least deposit; micro-units."""
        limit, least = self._vault.depositTerms()
        return int(limit), int(least)

    def allows(self, who: str) -> bool:
        """Say whether the vault's allow-list, if it has one, has somebody."""
        found = str(self._vault.allow_list())
        if int(found, 16) == 0:
            return True
        return bool(self.chain.at(found, (IS_ALLOWED,)).isAllowed(who))

    def waiting_deposits(self) -> int:
        """Return what waits in all deposit epochs, micro-units."""
        read = self._vault.epochOf
        found = self._each(
            read.encode_input(0, epoch) for epoch in self._epochs(RequestKind.DEPOSIT)
        )
        return sum(_word(each, 0) - _word(each, 1) for each in found)

    # one depositor

    def shares_of(self, who: str) -> int:
        """Return what somebody holds, base units."""
        return int(self._vault.balanceOf(who))

    def waiting(self, side: RequestKind, who: str) -> int:
        """Return what somebody's requests of one side have waiting: micro-units or base units."""
        read = (
            self._vault.pendingDepositRequest
            if side is RequestKind.DEPOSIT
            else self._vault.pendingRedeemRequest
        )
        found = self._each(read.encode_input(epoch, who) for epoch in self._epochs(side))
        return sum(_word(each, 0) for each in found)

    def claimable(self, side: RequestKind, who: str) -> tuple[int, int]:
        """Return what of a side is settled and what can be claimed for it: of deposits assets
        and shares, of redemptions shares and assets."""
        if side is RequestKind.DEPOSIT:
            return int(self._vault.maxDeposit(who)), int(self._vault.maxMint(who))
        return int(self._vault.maxRedeem(who)), int(self._vault.maxWithdraw(who))

    def assets_of(self, who: str) -> int:
        """Return what somebody has of the asset, micro-units."""
        return int(self.asset.balanceOf(who))

    # holdings and announcements

    def holdings(self) -> list[AccountHolding]:
        """Return what the open markets' accounts hold."""
        found = []
        for market in self._vault.openMarkets():
            account = self.chain.at(self._vault.accountOf(market), abi.load("DelegatedAccount"))
            collateral, positions = account.holdings(False)
            away = account.outstanding() if account.grade() == DELEGATED else 0
            outcomes = tuple((int(each[0]), int(each[1])) for each in positions)
            found.append(AccountHolding(bytes(market), int(collateral), outcomes, int(away)))
        return found

    def announced(self, now: int) -> list[Announced] | None:
        """Return the owner's calls that were announced and can still be made; None where the
        node does not hand out their logs."""
        try:
            logs = self._vault.events("CallSubmitted")
        except ChainAway:
            return None
        found = []
        for call in dict.fromkeys(bytes(each.call) for each in logs):
            submitted = int(self._vault.submittedAt(keccak(call)))
            bound_by = call[4:8] if call[:4] == DECREASE_DELAY else call[:4]
            ready = submitted + int(self._vault.delayOf(bound_by))
            if submitted and now <= ready + GRACE_S:
                found.append(Announced(_call_words(call), ready, ready + GRACE_S))
        return found

    # transactions

    def approve(self, assets: int) -> Intended:
        """Let the vault take assets."""
        data = self.asset.approve.encode_input(self.address, assets)
        return Intended("approve", self.asset.address, data)

    def allowance(self, who: str) -> int:
        """Return what the vault may take, micro-units."""
        return int(self.asset.allowance(who, self.address))

    def send(self, function: str, *arguments: object) -> Intended:
        """Call a function of the vault."""
        data = getattr(self._vault, function).encode_input(*arguments)
        return Intended(function, self.address, data)

    def _each(self, calls: Iterable[bytes]) -> list[bytes]:
        """Return what calls of the vault return, asked at once."""
        return self.chain.call_all([(self.address, each) for each in calls])

    def _epochs(self, side: RequestKind) -> range:
        newest = int(self._vault.epochs()[0 if side is RequestKind.DEPOSIT else 1])
        return range(max(1, newest - LOOK_BACK), newest + 1)


def _word(answer: bytes, number: int) -> int:
    return int.from_bytes(answer[32 * number : 32 * number + 32])


def _call_words(call: bytes) -> str:
    """Return a call as people read it: "setKeeper(0x...)"."""
    for entry in vault_abi():
        if entry["type"] != "function":
            continue
        codec = FunctionCodec(entry)
        if codec.selector == call[:4]:
            decoded = FunctionCodec({"outputs": entry["inputs"]}).decode(call[4:])
            values = decoded if len(entry["inputs"]) > 1 else (decoded,)
            return f"{codec.name}({', '.join(_text(each) for each in values)})"
    return f"a call of 0x{call[:4].hex()}"


def _text(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(_text(each) for each in value)})"
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
