"""The kinds of account on a devnet: orders go to the CLOB by the official client, batches and
wallets to the relayer, and the auditor reads a node."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from py_clob_client_v2.client import ClobClient
from py_clob_client_v2.clob_types import BalanceAllowanceParams
from py_clob_client_v2.exceptions import PolyApiException
from py_clob_client_v2.order_utils.model.order_data_v2 import OrderV2, SignedOrderV2
from strongroom.audit.command import AuditOptions, run_audit
from strongroom.audit.income import IncomeKind
from strongroom.audit.permissions import Difference
from strongroom.audit.verdict import Verdict
from strongroom.chain.contracts import Contracts, Key
from strongroom.devnet.clob.habits import Habits
from strongroom.devnet.clob.markets import Listing
from strongroom.devnet.clob.server import ClobServer
from strongroom.devnet.clob.service import ServiceConfig, make_service
from strongroom.execution.interfaces import RelayState
from strongroom.execution.venues.relayer import RelayerClient
from strongroom.signing.deposit_wallet import WalletBatch
from strongroom.signing.venue_requests import Credentials

from tests.contracts.account_kinds import Pools, Positions
from tests.contracts.wallet_stage import CHAIN_ID
from tests.e2e.anvil_evm import AnvilEvm
from tests.e2e.clob_orders import settled
from tests.property.evm import Reverted
from tests.property.world import NOBODY
from tests.signing import EOA, POLY_1271, key_of

FIELDS = tuple(OrderV2.__dataclass_fields__)[:11]  # as the exchange takes them
CARRIER = "carrier"  # whose API key carries what contracts sign
POLL_S = 0.02


class Served:
    """A kind whose market is the services' own; in front of one of account_kinds.

    Args:
        chain: the devnet's
        operator: the venue's, of exchange and relayer
        checkpoint: file of the auditor's
    """

    def __init__(self, chain: Contracts, operator: Key, checkpoint: Path) -> None:
        super().__init__(AnvilEvm(chain))
        self.checkpoint = checkpoint
        self.chain, self._clients = chain, dict[str, ClobClient]()
        self._operator = operator

    @contextmanager
    def served(self) -> Iterator[None]:
        """Run the services for what is listed."""
        self._admit()
        config = ServiceConfig(
            rpc_url=self.chain.url,
            chain_id=CHAIN_ID,
            pusd=self.pusd.address,
            listings=self._listings(),
            habits=Habits(contract_owners=True, foreign_keys=True),
            **self._addresses(),
        )
        self.server: ClobServer = make_service(
            config, self._operator.account, clock=self.evm.clock
        ).start()
        try:
            yield
        finally:
            self.server.stop()

    def _admit(self) -> None:
        """The venue lets its operator settle and carry."""
        self.exchange.addOperator(self._operator.address, sender=self.operator)
        self.factory.addOperator(self._operator.address, sender=self.who["venue"])

    def _addresses(self) -> dict[str, str]:
        return {
            "ctf": self.ctf.address,
            "wallets": self.wallets.address,
            "wallet_factory": self.factory.address,
            "position_manager": NOBODY,
        }

    def _listings(self, **of_protocol: Any) -> tuple[Listing, ...]:
        return tuple(
            Listing(
                condition_id="0x" + condition.hex(),
                token_ids=(str(yes), str(no)),
                question=f"question {number}",
                outcomes=("Yes", "No"),
                exchange=self.exchange.address,
                **{"exchange_version": "2", "negative_risk": True} | of_protocol,
            )
            for number, (condition, yes, no) in enumerate(
                zip(self.conditions, self.tokens[::2], self.tokens[1::2], strict=True)
            )
        )

    # trades

    def match(self, taker: tuple[Any, ...], maker: tuple[Any, ...], *_: Any, **__: Any) -> None:
        """Have one order rest and the other meet it; what they trade is for the service to say.

        Raises:
            Reverted: the service refuses one of them, or the chain the trade.
        """
        self._post(maker)
        client, answer = self._post(taker)
        assert answer["tradeIDs"], answer
        for name in answer["tradeIDs"]:
            trade = settled(client, name)
            if trade["status"] != "CONFIRMED":
                raise Reverted(str(trade))

    def _post(self, order: tuple[Any, ...]) -> tuple[ClobClient, dict[str, Any]]:
        *fields, signature = order
        words = dict(zip(FIELDS, fields, strict=True))
        for name in ("salt", "tokenId", "makerAmount", "takerAmount", "timestamp"):
            words[name] = str(words[name])
        for name in ("metadata", "builder"):
            words[name] = "0x" + words[name].hex()
        signed = SignedOrderV2(**words, signature="0x" + signature.hex())
        client = self._client_of(signed)
        try:
            for kind in ("COLLATERAL", self.asset_type):
                asked = BalanceAllowanceParams(asset_type=kind, token_id=signed.tokenId)
                client.update_balance_allowance(asked)
            return client, client.post_order(signed)
        except PolyApiException as error:
            raise Reverted(str(error)) from error

    asset_type = "CONDITIONAL"

    def _client_of(self, order: SignedOrderV2) -> ClobClient:
        """Return the client of whoever brings an order: the key that signs it, or where a contract
        does, any."""
        if order.signatureType == EOA:
            return self._client(self.mm, EOA, None)
        key = getattr(self, "key", None) or key_of(CARRIER)
        return self._client(key, order.signatureType, order.maker)

    def _client(self, key: Any, kind: int, funder: str | None) -> ClobClient:
        if key.address not in self._clients:
            terms = {"key": "0x" + key.key.hex(), "signature_type": kind, "funder": funder}
            client = ClobClient(self.server.url, CHAIN_ID, **terms)
            client.set_api_creds(client.create_or_derive_api_key())
            self._clients[key.address] = client
        return self._clients[key.address]

    # the relayer

    def make_wallet(self, owner: str = "", id_: bytes = b"") -> None:
        """The relayer makes the account's wallet, or `owner`'s."""
        owner = owner or self.account.address
        self._done(self._relayer().make_wallet(owner, self.factory.address))

    def carry(self, batch: WalletBatch, signature: bytes = bytes(65)) -> None:
        """The relayer carries a batch in."""
        terms = (batch, self.wallet.owner(), self.factory.address, signature)
        self._done(self._relayer().carry(*terms))

    def _relayer(self) -> RelayerClient:
        if not hasattr(self, "_builder"):
            made = self._client(key_of(CARRIER), POLY_1271, None).create_builder_api_key()
            self._builder = Credentials(**made)
        return RelayerClient(f"{self.server.url}/relayer", self._builder, time.time)

    def _done(self, action: str) -> None:
        while (found := self._relayer().look(action))[0] is RelayState.UNDER_WAY:
            time.sleep(POLL_S)
        if found[0] is not RelayState.DONE:
            raise Reverted(found[1])

    # the auditor

    def verdict(self, checkpoint: Path | None = None) -> Verdict:
        """Return what the auditor says of the whole chain, or of it since a checkpoint."""
        options = AuditOptions(
            self.vault.address,
            self.chain.url,
            exchanges=self._exchanges(),
            payers={self.who["maker"]: IncomeKind.REWARD},
            checkpoint=checkpoint,
        )
        return run_audit(options).verdict

    def _exchanges(self) -> tuple[str, ...]:
        return (self.exchange.address,)

    def audited(self) -> list[Difference]:
        """Return where the chain parts from the auditor's books, going on from the last time."""
        return list(self.verdict(self.checkpoint).differences)


