"""A token that takes signed transfers (ERC-3009), as the chain has it: it has the last word."""

from dataclasses import dataclass
from functools import cached_property

from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount
from eth_utils.address import to_checksum_address

from strongroom.chain.abi import load
from strongroom.chain.codec import EventCodec, FunctionCodec
from strongroom.chain.contracts import Contract, Contracts, Key, Receipt
from strongroom.chain.rpc import Chain
from strongroom.errors import Differs

FIELDS = (
    ("from", "address"),
    ("to", "address"),
    ("value", "uint256"),
    ("validAfter", "uint256"),
    ("validBefore", "uint256"),
    ("nonce", "bytes32"),
)
_KINDS = (*(kind for _, kind in FIELDS), "uint8", "bytes32", "bytes32")
_TRANSFER = FunctionCodec(  # the form that every token with ERC-3009 has
    {
        "type": "function",
        "name": "transferWithAuthorization",
        "inputs": [{"name": f"a{n}", "type": kind} for n, kind in enumerate(_KINDS)],
        "outputs": [],
        "stateMutability": "nonpayable",
    }
)


@dataclass(frozen=True)
class Authorization:
    """A transfer as its payer signs it; amount in base units, times in seconds, nonce 0x..."""

    payer: str
    payee: str
    amount: int
    valid_after: int
    valid_before: int
    nonce: str

    @property
    def values(self) -> tuple[str, str, int, int, int, bytes]:
        """As the token takes them."""
        return (
            self.payer, self.payee, self.amount, self.valid_after, self.valid_before,
            bytes.fromhex(self.nonce[2:]),
        )  # fmt: skip


@dataclass(frozen=True)
class SettledBy:
    """The transaction that made a signed transfer."""

    transaction: str
    block: int


USED = "AuthorizationUsed"


@dataclass(frozen=True)
class TokenDomain:
    """What a token's signatures are bound to, beside chain and address."""

    name: str
    version: str


class PaidToken:
    """One token on one chain."""

    def __init__(self, chain: Contracts, address: str, domain: TokenDomain) -> None:
        """Take the token; nothing is asked yet."""
        self.chain, self.domain = chain, domain
        self.address = to_checksum_address(address)
        self._contract = Contract(chain, address, load("PaidToken"))
        entries = {each["name"]: each for each in load("PaidToken") if each["type"] == "event"}
        self._used = EventCodec(entries[USED]).topic
        self._moved = EventCodec(entries["Transfer"]).topic

    @cached_property
    def _reads(self) -> Chain:
        return Chain(self.chain)

    @property
    def network(self) -> str:
        """Its chain, as x402 names it (CAIP-2)."""
        return f"eip155:{self.chain.chain_id}"

    def balance(self, who: str) -> int:
        """Return what somebody has, base units; raises ChainAway."""
        return int(self._contract.balanceOf(who))

    def is_used(self, payer: str, nonce: str) -> bool:
        """Whether an authorization was used, or canceled; raises ChainAway."""
        return bool(self._contract.authorizationState(payer, bytes.fromhex(nonce[2:])))

    def settlement(self, paid: Authorization, since: int) -> SettledBy | None:
        """Return the transaction that made a signed transfer; None: there is none from a block on.
        One that was canceled has none.

        Args:
            since: a block before which it was not made

        Raises:
            ChainAway: the node does not answer.
        """
        about = {"authorizer": paid.payer, "nonce": paid.nonce}
        used = self._reads.logs(self.address, "PaidToken", USED, since, matching=about)
        for log in used:
            receipt = self.chain.receipt(log.transaction)
            if receipt is not None and self._has_moved(receipt, paid):
                return SettledBy(receipt.transaction_hash, receipt.block_number)
        return None

    def transfer_data(self, paid: Authorization, signer: LocalAccount) -> bytes:
        """Return the call that makes a transfer which `signer` signs."""
        types = {"TransferWithAuthorization": [{"name": n, "type": k} for n, k in FIELDS]}
        message = dict(zip((name for name, _ in FIELDS), paid.values, strict=True))
        signed = signer.sign_message(encode_typed_data(self._domain(), types, message))
        r, s = (part.to_bytes(32, "big") for part in (signed.r, signed.s))
        return _TRANSFER.selector + _TRANSFER.encode((*paid.values, signed.v, r, s))

    def send(self, paid: Authorization, signer: Key) -> SettledBy:
        """Make a transfer of the signer's own; what would revert is not sent.

        Raises:
            TransactionRefused: it would revert.
            ChainAway: the node does not answer; whether it was sent, `is_used` says.
            Differs: it was mined, and did not move the money.
        """
        data = self.transfer_data(paid, signer.account)
        receipt = self.chain.send(signer, self.address, data, what="a signed transfer")
        if not self._has_moved(receipt, paid):
            raise Differs(
                f"transaction {receipt.transaction_hash} has not moved {paid.amount} to "
                f"{paid.payee}: look at the token before you go on"
            )
        return SettledBy(receipt.transaction_hash, receipt.block_number)

    def _domain(self) -> dict[str, str | int]:
        return {
            "name": self.domain.name,
            "version": self.domain.version,
            "chainId": self.chain.chain_id,
            "verifyingContract": self.address,
        }

    def _has_moved(self, receipt: Receipt, paid: Authorization) -> bool:
        """Whether a receipt has the use of this authorization, and the transfer that it is for."""
        used = [_hex(self._used), _word(paid.payer), paid.nonce.lower()]
        moved = [_hex(self._moved), _word(paid.payer), _word(paid.payee)]
        ours = [each for each in receipt.logs if each["address"].lower() == self.address.lower()]
        topics = [[topic.lower() for topic in each["topics"]] for each in ours]
        sent = any(
            words == moved and int(each["data"], 16) == paid.amount
            for words, each in zip(topics, ours, strict=True)
        )
        return receipt.succeeded and used in topics and sent


def _word(address: str) -> str:
    return "0x" + address[2:].lower().rjust(64, "0")


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
