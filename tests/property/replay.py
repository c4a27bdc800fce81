"""Promise 9: the vault's logs, and nothing else, through the model."""

import re
from types import SimpleNamespace
from typing import Any

from eth_abi import decode
from eth_utils import keccak, to_checksum_address
from strongroom.backtest.simulated_vault import DEPOSIT, REDEEM, Caps

from tests.defaults import LIMITS
from tests.property.model import WholeVault
from tests.property.world import World, compare

ZERO = "0x" + "00" * 20
U64 = 2**64 - 1


class Replay:
    """Reads a world's transactions; knows the vault's address, its ABI and people's names."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.names = {address: name for name, address in world.who.items()}
        self.names[world.vault.address] = "vault"
        self.events = {
            keccak(text=entry.selector): entry
            for abi in world.vault.abis
            for entry in abi
            if entry.type == "event"
        }

    def check_promise_9_logs_rebuild_the_state(self) -> None:
        model = self.run()
        model.now = self.world.evm.time
        compare(self.world.vault, model, self.world.who)
        assert model.limits == self.world.limits

    def run(self) -> WholeVault:
        self.model: WholeVault | None = None
        self.balances: dict[str, int] = {}
        self.terms: dict[str, Any] = {"limits": {}}
        for time, logs in self.world.evm.transactions:
            found = [self._decode(log) for log in logs if self._is_vaults(log)]
            if not found:
                continue
            if self.model is None:
                self.model = WholeVault({}, (0, 0, 0), [], time)
            self.model.now = time
            for event in found:
                self._apply(event, {other.name for other in found}, found)
        assert self.model is not None
        held = {name: amount for name, amount in self.balances.items() if amount}
        assert held == {name: amount for name, amount in self.model.shares.items() if amount}
        return self.model

    def _is_vaults(self, log: Any) -> bool:
        return bool(to_checksum_address(log.address) == self.world.vault.address)

    def _decode(self, log: Any) -> SimpleNamespace:
        topics, data = log.data
        entry = self.events[bytes(topics[0])]
        indexed = [i for i in entry.inputs if i.indexed]
        values = {
            i.name: decode([i.canonical_type], topic)[0]
            for i, topic in zip(indexed, topics[1:], strict=True)
            if i.type != "string"
        }
        rest = [i for i in entry.inputs if not i.indexed]
        decoded = decode([i.canonical_type for i in rest], data)
        values |= dict(zip([i.name for i in rest], decoded, strict=True))
        return SimpleNamespace(name=entry.name, **values)

    def _who(self, address: str) -> str:
        checksummed = to_checksum_address(address)
        return self.names.get(checksummed, checksummed)

    def _apply(self, event: SimpleNamespace, names: set[str], found: list[Any]) -> None:
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", event.name).lower()
        handler = getattr(self, f"_on_{words}", None)
        if handler:
            handler(event, names, found)

    # terms

    def _on_limit_set(self, event: Any, *_: Any) -> None:
        self.model.limits[list(LIMITS)[event.limit]] = event.new_value

    def _on_fees_set(self, event: Any, *_: Any) -> None:
        self.model.rates = (event.management_bps, event.performance_bps, event.hurdle_bps)

    def _on_fee_recipients_set(self, event: Any, *_: Any) -> None:
        self.model.recipients = [(self._who(account), bps) for account, bps in event.recipients]

    def _on_class_caps_set(self, event: Any, *_: Any) -> None:
        caps = Caps(event.market_cap, event.market_cap_bps, event.class_cap, event.class_cap_bps)
        self.model.classes[event.class_id : event.class_id + 1] = [caps]

    # shares

    def _on_transfer(self, event: Any, names: set[str], found: list[Any]) -> None:
        sender, receiver = self._who(event.sender), self._who(event.receiver)
        if sender != ZERO:
            self.balances[sender] = self.balances.get(sender, 0) - event.value
        if receiver != ZERO:
            self.balances[receiver] = self.balances.get(receiver, 0) + event.value
        if not {sender, receiver} & {ZERO, "vault"}:
            self.model.move(sender, receiver, event.value)

    # dealing

    def _on_deposit_request(self, event: Any, *_: Any) -> None:
        self.model.request(
            DEPOSIT, self._who(event.owner), self._who(event.controller), event.assets
        )

    def _on_redeem_request(self, event: Any, *_: Any) -> None:
        self.model.request(
            REDEEM, self._who(event.owner), self._who(event.controller), event.shares
        )

    def _on_deposit_request_cancelled(self, event: Any, *_: Any) -> None:
        assert self.model.cancel(DEPOSIT, self._who(event.controller)) == event.assets

    def _on_redeem_request_cancelled(self, event: Any, names: set[str], _: Any) -> None:
        if "RedeemedInKind" not in names:
            assert self.model.cancel(REDEEM, self._who(event.controller)) == event.shares

    def _on_redeemed_in_kind(self, event: Any, *_: Any) -> None:
        left = self.model.redeem_in_kind(self._who(event.owner), event.shares)
        assert left == (event.shares, event.supply)

    def _on_deposit(self, event: Any, _: Any, found: list[Any]) -> None:
        if any(e.name == "Transfer" and e.sender == ZERO for e in found):
            shares = self.model.sync_deposit(self._who(event.owner), event.assets, {})
            assert shares == event.shares
        else:
            self._claim(DEPOSIT, self._who(event.sender), event.assets, event.shares)

    def _on_withdraw(self, event: Any, names: set[str], found: list[Any]) -> None:
        if "RedeemRequestCancelled" in names:
            return  # the settled part of a request that left its queue
        if any(e.name == "Transfer" and e.receiver == ZERO for e in found):
            assets = self.model.sync_redeem(self._who(event.owner), event.shares, {})
            assert assets == event.assets
        else:
            self._claim(REDEEM, self._who(event.owner), event.shares, event.assets)

    def _claim(self, side: int, who: str, amount_in: int, amount_out: int) -> None:
        """The log says what was taken in all; the queue says of which epochs."""
        for by_out, amount in ((False, amount_in), (True, amount_out)):
            plan = self.model.plan_claim(side, who, amount, by_out)
            if (sum(p[1] for p in plan), sum(p[2] for p in plan)) == (amount_in, amount_out):
                self.model.take(side, who, plan)
                return
        raise AssertionError("no claim of this queue gives these amounts")

    # budget

    def _on_market_opened(self, event: Any, *_: Any) -> None:
        self.model.open_market(event.market, event.class_id)

    def _on_allocated(self, event: Any, *_: Any) -> None:
        self.model.allocate(event.market, event.assets, tradable=True)
        assert self.model.markets[event.market].exposure == event.exposure

    def _on_recalled(self, event: Any, *_: Any) -> None:
        self.model.recall(event.market, event.assets)
        assert self.model.markets[event.market].exposure == event.exposure

    def _on_market_closed(self, event: Any, *_: Any) -> None:
        self.model.close(event.market)

    def _on_synced(self, event: Any, *_: Any) -> None:
        self.model.sync(event.market, (event.value_bid, event.value_ask))

    # reports

    def _on_reported(self, event: Any, *_: Any) -> None:
        values, marks, key = {}, {}, event.evidence
        for market, entry, word in zip(self.model.open, event.entries, event.words, strict=True):
            bid = entry >> 128
            values[market] = (bid, bid + entry % 2**128)
            marks[market] = tuple((word >> place) & U64 for place in (0, 64, 128, 192))
            key = keccak(key + market + word.to_bytes(32, "big"))
        assert self.model.supply == event.supply
        assert self.model.report(values, marks, key, {}) == "settled"

    def _on_report_pending(self, event: Any, *_: Any) -> None:
        self.model.put_aside(event.report_hash)

    def _on_report_confirmed(self, event: Any, *_: Any) -> None:
        self.model.confirmed = event.report_hash

    def _on_fees_accrued(self, event: Any, *_: Any) -> None:
        assert event.management + event.performance == self.model.last_fees

    def _on_breaker_tripped(self, event: Any, *_: Any) -> None:
        assert self.model.tripped

    def _on_breaker_reset(self, event: Any, *_: Any) -> None:
        self.model.reset_breaker()

    def _on_wind_down(self, event: Any, *_: Any) -> None:
        self.model.winding_down = True
