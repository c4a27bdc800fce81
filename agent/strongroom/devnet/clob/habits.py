"""The venue's habits: how it behaves on a good day, each of which a client must know.

The keeper copes with all of them (tests/e2e/test_week_habits.py); `venue()` has them on. By default
those are off that other clients, or whoever looks on, would stumble over, and say why. What breaks
is in faults.py.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from strongroom.devnet.clob.rates import RateTier


class Habits(BaseModel):
    """How the services of a devnet behave; rows of VENUE.md in brackets.

    Attributes:
        rate_limits: off; warn: a header says what would have been refused; enforce: 429 (e1)
        tier: of every signer (e1)
        gtd_least_s: that a GTD order must still live (e1: the client's own least)
        amount_precision: FAK and FOK amounts of too many decimals are refused (e1)
        taker_delay_s: a marketable order is `delayed` so long before it is matched (e1, e2). Off:
            a play would wait for each
        status_prefixes: REST answers say TRADE_STATUS_CONFIRMED and ORDER_STATUS_LIVE (e1). Off:
            other clients read the plain words of the streams
        end_reasons: an order ends as CANCELED_EXPIRED_ORDER and the like (e1). Off: as above
        not_broadcast: REST shows a trade as MATCHED_NOT_BROADCASTED until it is sent (e1)
        bursts: one match is told in several price changes of one hash (e4). Off: who takes the
            second for a repeat keeps a wrong level
        empty_frames: of a stream's messages, as many are preceded by an empty one (e4). Off: they
            are no JSON, at which readers end
        unknown_events: of a stream's messages, as many are preceded by one of a new kind (e4)
        page_caps: Gamma gives 100 records a page whatever is asked, and 422 above offset 10,000
            (e2). Off: who goes on by the page's length sees 100 markets
        hidden_fees: every other market with fees has no feeSchedule at Gamma: unknown, not 0 (e2).
            Off: nobody trades what may cost anything, so half of a play would be missing
        null_fields: Gamma's records have fields that hold null (e2)
        data_rate_limit: Data API requests a second and client, then 429 without Retry-After; 0:
            none (e3)
        submits_a_minute, transactions_a_day: that the relayer takes of a key (b)
        session_keys: whether builders may have them authorized (b)
        valid_until_slack_s: that a session key's end may fall short of its exact life (g: not
            known)
        contract_owners: whether the relayer makes a wallet for a contract (g: not known)
        long_signatures: whether it takes batches whose signature is longer than 65 bytes, the
            envelopes of session keys aside (g: not known)
        contract_batches: whether it carries what a contract signs for its wallet (g: not known)
        handovers: whether it takes a batch that hands the wallet over (g: not known)
        owner_by_id: whether the CLOB takes a deposit wallet for its first owner's, whom its id
            names, instead of asking it (g: not known)
        foreign_keys: whether the CLOB takes orders of a wallet that a contract owns by anybody's
            API key, since a contract has none, and looks at its funds by itself (g: not known)
        handover_ends_keys: whether an API key ends when its wallet is another's (g: not known)
        safe_owners: whether it asks a Safe for its owners instead of its address (g: not known)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rate_limits: Literal["off", "warn", "enforce"] = "enforce"
    tier: RateTier = RateTier.STANDARD
    gtd_least_s: int = Field(180, ge=0)
    amount_precision: bool = True
    taker_delay_s: float = Field(0, ge=0)
    status_prefixes: bool = False
    end_reasons: bool = False
    not_broadcast: bool = True
    bursts: bool = False
    empty_frames: float = Field(0, ge=0, le=1)
    unknown_events: float = Field(0.05, ge=0, le=1)
    page_caps: bool = False
    hidden_fees: bool = False
    null_fields: bool = True
    data_rate_limit: int = Field(20, ge=0)
    submits_a_minute: int = Field(25, ge=0)
    transactions_a_day: int = Field(100, ge=0)
    session_keys: bool = True
    valid_until_slack_s: int = Field(60, ge=0)
    contract_owners: bool = False
    long_signatures: bool = False
    contract_batches: bool = True
    handovers: bool = False
    owner_by_id: bool = False
    foreign_keys: bool = False
    handover_ends_keys: bool = False
    safe_owners: bool = False

    @classmethod
    def venue(cls) -> "Habits":
        """Return all habits on, as the venue has them."""
        return cls(
            taker_delay_s=1,
            status_prefixes=True,
            end_reasons=True,
            bursts=True,
            empty_frames=0.05,
            page_caps=True,
            hidden_fees=True,
        )


DEFAULT = Habits()
