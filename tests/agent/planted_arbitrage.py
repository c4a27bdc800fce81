"""A chain with arbitrage that is planted, and near misses of every kind: raw logs, encoded by
eth_abi from the events' signatures, and what each wallet has earned, reckoned here.

Nothing of the package is used: prices, sizes and profits come from the plant's own arithmetic.
"""

import csv
from fractions import Fraction
from math import ceil
from random import Random

import polars as pl
from eth_abi import encode
from eth_utils import keccak

M = 1_000_000
START, BLOCK_S = 1_730_000_000, 2  # October 2024: purchases pay their fee in tokens
WINDOW = 950
EXCHANGE = "0x" + "e" * 40
FILLED = "OrderFilled(bytes32,address,address,uint256,uint256,uint256,uint256,uint256)"
SPLIT = "PositionSplit(address,address,bytes32,bytes32,uint256[],uint256)"
MERGE = "PositionsMerge(address,address,bytes32,bytes32,uint256[],uint256)"
ADAPTER_SPLIT = "PositionSplit(address,bytes32,uint256)"
CONVERTED = "PositionsConverted(address,bytes32,uint256,uint256)"
REDEEMED = "PayoutRedemption(address,address,bytes32,bytes32,uint256[],uint256)"
RESOLVED = "ConditionResolution(bytes32,address,bytes32,uint256,uint256[])"
BOTH, SOLD = "buy YES and NO", "split, sell YES and NO"
YESES, NOS, SOLD_YESES = "buy every YES", "buy every NO", "split, sell every YES"
CONVERT, DEPENDENT = "buy NO, convert", "dependent markets"
MARKET_COLUMNS = (
    "market", "venue", "venue_id", "event", "question", "yes_name", "no_name", "yes_token",
    "no_token", "negative_risk", "event_id", "question_id", "category", "rules", "ticker",
)  # fmt: skip