class ServedPools(Served):
    """A pool needs no service."""

    @contextmanager
    def served(self) -> Iterator[None]:
        """Run none."""
        yield

    def _exchanges(self) -> tuple[str, ...]:
        return ()


class ServedPositions(Served):
    """Of Protocol V2, whose traders are known by name."""

    asset_type = "CONDITIONAL-V2"
    mm = key_of("market maker")

    def _admit(self) -> None:
        self.exchange.addOperator(self._operator.address, sender=self.exchange_admin)

    def _addresses(self) -> dict[str, str]:
        others = dict.fromkeys(("ctf", "wallets", "wallet_factory"), NOBODY)
        return {**others, "position_manager": self.manager.address}

    def _listings(self, **of_protocol: Any) -> tuple[Listing, ...]:
        self.conditions = [
            self.question_id[:29] + number.to_bytes(2, "big") + b"\0"
            for number in range(len(self.tokens) // 2)
        ]
        terms = {"exchange_version": "3", "negative_risk": False, "protocol": "v2"}
        return super()._listings(**terms)


SERVED: dict[type, type[Served]] = {Pools: ServedPools, Positions: ServedPositions}


@contextmanager
def served(make: type, chain: Contracts, operator: Key, checkpoint: Path) -> Iterator[Any]:
    """Lend a kind of account_kinds, at the services."""
    kind = type(make.__name__, (SERVED.get(make, Served), make), {})(chain, operator, checkpoint)
    with kind.served():
        yield kind
