"""Promise 9: the vault's logs, and nothing else, rebuild what it shows.

Written from what docs/contracts say of the events; it knows no storage and calls no view until it
compares.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.property.evm import Logs
from tests.property.world import DEPOSIT, PRICE, VIRTUAL, World

Values = dict[str, Any]
ZERO = "0x" + "00" * 20
LOW85 = 2**85 - 1


@dataclass
class Market:
    """An open market's book."""

    account: str
    class_id: int
    conditions: int
    is_delegated: bool
    exposure: int = 0
    bid: int = 0
    ask: int = 0


@dataclass
class Epoch:
    left: int = 0
    anchor: int = 0
    back: bool = False


@dataclass
class Books:
    """What the logs say of a vault."""

    vault: str
    supply: int = 0
    balances: dict[str, int] = field(default_factory=dict)
    idle: int = 0
    claimable: int = 0
    mark: int = 10**6
    prices: tuple[int, int] = (10**24, 10**24)
    reference: int = 10**24
    room: int = 0
    reports: int = 0
    lost: dict[int, int] = field(default_factory=dict)  # class -> per share, 96 bits
    all_lost: int = 0
    profits: dict[int, int] = field(default_factory=dict)
    grades: dict[int, int] = field(default_factory=dict)
    markets: dict[bytes, Market] = field(default_factory=dict)
    order: list[bytes] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)  # account -> class
    epochs: tuple[dict[int, Epoch], dict[int, Epoch]] = field(default_factory=lambda: ({}, {}))
    remains: dict[str, int] = field(default_factory=dict)  # per share, 96 bits
    paid: list[Values] = field(default_factory=list)  # out of delegated accounts, in this call
    winding_down: bool = False

    @property
    def whole(self) -> int:
        return self.supply + VIRTUAL

    @property
    def nav_bid(self) -> int:
        return self.idle + sum(market.bid for market in self.markets.values())

    @property
    def exposure(self) -> int:
        return sum(market.exposure for market in self.markets.values())

    def losses(self, per_share: int) -> int:
        return -(-per_share * self.whole >> 96) if per_share else 0

    @property
    def most(self) -> int:
        """The most that a share was ever worth, 96 bits."""
        price = (self.nav_bid + 1) * PRICE // self.whole
        return (max(self.reference, price) << 96) // PRICE + 1

    def per_share(self, assets: int) -> int:
        return min(-(-(assets << 96) // self.whole), self.most)

    def take(self, name: str, values: Values) -> None:
        handler: Callable[[Values], None] | None = getattr(self, f"on_{name}", None)
        if handler:
            handler(values)

    # shares and requests

    def on_Transfer(self, it: Values) -> None:  # noqa: N802
        sender, receiver, value = it["sender"], it["receiver"], it["value"]
        if sender == ZERO:
            self.supply += value
        else:
            self.balances[sender] -= value
        if receiver == ZERO:
            self.supply -= value
        else:
            self.balances[receiver] = self.balances.get(receiver, 0) + value

    def _request(self, side: int, epoch: int, amount: int) -> None:
        self.epochs[side].setdefault(epoch, Epoch()).left += amount

    def on_DepositRequest(self, it: Values) -> None:  # noqa: N802
        self._request(0, it["requestId"], it["assets"])

    def on_RedeemRequest(self, it: Values) -> None:  # noqa: N802
        self._request(1, it["requestId"], it["shares"])

    def on_DepositRequestCancelled(self, it: Values) -> None:  # noqa: N802
        self._request(0, it["requestId"], -it["assets"])

    def on_RedeemRequestCancelled(self, it: Values) -> None:  # noqa: N802
        self._request(1, it["requestId"], -it["shares"])

    def on_EpochClosed(self, it: Values) -> None:  # noqa: N802
        epoch = self.epochs[it["side"]][it["epoch"]]
        assert epoch.left == it["amount"]
        epoch.anchor = it["anchor"]

    def on_EpochSettled(self, it: Values) -> None:  # noqa: N802
        epoch = self.epochs[it["side"]][it["epoch"]]
        epoch.left = it["left"]
        if it["side"] == DEPOSIT:
            self.idle += it["taken"]
            self.room -= min(self.room, it["taken"]) if it["given"] else 0
        else:
            self.idle -= it["given"]
            self.claimable += it["given"]

    def on_EpochHandedBack(self, it: Values) -> None:  # noqa: N802
        self.epochs[it["side"]][it["epoch"]].back = True

    def on_Withdraw(self, it: Values) -> None:  # noqa: N802
        self.claimable -= it["assets"]

    # reports

    def on_Reported(self, it: Values) -> None:  # noqa: N802
        assert list(it["markets"]) == self.order
        for id, book in zip(it["markets"], it["books"], strict=True):
            market = self.markets[id]
            assert market.exposure == book & LOW85
            market.bid, market.ask = (book >> 85) & LOW85, book >> 170

    def on_FeesAccrued(self, it: Values) -> None:  # noqa: N802
        self.mark = it["high_water_mark"]

    def on_Dealt(self, it: Values) -> None:  # noqa: N802
        assert it["nav_bid"] == self.nav_bid
        assert it["supply"] == self.supply
        self.prices = it["bid"], it["ask"]
        self.reference = max(self.reference, it["bid"])
        self.room = it["room"]
        self.reports += 1

    def on_BreakerReset(self, it: Values) -> None:  # noqa: N802
        self.reference = it["reference"]

    # budget

    def on_ClassAdded(self, it: Values) -> None:  # noqa: N802
        self.grades[it["class_id"]] = it["grade"]

    def on_MarketOpened(self, it: Values) -> None:  # noqa: N802
        kind = it["class_id"]
        delegated = self.grades[kind] == 2
        market = Market(it["account"], kind, it["conditions"], delegated)
        self.markets[it["market"]] = market
        self.order.append(it["market"])
        self.classes[it["account"]] = kind

    def on_Allocated(self, it: Values) -> None:  # noqa: N802
        market = self.markets[it["market"]]
        self.idle -= it["assets"]
        market.exposure += it["assets"]
        market.bid += it["assets"]
        market.ask += it["assets"]
        assert market.exposure == it["exposure"]

    def on_CameHome(self, it: Values) -> None:  # noqa: N802
        assets, cost = it["assets"], it["cost"]
        self.idle += assets
        market = self.markets.get(it["market"])
        if market is not None and market.account == it["account"]:
            market.exposure -= cost
            assert market.exposure == it["exposure"]
            market.bid -= min(market.bid, cost)
            at_cost = min(max(market.ask - cost, 0), market.exposure)
            market.ask = max(market.ask - assets, at_cost, 0)
        kind = self.classes[it["account"]]
        self.profits[kind] = self.profits.get(kind, 0) + assets - cost
        self._pay_off(kind, assets - cost)

    def _pay_off(self, kind: int, assets: int) -> None:
        part = (assets << 96) // self.whole
        self.lost[kind] = max(0, self.lost.get(kind, 0) - part)
        self.all_lost = max(0, self.all_lost - part)

    def on_LossesForgiven(self, it: Values) -> None:  # noqa: N802
        self._pay_off(it["class_id"], it["assets"])

    def on_MarketClosed(self, it: Values) -> None:  # noqa: N802
        market = self.markets[it["market"]]
        part, most = self.per_share(it["loss"]), self.most
        stood_for = self.per_share(it["written_off"])
        del self.markets[it["market"]]
        place, last = self.order.index(it["market"]), self.order.pop()
        if last != it["market"]:
            self.order[place] = last
        assert market.exposure == it["loss"]
        if it["loss"] and self.supply:
            lost = self.lost.get(market.class_id, 0)
            self.lost[market.class_id] = max(lost, min(lost + part, most))
            self.all_lost = max(self.all_lost, min(self.all_lost + part, most))
        kept = self.profits.get(market.class_id, 0)
        self.profits[market.class_id] = kept - it["loss"]
        if it["holds"]:
            self.remains[it["account"]] = stood_for

    def on_Swept(self, it: Values) -> None:  # noqa: N802
        if it["emptied"] or not it["remains"]:
            self.remains[it["account"]] = 0

    # leaving, and the end

    def on_PaidInKind(self, it: Values) -> None:  # noqa: N802
        self.paid.append(it)

    def on_RedeemedInKind(self, it: Values) -> None:  # noqa: N802
        part, supply = it["part"], it["supply"]
        assert it["assets"] == self.idle * part // supply
        self.idle -= it["assets"]
        paid = {each["market"]: each for each in self.paid}
        self.paid = []
        for id, market in self.markets.items():
            if id in it["skipped"]:
                continue
            most = paid[id]["assets"] if market.is_delegated else 2**200
            cost = min(most, market.exposure * part // supply)
            assert not market.is_delegated or cost == paid[id]["cost"]
            bid, ask = (min(most, each * part // supply) for each in (market.bid, market.ask))
            market.exposure -= cost
            market.bid = min(market.bid - bid, market.exposure)
            market.ask -= ask

    def on_WindDown(self, it: Values) -> None:  # noqa: N802
        self.winding_down = True


def read(world: World) -> Books:
    """Return the books of a world's vault."""
    logs = Logs(world.vault.address, world.vault.abis)
    books = Books(world.vault.address)
    for _, each in world.evm.transactions:
        for name, values in logs.read(each):
            books.take(name, values)
    return books


def check_promise_9_logs_rebuild_the_state(world: World) -> None:
    """And tokens confirm it: that is promise 5's."""
    books, vault = read(world), world.vault
    assert books.supply == vault.totalSupply()
    for holder, balance in books.balances.items():
        assert balance == vault.balanceOf(holder)
    assert books.idle == vault.total_idle()
    assert books.claimable == vault.claimable_assets()
    asks = sum(market.ask for market in books.markets.values())
    assert (books.nav_bid, books.idle + max(asks, books.exposure)) == vault.navs()
    assert books.prices == vault.prices()
    assert books.reports == vault.reportCount()
    assert books.room == vault.inflowRoom()
    assert books.order == list(vault.openMarkets())
    for id, market in books.markets.items():
        assert (market.exposure, market.bid, market.ask) == vault.bookOf(id)
    for kind in range(len(world.kinds)):
        exposure, losses, profit, _ = vault.classBook(kind)
        mine = [each.exposure for each in books.markets.values() if each.class_id == kind]
        assert sum(mine) == exposure
        assert books.losses(books.lost.get(kind, 0)) == losses
        assert books.profits.get(kind, 0) == profit
    assert books.losses(books.all_lost) == vault.totalLosses()
    assert sum(books.remains.values()) * books.whole >> 96 == vault.writtenOff()
    assert books.winding_down == vault.windingDown()
    for side, epochs in enumerate(books.epochs):
        for number, epoch in epochs.items():
            _, left, anchor, closed_by, back = vault.epochOf(side, number)
            assert abs(epoch.left - left) <= 10**3  # dust of the last who takes back
            assert epoch.back == back
            if closed_by:
                assert anchor == (epoch.anchor if number in vault.waitingEpochs(side) else 0)