class PlantedChain:
    """Logs, markets, relations, and the truth.

    Attributes:
        truth: (wallet, kind, name) -> (tokens, profit, settled)
        small: fills of less than 2 units
    """

    def __init__(self, seed):
        self.dice = Random(seed)
        self.logs, self.markets, self.relations, self.truth = [], [], [], {}
        self._ids = self._wallets = self._order = self.small = 0
        self.base = 60_000_000

    # what the chain says

    def log(self, block, signature, indexed, inside):
        self._order += 1
        topics = [keccak(text=signature), *(encode([kind], [value]) for kind, value in indexed)]
        data = encode([kind for kind, _ in inside], [value for _, value in inside])
        self.logs.append({
            "topics": ["0x" + each.hex() for each in topics], "data": "0x" + data.hex(),
            "block_timestamp": START + (block - 60_000_000) * BLOCK_S, "block_number": block,
            "log_index": self._order, "transaction_hash": f"0x{self._order:064x}",
        })  # fmt: skip

    def fill(self, block, wallet, side, token, tokens, cash, fee=0):
        self.small += cash < 2 * M
        assets = (0, token, cash, tokens) if side == "BUY" else (token, 0, tokens, cash)
        self.log(
            block, FILLED,
            [("bytes32", bytes(32)), ("address", wallet), ("address", EXCHANGE)],
            [("uint256", each) for each in (*assets, fee)],
        )  # fmt: skip

    def operation(self, block, signature, wallet, market, amount):
        indexed = [("address", wallet), ("bytes32", bytes(32)), ("bytes32", bytes.fromhex(market))]
        inside = [("address", EXCHANGE), ("uint256[]", [1, 2]), ("uint256", amount)]
        self.log(block, signature, indexed, inside)

    def adapter_split(self, block, wallet, market, amount):
        indexed = [("address", wallet), ("bytes32", bytes.fromhex(market))]
        self.log(block, ADAPTER_SPLIT, indexed, [("uint256", amount)])

    def convert(self, block, wallet, event, questions, amount):
        bits = sum(1 << each for each in questions)
        indexed = [("address", wallet), ("bytes32", bytes.fromhex(event)), ("uint256", bits)]
        self.log(block, CONVERTED, indexed, [("uint256", amount)])

    def resolve(self, market, payouts):
        indexed = [
            ("bytes32", bytes.fromhex(market)),
            ("address", EXCHANGE),
            ("bytes32", bytes(32)),
        ]
        self.log(90_000_000, RESOLVED, indexed, [("uint256", 2), ("uint256[]", payouts)])

    def redeem(self, wallet, market, paid):
        indexed = [("address", wallet), ("address", EXCHANGE), ("bytes32", bytes(32))]
        inside = [("bytes32", bytes.fromhex(market)), ("uint256[]", [1, 2]), ("uint256", paid)]
        self.log(90_000_001, REDEEMED, indexed, inside)

    # what there is

    def market(self, payouts=(1, 0), event=None, question=0):
        self._ids += 1
        market = f"{self._ids:064x}"
        yes, no = (int.from_bytes(keccak(text=f"{self._ids} {side}")) for side in "yn")
        about = ("polymarket", str(self._ids), event or market, "?", "Yes", "No", yes, no)
        asked = f"0x{event[:62]}{question:02x}" if event else ""
        risk = ("true", "0x" + event, asked) if event else ("false", "", "")
        self.markets.append(("0x" + market, *about, *risk, "", "", ""))
        if payouts is not None:
            self.resolve(market, list(payouts))
        return market, yes, no

    def event(self, of, winner=0):
        """winner None: of none of them; "void": the last is void; "open": not resolved."""
        self._ids += 1
        name = f"{self._ids:062x}00"
        members = []
        for place in range(of):
            payouts = (1, 0) if place == winner else (0, 1)
            if winner == "void" and place == of - 1:
                payouts = (1, 1)
            members.append(self.market(None if winner == "open" else payouts, name, place))
        return name, members

    def relation(self, kind, *markets):
        self.relations.append((kind, " ".join("0x" + each[0] for each in markets), "by hand", "me"))

    def wallet(self):
        self._wallets += 1
        return f"0x{0xA0000000 + self._wallets:040x}"

    def place(self):
        """Return a block where nothing else of a wallet is near."""
        self.base += 3
        return self.base

    def planted(self, wallet, kind, name, tokens, legs, pays, settled=True):
        """Keep what a set earns: legs of (tokens, cost), each cost rounded up."""
        cost = sum(ceil(Fraction(paid * tokens, of)) for of, paid in legs)
        profit = pays * tokens - cost
        assert profit > 0, (kind, tokens, legs, pays)
        assert (wallet, kind, name) not in self.truth
        self.truth[wallet, kind, name] = (tokens, profit, settled)

    def size(self):
        return self.dice.randrange(20 * M, 900 * M)

    def chances(self, of, total):
        """Return prices of 10**-6 that sum to something near `total`, each at least .05."""
        parts = [self.dice.uniform(1, 3) for _ in range(of)]
        return [max(50_000, int(total * M * part / sum(parts))) for part in parts]

    def write(self, folder):
        folder.mkdir()
        frame = pl.DataFrame(self.logs)
        frame.sample(fraction=1.0, shuffle=True, seed=1).write_parquet(folder / "logs.parquet")
        for name, columns, rows in (
            ("markets", MARKET_COLUMNS, self.markets),
            ("relations", ("kind", "members", "proof", "reviewer"), self.relations),
        ):
            with (folder / f"{name}.csv").open("w", newline="") as file:
                csv.writer(file).writerows([columns, *rows])


def cash_of(tokens, price):
    return tokens * price // M


