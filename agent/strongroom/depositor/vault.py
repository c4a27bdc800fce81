"""A vault as its depositors use it: the few calls, typed."""

from dataclasses import dataclass

from strongroom.addresses import typed_address
from strongroom.chain import abi
from strongroom.chain.artifacts import vault_abi
from strongroom.chain.codec import BadArguments
from strongroom.chain.contracts import Contracts
from strongroom.chain.failures import CallReverted, ChainAway, NoVault
from strongroom.chain.ids import MarketId, to_bytes, to_hex
from strongroom.chain.notices import Notice, announced
from strongroom.chain.simulation import Intended
from strongroom.chain.terms import DELEGATED, ordinal
from strongroom.chain.units import DECIMALS
from strongroom.depositor.options import RequestKind
from strongroom.depositor.requests import MOST_WAITING, Dealing, DepositorRequest
from strongroom.errors import BadInput
from strongroom.foreign_text import plain

SIDES = {RequestKind.DEPOSIT: 0, RequestKind.REDEEM: 1}
IS_ALLOWED = {
    "type": "function",
    "name": "isAllowed",
    "inputs": [{"name": "account", "type": "address"}],
    "outputs": [{"name": "", "type": "bool"}],
    "stateMutability": "view",
}


@dataclass(frozen=True)
class AccountHolding:
    """What an open or unswept account would pay a part of; micro-units.

    Attributes:
        market: its vault market; empty: a closed one's account that does not say it
        outcomes: YES and NO of each condition; of a delegated account none, they stay
        stays: whether a wallet holds something that a leaver gets no part of
        is_read: False: the account does not answer, and nothing of the rest is known
    """

    market: MarketId
    collateral: int
    outcomes: tuple[tuple[int, int], ...]
    stays: bool = False
    is_read: bool = True


class OddDecimals(BadInput):
    """The asset does not have the decimals that amounts are typed and shown with: each would be a
    power of ten off."""


def check_decimals(decimals: int) -> None:
    """Refuse an asset whose amounts would be shown or sent wrong; raises OddDecimals."""
    if decimals != DECIMALS:
        raise OddDecimals(
            f"the vault's asset has {decimals} decimals, and amounts are counted here in "
            f"{DECIMALS}: call the vault's contract itself"
        )


