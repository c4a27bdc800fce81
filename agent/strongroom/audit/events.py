"""The events of a vault and of an exchange, a frozen record each.

Fields are named as in the ABI, in Python's way of writing (`requestId` is `request_id`); first
those of the topics, then those of the data. Addresses and words are lower-case hex, amounts whole
numbers of base units.
"""

from msgspec import Struct

from strongroom.chain.ids import DecisionId, MarketId, OrderHash, Question, QuestionId, TokenId

BUY = 0  # VENUE c1: of an order's side in the exchange's events


class AuditedEvent(Struct, frozen=True, gc=False):
    """Where an event stands; `address` is the contract that logged it, in lower case."""

    block: int
    transaction: str
    index: int
    address: str

    @property
    def name(self) -> str:
        """Return the event's name in the ABI."""
        return type(self).__name__


# requests and dealing


class DepositRequest(AuditedEvent, frozen=True, gc=False):
    """Assets were handed in for shares of a later report."""

    controller: str
    owner: str
    request_id: int
    sender: str
    assets: int


class RedeemRequest(AuditedEvent, frozen=True, gc=False):
    """Shares were handed in for assets of a later report."""

    controller: str
    owner: str
    request_id: int
    sender: str
    shares: int


class DepositRequestCancelled(AuditedEvent, frozen=True, gc=False):
    """A request left its epoch; `assets` went back."""

    controller: str
    receiver: str
    request_id: int
    assets: int


class RedeemRequestCancelled(AuditedEvent, frozen=True, gc=False):
    """A request left its epoch; `shares` went back."""

    controller: str
    receiver: str
    request_id: int
    shares: int


class Deposit(AuditedEvent, frozen=True, gc=False):
    """Shares of a settled request were given out."""

    sender: str
    owner: str
    assets: int
    shares: int


class Withdraw(AuditedEvent, frozen=True, gc=False):
    """Assets of a settled request were paid out."""

    sender: str
    receiver: str
    owner: str
    assets: int
    shares: int


class EpochClosed(AuditedEvent, frozen=True, gc=False):
    """A report closed an epoch: a later one may settle it; `anchor` is a price."""

    side: int
    epoch: int
    amount: int
    anchor: int


class EpochSettled(AuditedEvent, frozen=True, gc=False):
    """A report took so many in units of an epoch and gave out units for them."""

    side: int
    epoch: int
    taken: int
    given: int
    left: int


class EpochHandedBack(AuditedEvent, frozen=True, gc=False):
    """A report priced an epoch too far from its anchor: it never settles."""

    side: int
    epoch: int
    price: int


class RedeemedInKind(AuditedEvent, frozen=True, gc=False):
    """Shares were burned for a part of everything: `part` of `supply`, but of skipped markets."""

    owner: str
    receiver: str
    shares: int
    part: int
    supply: int
    assets: int
    skipped: tuple[MarketId, ...]


class PaidInKind(AuditedEvent, frozen=True, gc=False):
    """Collateral of a delegated account left with a holder; `cost` of it had been sent there."""

    market: MarketId
    assets: int
    cost: int


class Transfer(AuditedEvent, frozen=True, gc=False):
    """Shares moved; from or to the zero address they were minted or burned."""

    sender: str
    receiver: str
    value: int


class Approval(AuditedEvent, frozen=True, gc=False):
    """Somebody may spend shares."""

    owner: str
    spender: str
    value: int


class OperatorSet(AuditedEvent, frozen=True, gc=False):
    """Somebody may act on another's requests."""

    controller: str
    operator: str
    approved: bool


# reports


class Unanswered(AuditedEvent, frozen=True, gc=False):
    """An account did not say in time, or not in range, what it holds."""

    market: MarketId
    account: str


class Reported(AuditedEvent, frozen=True, gc=False):
    """Marks took effect: of each open market its book, of each of its conditions its mark."""

    evidence: str
    markets: tuple[MarketId, ...]
    books: tuple[int, ...]
    words: tuple[int, ...]


class Dealt(AuditedEvent, frozen=True, gc=False):
    """A report or a settlement dealt: NAV after fees, the prices published, room for deposits."""

    nav_bid: int
    nav_ask: int
    supply: int
    bid: int
    ask: int
    room: int


class FeesAccrued(AuditedEvent, frozen=True, gc=False):
    """Fees of a report or an exit: assets, the shares minted for them, the new high-water mark."""

    management: int
    performance: int
    shares: int
    high_water_mark: int


class BreakerReset(AuditedEvent, frozen=True, gc=False):
    """Drawdown counts from this price on."""

    reference: int


class WindDown(AuditedEvent, frozen=True, gc=False):
    """Nothing is bought any more."""

    account: str


# markets


class MarketOpened(AuditedEvent, frozen=True, gc=False):
    """A market got an account."""

    market: MarketId
    account: str
    class_id: int
    question: Question
    question_id: QuestionId
    conditions: int
    deadline: int


class Allocated(AuditedEvent, frozen=True, gc=False):
    """A market's account got assets."""

    market: MarketId
    assets: int
    exposure: int


class CameHome(AuditedEvent, frozen=True, gc=False):
    """An account sent assets: `cost` of them as what it had got, the rest is profit."""

    market: MarketId
    account: str
    assets: int
    cost: int
    exposure: int


