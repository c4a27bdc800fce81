"""What accounts of a vault hold, and the wallets that trade for them; micro-units."""

from dataclasses import dataclass

from strongroom.chain.ids import ConditionId, MarketId, Question
from strongroom.chain.rpc import Position


@dataclass(frozen=True)
class LeftBehind:
    """What a closed account still holds, and the wallet that trades for it; micro-units.

    Attributes:
        listed: the vault counts it among those that hold something
        here: outcome tokens inside the account, in its order
        wallet: empty: it has none
        is_open: whether what is in an account's own wallet moves without the venue
    """

    account: str
    listed: bool
    collateral: int
    here: tuple[Position, ...]
    delegated: bool
    wallet: str
    collateral_away: int
    away: tuple[Position, ...]
    is_open: bool


@dataclass(frozen=True)
class Holdings:
    """What a market's account holds, and its wallet; micro-units.

    Attributes:
        question: the condition or the event that it is about
        conditions: in the account's order, as `here` and `away`
        wallet: that a delegated account has named, or an account has adopted; empty: none
        exposure: of the vault in the market, at cost
        outstanding: the part of it that was handed to a delegated account's wallet
        wallet_open: whether what an account's own wallet holds moves without the venue
    """

    market: MarketId
    account: str
    class_id: int
    question: Question
    conditions: tuple[ConditionId, ...]
    collateral: int
    here: tuple[Position, ...]
    tradable: bool
    exposure: int = 0
    delegated: bool = False
    wallet: str = ""
    collateral_away: int = 0
    away: tuple[Position, ...] = ()
    outstanding: int = 0
    wallet_open: bool = False

    @property
    def room_away(self) -> int:
        """How much more of a delegated market's budget its wallet may hold."""
        return max(0, self.exposure - self.outstanding)

    @property
    def total(self) -> int:
        """The collateral in both places."""
        return self.collateral + (self.collateral_away if self.wallet else 0)

    @property
    def positions(self) -> dict[ConditionId, Position]:
        """The tokens in both places, by condition, in the account's order."""
        held = self.here
        if self.wallet:
            held = tuple(mine + away for mine, away in zip(self.here, self.away, strict=True))
        return dict(zip(self.conditions, held, strict=True))