class DepositorVault:
    """The vault at an address."""

    def __init__(self, chain: Contracts, address: str) -> None:
        """Look whether it is one.

        Raises:
            NoVault, OddDecimals, ChainAway: see the classes.
        """
        try:
            self.address = typed_address(address)
        except BadInput as error:
            raise NoVault(f"--vault {error}") from error
        self.chain = chain
        self._vault = chain.at(self.address, vault_abi())
        if not chain.code(self.address):
            raise NoVault(
                f"no contract is at {address} on chain {chain.chain_id}: check the address and "
                "the network"
            )
        try:
            self.asset = chain.at(self._vault.asset(), abi.load("Erc20"))
            self._vault.navs(), self._vault.prices(), self._vault.depositTerms()
            self.symbol = plain(str(self.asset.symbol()))
            decimals = int(self.asset.decimals())
        except (CallReverted, BadArguments) as error:
            raise NoVault(
                f"the contract at {address} on chain {chain.chain_id} is not a Strongroom vault: "
                "check the address"
            ) from error
        check_decimals(decimals)

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

    def dealing(self, now: int) -> Dealing:
        """Return what decides when and at which price requests are dealt with."""
        bid, ask = self._vault.prices()
        return Dealing(
            bid=int(bid),
            ask=int(ask),
            reports=int(self._vault.reportCount()),
            room=int(self._vault.inflowRoom()),
            idle=self.idle(),
            flat=bool(self._vault.isFlat()),
            max_up_bps=self.limit("max_up_bps"),
            max_down_bps=self.limit("max_down_bps"),
            max_premium_bps=self.limit("max_premium_bps"),
            is_stale=now > int(self._vault.freshUntil()),
            has_reporter=int(self._vault.reporter(), 16) != 0,
            winding_down=self.winding_down(),
            crowded=frozenset(
                side
                for side in RequestKind
                if len(self._vault.waitingEpochs(SIDES[side])) >= MOST_WAITING
            ),
        )

    def limit(self, name: str) -> int:
        """Return a limit by its name in `chain.terms.Limits`."""
        return int(self._vault.limit(ordinal(name)))

    def deposit_terms(self) -> tuple[int, int]:
        """Return how much the vault takes in all, and the least deposit; micro-units."""
        limit, least = self._vault.depositTerms()
        return int(limit), int(least)

    def allows(self, who: str) -> bool | None:
        """Say whether the vault's allow-list, if it has one, has somebody; None: it does not
        answer."""
        found = str(self._vault.allow_list())
        if int(found, 16) == 0:
            return True
        try:
            return bool(self.chain.at(found, (IS_ALLOWED,)).isAllowed(who))
        except (CallReverted, ChainAway):
            return None

    def waiting_deposits(self) -> int:
        """Return what waits in all deposit epochs, micro-units."""
        epochs = [self._vault.epochs()[0], *self._vault.waitingEpochs(0)]
        return sum(int(self._vault.epochOf(0, epoch)[1]) for epoch in epochs)

    # one depositor

    def shares_of(self, who: str) -> int:
        """Return what somebody holds, base units."""
        return int(self._vault.balanceOf(who))

    def requests(self, side: RequestKind, who: str) -> list[DepositorRequest]:
        """Return somebody's requests of one side that are not wholly claimed, oldest first."""
        vault, number = self._vault, SIDES[side]
        pending, claimable = (
            (vault.pendingDepositRequest, vault.claimableDepositRequest)
            if side is RequestKind.DEPOSIT
            else (vault.pendingRedeemRequest, vault.claimableRedeemRequest)
        )
        return [
            DepositorRequest(
                side,
                int(epoch),
                int(pending(epoch, who)),
                int(claimable(epoch, who)),
                *self._epoch(number, epoch),
            )
            for epoch in vault.liveEpochs(number, who)
        ]

    def _epoch(self, side: int, epoch: int) -> tuple[int, int, bool]:
        """Return an epoch's anchor, the report that closed it, and whether it was handed back."""
        _, _, anchor, closed_by, handed_back = self._vault.epochOf(side, epoch)
        return int(anchor), int(closed_by), bool(handed_back)

    def of_everybody(self, side: RequestKind, number: int) -> DepositorRequest | None:
        """Return what everybody has in a request's epoch; None: there is no such epoch yet."""
        if number > int(self._vault.epochs()[SIDES[side]]):
            return None
        left = int(self._vault.epochOf(SIDES[side], number)[1])
        return DepositorRequest(side, number, left, 0, *self._epoch(SIDES[side], number))

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
        """Return what the accounts of open markets, and those not swept yet, hold."""
        named = [MarketId(to_hex(each)) for each in self._vault.openMarkets()]
        found = [self._held(self._vault.accountOf(each), each) for each in named]
        return [*found, *(self._held(each, None) for each in self._vault.unsweptAccounts())]

    def _held(self, address: str, market: MarketId | None) -> AccountHolding:
        """Return what an account holds; one that reverts or answers nonsense shuts nobody in."""
        try:
            account = self.chain.at(address, abi.load("DelegatedAccount"))
            market = MarketId(to_hex(account.market())) if market is None else market
            return self._holding(address, market)
        except (CallReverted, ChainAway):
            return AccountHolding(market or MarketId(""), 0, (), is_read=False)

    def _holding(self, address: str, market: MarketId) -> AccountHolding:
        account = self.chain.at(address, abi.load("DelegatedAccount"))
        if account.grade() == DELEGATED:
            inside = int(self.asset.balanceOf(address))
            collateral, positions = account.positions()
            outside = int(collateral) - inside + sum(sum(each[:2]) for each in positions)
            return AccountHolding(market, inside, (), outside > 0)
        collateral, positions = account.positions()
        outcomes = tuple((int(each[0]), int(each[1])) for each in positions)
        return AccountHolding(market, int(collateral), outcomes)

    def announced(self, now: int) -> list[Notice] | None:
        """Return what the owner has announced and can still do; None where the node does not hand
        out the logs."""
        return announced(self._vault, now)

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

    def claims(self, who: str) -> list[Intended]:
        """Take what is settled of both sides: for all that was handed over, or, where an earlier
        claim used that up, what is left of what came for it."""
        (deposited, shares), (redeemed, assets) = (
            self.claimable(side, who) for side in RequestKind
        )
        found = []
        if deposited or shares:
            name, amount = ("deposit", deposited) if deposited else ("mint", shares)
            found.append(self.send(name, amount, who))
        if redeemed or assets:
            name, amount = ("redeem", redeemed) if redeemed else ("withdraw", assets)
            found.append(self.send(name, amount, who, who))
        return found

    def exit(self, who: str, shares: int, request: int | None, skip: tuple[str, ...]) -> Intended:
        """Leave in kind: with shares that somebody holds, or with those of a waiting request."""
        markets = [to_bytes(each) for each in skip]
        if request is None:
            return self.send("redeemInKind", shares, who, markets)
        return self.send("redeemRequestInKind", request, who, who, markets)