class MarketClosed(AuditedEvent, frozen=True, gc=False):
    """A market left the list: what its account has not returned is a loss.

    Attributes:
        written_off: what its tokens and wallet stood for, assets
        halted: it had been halted before, and is never opened again
        holds: the account still holds something
        listed: and has a place in the list of what waits to be swept
    """

    market: MarketId
    account: str
    loss: int
    written_off: int
    halted: bool
    holds: bool
    listed: bool


class Swept(AuditedEvent, frozen=True, gc=False):
    """A closed account was looked at: whether it is empty, and what it still stands for."""

    account: str
    emptied: bool
    remains: int


# governance


class OwnershipTransferred(AuditedEvent, frozen=True, gc=False):
    """The owner is another."""

    previous_owner: str
    new_owner: str


class OwnershipTransferStarted(AuditedEvent, frozen=True, gc=False):
    """Somebody may become the owner."""

    previous_owner: str
    new_owner: str


class RoleMinterChanged(AuditedEvent, frozen=True, gc=False):
    """Somebody may mint shares, or may not any more."""

    minter: str
    status: bool


class RoleSet(AuditedEvent, frozen=True, gc=False):
    """A role went to an account; `role` is the hash of its name."""

    role: str
    account: str


class Paused(AuditedEvent, frozen=True, gc=False):
    """Deposits, budget and orders stopped."""

    account: str


class Unpaused(AuditedEvent, frozen=True, gc=False):
    """They went on."""

    account: str


class CallSubmitted(AuditedEvent, frozen=True, gc=False):
    """A call was announced."""

    call_hash: str
    delay: int
    call: bytes


class CallRevoked(AuditedEvent, frozen=True, gc=False):
    """An announced call was vetoed."""

    call_hash: str


class CallExecuted(AuditedEvent, frozen=True, gc=False):
    """An announced call was made."""

    call_hash: str


class DelaySet(AuditedEvent, frozen=True, gc=False):
    """A function's calls must be announced so many seconds before."""

    selector: str
    delay: int


class Abdicated(AuditedEvent, frozen=True, gc=False):
    """What a function does to raise risk can never be done again."""

    selector: str


class LimitSet(AuditedEvent, frozen=True, gc=False):
    """A limit changed; `limit` is its ordinal."""

    limit: int
    new_value: int


class FeesSet(AuditedEvent, frozen=True, gc=False):
    """The rates of the fees changed."""

    management_bps: int
    performance_bps: int
    hurdle_bps: int


class FeeRecipientsSet(AuditedEvent, frozen=True, gc=False):
    """Who gets which part of the fees, in bps."""

    recipients: tuple[tuple[str, int], ...]


class DepositTermsSet(AuditedEvent, frozen=True, gc=False):
    """How much may be deposited in all, and how little at once; assets."""

    deposit_limit: int
    min_deposit: int


class AllowListSet(AuditedEvent, frozen=True, gc=False):
    """Who may deposit is asked of a contract, who may be given shares, too, where it covers
    transfers; the zero address: everybody may."""

    allow_list: str
    covers_transfers: bool


class ClassAdded(AuditedEvent, frozen=True, gc=False):
    """A strategy may be traded."""

    class_id: int
    implementation: str
    oracle: str
    grade: int
    max_duration: int


class ClassCapsSet(AuditedEvent, frozen=True, gc=False):
    """A class's caps changed: assets, and bps of NAV."""

    class_id: int
    market_cap: int
    market_cap_bps: int
    class_cap: int
    class_cap_bps: int


class ClassRetired(AuditedEvent, frozen=True, gc=False):
    """A class opens no market and gets no budget any more."""

    class_id: int


class KeeperSet(AuditedEvent, frozen=True, gc=False):
    """A class's keeper is another; the zero address: nobody."""

    class_id: int
    keeper: str


class LossesForgiven(AuditedEvent, frozen=True, gc=False):
    """Losses of a class and of the vault count no more."""

    class_id: int
    assets: int


# the exchange


class OrderFilled(AuditedEvent, frozen=True, gc=False):
    """An order was filled; `metadata` is the id of the decision that it follows from."""

    order_hash: OrderHash
    maker: str
    taker: str
    side: int
    token_id: TokenId
    maker_amount_filled: int
    taker_amount_filled: int
    fee: int
    builder: str
    metadata: DecisionId


VAULT_EVENTS: tuple[type[AuditedEvent], ...] = (
    *(DepositRequest, RedeemRequest, DepositRequestCancelled, RedeemRequestCancelled),
    *(Deposit, Withdraw, EpochClosed, EpochSettled, EpochHandedBack),
    *(RedeemedInKind, PaidInKind, Transfer, Approval, OperatorSet),
    *(Unanswered, Reported, FeesAccrued, Dealt, BreakerReset, WindDown),
    *(MarketOpened, Allocated, CameHome, MarketClosed, Swept),
    *(OwnershipTransferred, OwnershipTransferStarted, RoleMinterChanged, RoleSet),
    *(Paused, Unpaused, CallSubmitted, CallRevoked, CallExecuted, DelaySet, Abdicated),
    *(LimitSet, FeesSet, FeeRecipientsSet, DepositTermsSet, AllowListSet),
    *(ClassAdded, ClassCapsSet, ClassRetired, KeeperSet, LossesForgiven),
)