def pairs(chain):
    """YES and NO of one market, bought below 1 or sold above it after a split."""
    dice = chain.dice
    for apart in (0, 1, WINDOW // 2, WINDOW, *(dice.randrange(WINDOW) for _ in range(16))):
        for payouts in ((1, 0), (1, 1), None):
            market, yes, no = chain.market(payouts)
            who, at, price = chain.wallet(), chain.place(), dice.randrange(100_000, 800_000)
            legs = [(t, cash_of(t, p)) for t, p in
                    ((chain.size(), price), (chain.size(), 960_000 - price))]  # fmt: skip
            order = dice.sample([(yes, legs[0]), (no, legs[1])], 2)
            for block, (token, (tokens, cash)) in zip((at, at + apart), order, strict=True):
                chain.fill(block, who, "BUY", token, tokens, cash)
            tokens, paid = min(legs)[0], payouts is not None
            if payouts is None and apart % 2:  # merged: paid though not resolved
                chain.operation(at + apart + 5_000, MERGE, who, market, tokens)
                paid = True
            elif payouts is None and apart == 0:  # somebody was paid, the resolution is not there
                chain.redeem(chain.wallet(), market, 7 * M)
                paid = True
            chain.planted(who, BOTH, "0x" + market, tokens, legs, 1, paid)
    for apart in (0, 400, WINDOW):
        market, yes, no = chain.market(None)
        who, at, size = chain.wallet(), chain.place(), chain.size()
        high = [(size, cash_of(size, 610_000)), (size + 5, cash_of(size + 5, 430_000))]
        chain.operation(at + apart // 2, SPLIT, who, market, 2 * size)
        chain.fill(at, who, "SELL", yes, *high[0])
        chain.fill(at + apart, who, "SELL", no, *high[1])
        costs = [(2 * size, 2 * size), *((tokens, -cash) for tokens, cash in high)]
        chain.planted(who, SOLD, "0x" + market, size, costs, 0)


def pairs_missed(chain):
    """Each would be arbitrage but for one thing."""
    for _ in range(6):
        market, yes, no = chain.market()
        other = chain.market()
        size = chain.dice.randrange(50, 900) * M  # tokens whole: prices are exact
        cheap, dear = 400_000 * size // M, 560_000 * size // M
        rest = size * M // M - cheap

        def two(block, first, later, who=None, other_who=None):
            who = who or chain.wallet()
            chain.fill(block, who, *first)
            chain.fill(block + later[0], other_who or who, *later[1:])
            return who

        at = chain.place()
        two(at, ("BUY", yes, size, cheap), (WINDOW + 1, "BUY", no, size, dear))  # too late
        two(at, ("BUY", yes, size, cheap), (1, "BUY", no, size, dear), other_who=chain.wallet())
        two(at, ("BUY", yes, size, cheap), (1, "BUY", no, size, rest))  # exactly 1
        two(at, ("BUY", yes, size, cheap), (1, "BUY", no, size, rest + 1))
        two(at, ("BUY", yes, size, cheap), (1, "BUY", other[2], size, dear))  # another market
        two(at, ("BUY", yes, size, cheap), (1, "SELL", no, size, dear))  # the other way
        two(at, ("BUY", yes, size, cheap), (1, "BUY", yes, size, dear))  # the same side
        two(at, ("BUY", yes, 4 * M, 1_999_999), (1, "BUY", no, size, dear))  # too small
        fee = size // 20  # in tokens: 95 % are left, at .40 / .95 + .56 / .95 > 1
        two(at, ("BUY", yes, size, cheap, fee), (1, "BUY", no, size, dear, fee))
        high = 470_000 * size // M  # sold: fees are collateral
        who = two(at, ("SELL", yes, size, dear), (1, "SELL", no, size, high))  # never split
        who = two(at, ("SELL", yes, size, dear), (1, "SELL", no, size, high))
        chain.operation(at + WINDOW + 2, SPLIT, who, market, size)  # too late
        who = two(at, ("SELL", yes, size, dear), (1, "SELL", no, size, high))
        chain.operation(at, SPLIT, chain.wallet(), market, size)  # somebody else's
        who = two(at, ("SELL", yes, size, dear), (1, "SELL", no, size, size - dear))  # exactly 1
        chain.operation(at, SPLIT, who, market, size)
        who = two(
            at, ("SELL", yes, size, dear, size // 50), (1, "SELL", no, size, high, size // 50)
        )
        chain.operation(at, SPLIT, who, market, size)  # fees eat it: .53 less .02 + .02 of .03


def fees_left(chain):
    """Fees that leave something: tokens of a purchase, collateral of a sale."""
    market, yes, no = chain.market()
    who, at = chain.wallet(), chain.place()
    chain.fill(at, who, "BUY", yes, 100 * M, 40 * M, M)  # 99 tokens
    chain.fill(at, who, "BUY", no, 100 * M, 50 * M, 2 * M)  # 98 tokens
    chain.planted(who, BOTH, "0x" + market, 98 * M, [(99 * M, 40 * M), (98 * M, 50 * M)], 1)
    who = chain.wallet()
    chain.operation(at, SPLIT, who, market, 100 * M)
    chain.fill(at, who, "SELL", yes, 100 * M, 60 * M, M)
    chain.fill(at, who, "SELL", no, 100 * M, 45 * M, M)
    costs = [(100 * M, 100 * M), (100 * M, -59 * M), (100 * M, -44 * M)]
    chain.planted(who, SOLD, "0x" + market, 100 * M, costs, 0)


def many_fills(chain):
    """The cheapest first, a token once: YES 50 @ .30 and 50 @ .50, NO 80 @ .45 make 80 sets, of
    which 50 cost .75 and 30 .95; a NO that is left is nothing."""
    market, yes, no = chain.market()
    who, at = chain.wallet(), chain.place()
    chain.fill(at, who, "BUY", yes, 50 * M, 25 * M)
    chain.fill(at + 1, who, "BUY", yes, 50 * M, 15 * M)
    chain.fill(at + 2, who, "BUY", no, 80 * M, 36 * M)
    chain.fill(at + 3, who, "BUY", no, 80 * M, 56 * M)  # .70: with .50 no set
    chain.truth[who, BOTH, "0x" + market] = (80 * M, 12_500_000 + 1_500_000, True)


def whole_events(chain):
    """Every YES, every NO, every YES sold: n legs each."""
    for of in (2, 3, 5, 8):
        for kind in (YESES, NOS, SOLD_YESES):
            for winner in (0, of - 1, "open"):
                if kind == YESES and winner == "open":
                    continue
                name, members = chain.event(of, winner)
                who, at = chain.wallet(), chain.place()
                blocks = chain.dice.sample(range(WINDOW + 1), of)
                chances = chain.chances(of, {YESES: 0.9, NOS: 1.08, SOLD_YESES: 1.1}[kind])
                costs, sizes = [], []
                for block, chance, (market, yes, no) in zip(blocks, chances, members, strict=True):
                    size = chain.size()
                    sizes.append(size)
                    if kind == SOLD_YESES:
                        cash = cash_of(size, chance)
                        chain.adapter_split(at + block, who, market, size)
                        chain.fill(at + block, who, "SELL", yes, size, cash)
                        costs += [(size, size), (size, -cash)]
                    else:
                        token, price = (yes, chance) if kind == YESES else (no, M - chance)
                        chain.fill(at + block, who, "BUY", token, size, cash_of(size, price))
                        costs.append((size, cash_of(size, price)))
                pays, tokens = 1 if kind == YESES else of - 1, min(sizes)
                if pays * tokens <= sum(ceil(Fraction(c * tokens, t)) for t, c in costs):
                    continue  # prices were lifted to .05: nothing is earned, nothing is true
                chain.planted(who, kind, "0x" + name, tokens, costs, pays, winner != "open")


def events_missed(chain):
    size = 100 * M
    for of in (3, 4):
        fair = 90 * M // of  # of 100 tokens: every YES costs .90 together

        def buy(members, block, price, side, who=None):
            who = who or chain.wallet()
            for _, yes, no in members:
                chain.fill(block, who, "BUY", yes if side else no, size, price)
                block += 1
            return who

        at = chain.place()
        buy(chain.event(of)[1][:-1], at, fair, True)  # one is missing
        buy(chain.event(of, None)[1], at, fair, True)  # none of them wins: it was not all
        buy(chain.event(of, "open")[1], at, fair, True)  # nothing says that it is all
        buy(chain.event(of, "void")[1], at, fair, True)
        buy(chain.event(of, "void")[1], at, 100 * M - 130 * M // of, False)
        _, members = chain.event(of)
        who = buy(members[:-1], at, fair, True)
        buy(members[-1:], at + WINDOW + 1, fair, True, who)  # too late
        _, members = chain.event(of)
        buy(members[:-1], at, fair, True)
        buy(members[-1:], at, fair, True)  # another wallet
        exact = 100 * M * (of - 1) // of
        if exact * of == 100 * M * (of - 1):  # exactly n - 1
            buy(chain.event(of)[1], at, exact, False)
        _, members = chain.event(of)
        for market, yes, _ in members:  # sold above 1 together, one never split
            who = chain.wallet() if market == members[0][0] else who
            if market != members[-1][0]:
                chain.adapter_split(at, who, market, size)
            chain.fill(at, who, "SELL", yes, size, 120 * M // of)


def conversions(chain):
    """NO of some, converted: pays for all but one at once; what it gives is sold."""
    for of, chosen in ((3, (0, 1)), (5, (1, 3, 4)), (4, (0, 1, 2, 3))):
        for sells in (False, True):
            name, members = chain.event(of, "open")
            who, at, size = chain.wallet(), chain.place(), chain.size()
            rest = [each for each in range(of) if each not in chosen]
            no = M - M * 108 // (100 * len(chosen))  # together 8 cents under what they pay
            costs = [(size, 0)]
            for question in chosen:
                chain.fill(at, who, "BUY", members[question][2], size, cash_of(size, no))
                costs.append((size, cash_of(size, no)))
            chain.convert(at + 10, who, name, chosen, size)
            for question in rest if sells else ():
                cash = cash_of(size, 90_000)
                chain.fill(at + 20, who, "SELL", members[question][1], size, cash)
                costs.append((size, -cash))
            chain.planted(who, CONVERT, "0x" + name, size, costs, len(chosen) - 1)
    # dear NO pays by the sale alone: 2 x .52, worth 1; YES of the third brings .10
    name, members = chain.event(3, "open")
    who, at = chain.wallet(), chain.place()
    for question in (0, 1):
        chain.fill(at, who, "BUY", members[question][2], 100 * M, 52 * M)
    chain.convert(at + 1, who, name, (0, 1), 60 * M)
    chain.fill(at + 2, who, "SELL", members[2][1], 60 * M, 6 * M)
    costs = [(60 * M, 0), (100 * M, 52 * M), (100 * M, 52 * M), (60 * M, -6 * M)]
    chain.planted(who, CONVERT, "0x" + name, 60 * M, costs, 1)
    # bought after the conversion, too late before it, or too dear: nothing
    for before, price in ((-1, 45), (WINDOW + 1, 45), (1, 50)):
        name, members = chain.event(3, "open")
        who, at = chain.wallet(), chain.place()
        for question in (0, 1):
            chain.fill(at, who, "BUY", members[question][2], 100 * M, price * M)
        chain.convert(at + before, who, name, (0, 1), 100 * M)


def dependent(chain):
    """What implies, equals, excludes or exhausts; and the same the wrong way round, void, or
    against the outcomes: NO of an "equal" that won, and YES of one that lost."""
    for kind, sides in (("implies", "NY"), ("equal", "NY"), ("equal", "YN")):
        first = chain.market((1, 0) if kind == "equal" else (0, 1))
        second = chain.market((1, 0))
        chain.relation(kind, first, second)
        who, at, size = chain.wallet(), chain.place(), chain.size()
        costs = []
        for (_, yes, no), side, price in zip(
            (first, second), sides, (520_000, 410_000), strict=True
        ):
            token, cash = yes if side == "Y" else no, cash_of(size, price)
            chain.fill(at, who, "BUY", token, size, cash)
            costs.append((size, cash))
        name = f"{kind} 0x{first[0]} 0x{second[0]}"
        chain.planted(who, DEPENDENT, name, size, costs, 1)
    for kind, side, price, pays in (("exclusive", 2, 600_000, 2), ("exhaustive", 1, 310_000, 1)):
        members = [chain.market((1, 0)), chain.market((0, 1)), chain.market((0, 1))]
        chain.relation(kind, *members)
        who, at, size = chain.wallet(), chain.place(), chain.size()
        for each in members:
            chain.fill(at, who, "BUY", each[side], size, cash_of(size, price))
        name = " ".join([kind, *("0x" + each[0] for each in members)])
        chain.planted(who, DEPENDENT, name, size, [(size, cash_of(size, price))] * 3, pays)
    for kind, payouts, sides in (
        ("implies", (1, 0), "YN"), ("implies", (1, 1), "NY"), ("equal", (0, 1), "NY"),
    ):  # fmt: skip
        first, second = chain.market(payouts), chain.market((1, 0))
        chain.relation(kind, first, second)
        who, at = chain.wallet(), chain.place()
        for each, side in zip((first, second), sides, strict=True):
            chain.fill(at, who, "BUY", each[1 if side == "Y" else 2], 100 * M, 45 * M)


def noise(chain, wallets, fills):
    """Wallets that never buy a pair below 1.04, or sell one above .96."""
    markets = [chain.market() for _ in range(40)]
    names = [chain.wallet() for _ in range(wallets)]
    for _ in range(fills):
        who, (market, yes, no) = chain.dice.choice(names), chain.dice.choice(markets)
        block, size = chain.base + chain.dice.randrange(20_000), chain.size()
        kind = chain.dice.randrange(5)
        if kind == 4:
            chain.operation(block, SPLIT, who, market, size)
        else:
            low = 520_000 if kind < 2 else 30_000
            price = chain.dice.randrange(low, low + 450_000)
            side = "BUY" if kind < 2 else "SELL"
            chain.fill(block, who, side, (yes, no)[kind % 2], size, cash_of(size, price))


def planted_chain(seed, wallets=150, fills=3_000):
    chain = PlantedChain(seed)
    for plant in (
        pairs, pairs_missed, fees_left, many_fills, whole_events, events_missed, conversions,
        dependent,
    ):  # fmt: skip
        plant(chain)
    noise(chain, wallets, fills)
    return chain
