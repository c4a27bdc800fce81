"""Wallets that the venue admits, for delegated accounts: each trades one market at a time.

The wallet's owner is one key. It signs orders as the venue's own client does (ERC-7739), which have
no expiry on chain; and batches of calls, by which the wallet lets the market's account take
everything back. An operator of the wallets' factory carries batches in: the keeper's Safe must be
one. Deposit wallets only (signature type 3).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount
from py_clob_client_v2.order_utils.exchange_order_builder_v2 import ExchangeOrderBuilderV2
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2
from py_clob_client_v2.signer import Signer

from strongroom.chain.calls import Ask, Call, make_call
from strongroom.chain.ids import to_bytes
from strongroom.chain.rpc import private_key
from strongroom.chain.units import DAY, MAX_UINT256
from strongroom.execution.interfaces import ChainReads, OrderVenue
from strongroom.signing.deposit_wallet import WalletBatch, WalletCall
from strongroom.signing.keys import sign_hash
from strongroom.signing.order import ExchangeDomain

BATCH_S = DAY  # how long a signed batch may be sent


@dataclass(frozen=True)
class VenueWallet:
    """A deposit wallet, its owner's key, and the venue's service under that key."""

    address: str
    owner: LocalAccount
    venue: OrderVenue

    def sign(self, order: OrderV2, domain: ExchangeDomain) -> bytes:
        """Return the signature of an order whose maker is the wallet."""
        builder = ExchangeOrderBuilderV2(
            domain.address,
            domain.chain_id,
            Signer(private_key(self.owner), domain.chain_id),
            domain_version=domain.version,
        )
        typed = builder.build_order_typed_data(order)
        return to_bytes(builder.build_order_signature(typed))


class Wallets:
    """The wallets of one vault."""

    def __init__(
        self, chain: ChainReads, wallets: Iterable[VenueWallet], exchanges: Sequence[str]
    ) -> None:
        """Take the wallets, and the exchanges that may move what they hold."""
        self._chain, self._exchanges = chain, exchanges
        self._wallets = {each.address.lower(): each for each in wallets}

    def of(self, address: str) -> VenueWallet | None:
        """Return the wallet at an address; None: it is none of them."""
        return self._wallets.get(address.lower())

    def all(self) -> list[VenueWallet]:
        """Return the wallets."""
        return list(self._wallets.values())

    def free(self, account: str) -> list[VenueWallet]:
        """Return those that serve no account yet, as a delegated account's registry knows them."""
        registry = self._chain.ask_one(account, "DelegatedAccount", "REGISTRY")
        served = self._chain.ask(
            [Ask(registry, "WalletRegistry", "accountOf", (each.address,)) for each in self.all()]
        )
        return [wallet for wallet, by in zip(self.all(), served, strict=True) if int(by, 16) == 0]

    def consent(self, wallet: VenueWallet, account: str) -> Call:
        """Return the call that lets `account` take all that the wallet holds, and the exchanges
        trade with it."""
        collateral, tokens = (
            self._chain.ask_one(account, "DelegatedAccount", name) for name in ("COLLATERAL", "CTF")
        )
        calls = []
        for spender in (account, *self._missing(wallet, collateral, tokens)):
            calls.append(make_call(collateral, "Erc20", "approve", spender, MAX_UINT256))
            calls.append(make_call(tokens, "ConditionalTokens", "setApprovalForAll", spender, True))
        return self._batch(wallet, calls)

    def _missing(self, wallet: VenueWallet, collateral: str, tokens: str) -> list[str]:
        """Return the exchanges that may not move the wallet's collateral or tokens yet."""
        found = self._chain.ask(
            [
                ask
                for exchange in self._exchanges
                for ask in (
                    Ask(collateral, "Erc20", "allowance", (wallet.address, exchange)),
                    Ask(
                        tokens, "ConditionalTokens", "isApprovedForAll", (wallet.address, exchange)
                    ),
                )
            ]
        )
        return [
            exchange
            for number, exchange in enumerate(self._exchanges)
            if found[2 * number] < MAX_UINT256 // 2 or not found[2 * number + 1]
        ]

    def _batch(self, wallet: VenueWallet, calls: Sequence[Call]) -> Call:
        nonce, factory = (
            self._chain.ask_one(wallet.address, "DepositWallet", name)
            for name in ("nonce", "factory")
        )
        inside = [WalletCall(call.to, 0, to_bytes(call.data)) for call in calls]
        batch = WalletBatch(wallet.address, nonce, self._chain.now() + BATCH_S, inside)
        signature = sign_hash(wallet.owner, batch.digest(self._chain.chain_id))
        signed = ([batch.argument()], [signature])
        return make_call(factory, "DepositWalletFactory", "proxy", *signed)


def take_back(account: str, away: tuple[int, Mapping[int, tuple[int, int]]]) -> list[Call]:
    """Return the calls that bring collateral and outcome tokens from a wallet into its account.

    Args:
        away: collateral (0: leave it), and of each condition's place its YES and NO tokens
    """
    collateral, tokens = away
    calls = [
        make_call(account, "DelegatedAccount", "takeBackTokens", 2 * place + no, amount)
        for place, pair in tokens.items()
        for no, amount in enumerate(pair)
        if amount
    ]
    if collateral:
        calls.append(make_call(account, "DelegatedAccount", "takeBack", collateral))
    return calls
