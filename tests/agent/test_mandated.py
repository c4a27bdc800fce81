"""A co-signer within a mandate: the tighter of both, refusals that name the line, money home."""

import random
from dataclasses import replace

import pytest
from eth_account import Account
from strongroom.chain.failures import CallReverted, ChainAway
from strongroom.chain.ids import to_hex
from strongroom.cosigner.mandate_watch import CHECK_EVERY_S, MandateConfig, MandateWatch
from strongroom.cosigner.mandated import MandatedPolicy, beyond_home, lines_of
from strongroom.cosigner.policy import Before, Policy, PolicyRefuses, judge_order
from strongroom.cosigner.server import Judge
from strongroom.cosigner.store import Store
from strongroom.mandates.digest import digest
from strongroom.mandates.mandate import NO_HASH, Mandate, as_json
from strongroom.mandates.signed import SignedMandate
from strongroom.settings import ConfigError
from strongroom.signing.safe import batch
from strongroom.signing.signers import TransactionRequest

from tests.agent import test_cosigner as plain
from tests.agent.test_cosigner import EXCHANGE, FACTS, MULTI, NOW, POLICY, SAFE, VAULT, request
from tests.defaults import UNIT
from tests.mandates import data, line
from tests.signing import SELL

OWNER, STRANGER = (Account.from_key(bytes([number]) * 32) for number in (5, 6))
PACK = line("orders.packs", 1, "tail")
POLICY = Policy.model_validate(POLICY.model_dump())  # its addresses with their checksums


def mandate(*lines, **changes):
    fields = {"vault": VAULT, "not_before": NOW - 10, "not_after": NOW + 1_000, **changes}
    return Mandate.model_validate(data(lines=list(lines) or [PACK], **fields))


def check(*lines, asked=None, facts=FACTS, before=None, policy=POLICY, now=NOW):
    asked, before = asked or request(), before or Before()
    judge_order(policy, asked, facts, before, now)  # the co-signer's own admits it
    within = MandatedPolicy(policy, mandate(*lines))
    within.check(facts.class_id, lambda narrowed: judge_order(narrowed, asked, facts, before, now))


WIDER = [
    line("orders.min_price", 1, "micro-units a token"),
    line("orders.max_price", 999_999, "micro-units a token"),
    line("orders.max_order", 10**15, "micro-units"),
    line("orders.max_order", 1, "micro-units", 1),  # another class's
    line("orders.max_per_day", 10**15, "micro-units"),
    line("orders.max_per_minute", 10_000, "orders"),
    line("orders.max_lifetime_s", 86_400, "seconds"),
    line("classes", 1, "class", 2),
    line("classes", 1, "class", 31),
    line("orders.packs", 1, "tail"),
    line("orders.packs", 1, "noise"),
    line("wallets", 0, "none"),
    line("quiet_hours", 1, "13:00-14:00"),
]
# an order of 50 for 100 tokens at noon, in class 2 -> the line that does not admit it, the rule
REFUSING = [
    (line("orders.min_price", 500_001, "micro-units a token"), "price"),
    (line("orders.max_price", 499_999, "micro-units a token"), "price"),
    (line("orders.max_price", 499_999, "micro-units a token", 2), "price"),
    (line("orders.max_order", 50 * UNIT - 1, "micro-units"), "size"),
    (line("orders.max_order", 50 * UNIT - 1, "micro-units", 2), "size"),
    (line("orders.max_order", 0, "micro-units"), "size"),
    (line("orders.max_per_day", 50 * UNIT - 1, "micro-units"), "day"),
    (line("orders.max_per_minute", 0, "orders"), "rate"),
    (line("orders.max_lifetime_s", 199, "seconds"), "lifetime"),
    (line("classes", 1, "class", 0), "class"),
    (line("classes", 0, "none"), "class"),
    (line("orders.packs", 1, "noise"), "pack"),
    (line("orders.packs", 0, "none"), "pack"),
    (line("orders.exchanges", 0, "none"), "exchange"),
    (line("quiet_hours", 1, "11:00-12:01"), "quiet hours"),
]


def test_what_is_wider_changes_nothing():
    check(*WIDER)
    with pytest.raises(PolicyRefuses) as refusal:
        check(*WIDER, asked=request(making=201 * UNIT, taking=402 * UNIT))
    assert refusal.value.code == "size"  # the co-signer's own


@pytest.mark.parametrize(("refusing", "rule"), REFUSING)
def test_a_refusal_names_the_line_and_the_mandate(refusing, rule):
    others = [
        each for each in WIDER if each["name"] != refusing["name"] or each["class"] not in (-1, 2)
    ]
    if refusing["name"] in ("classes", "orders.packs"):
        others = [each for each in others if each["name"] != refusing["name"]]
    lines = [*others[:5], refusing, *others[5:]]
    with pytest.raises(PolicyRefuses) as refusal:
        check(*lines)
    assert refusal.value.code == "mandate line 6"
    name = to_hex(digest(mandate(*lines)))
    assert f"mandate line 6: {refusing['name']} of version 1 ({name}): {rule}: " in str(
        refusal.value
    )


def test_the_entries_of_a_list_are_named_together():
    with pytest.raises(PolicyRefuses) as refusal:
        check(line("orders.packs", 1, "noise"), WIDER[0], line("orders.packs", 1, "hedge"))
    assert refusal.value.code == "mandate lines 1, 3"


def test_of_several_lines_that_refuse_the_first_is_named():
    with pytest.raises(PolicyRefuses) as refusal:
        check(WIDER[0], REFUSING[8][0], REFUSING[3][0])
    assert refusal.value.code == "mandate line 2"


def test_a_limit_of_a_day_counts_what_was_signed_before():
    check(line("orders.max_per_day", 90 * UNIT, "micro-units"), before=Before(0, 40 * UNIT))
    with pytest.raises(PolicyRefuses, match="day"):
        check(line("orders.max_per_day", 90 * UNIT, "micro-units"), before=Before(0, 40 * UNIT + 1))


def admits(lines, price, cash, bought, class_id, life):
    """Whether lines admit an order: the docs' words anew, in integers, with no policy."""
    for each in lines:
        name, of, number = each["name"], each["class"], each["number"]
        if name == "classes":
            continue
        if of not in (-1, class_id):
            continue
        limits = {
            "orders.min_price": lambda n: price >= n,
            "orders.max_price": lambda n: price <= n,
            "orders.max_order": lambda n: cash <= n,
            "orders.max_per_day": lambda n: bought <= n,
            "orders.max_lifetime_s": lambda n: life <= n,
        }
        if not limits[name](number):
            return False
    classes = [each["class"] for each in lines if each["name"] == "classes"]
    return not classes or class_id in classes


def test_random_lines_mean_what_the_docs_say():
    """Against an independent reading of each line; own limits are those of POLICY."""
    rng, outcomes = random.Random(30), set()
    for _ in range(400):
        lines = []
        for name, low, high, unit in (
            ("orders.min_price", 400_000, 600_000, "micro-units a token"),
            ("orders.max_price", 400_000, 700_000, "micro-units a token"),
            ("orders.max_order", 20 * UNIT, 80 * UNIT, "micro-units"),
            ("orders.max_per_day", 20 * UNIT, 200 * UNIT, "micro-units"),
            ("orders.max_lifetime_s", 100, 300, "seconds"),
        ):
            for class_id in (-1, 0, 2) if name != "orders.max_per_day" else (-1,):
                if rng.random() < 0.25:
                    lines.append(line(name, rng.randint(low, high), unit, class_id))
        for class_id in (0, 2):
            if rng.random() < 0.5:
                lines.append(line("classes", 1, "class", class_id))
        if not lines:
            continue
        tokens = rng.randint(50, 100) * UNIT
        cash = tokens * rng.randint(45, 50) // 100
        class_id, before, life = rng.choice((0, 2)), rng.randint(0, 100) * UNIT, 200
        asked = request(making=cash, taking=tokens)
        facts = replace(FACTS, class_id=class_id)
        price = cash * UNIT // tokens
        expected = admits(lines, price, cash, before + cash, class_id, life)
        try:
            check(*lines, asked=asked, facts=facts, before=Before(0, before))
            found = True
        except PolicyRefuses as refusal:
            found = False
            assert refusal.code.startswith("mandate line")
        assert found == expected, (lines, asked, before, class_id)
        outcomes.add(found)
    assert outcomes == {True, False}


def test_the_lines_of_a_policy_say_all_of_it():
    found = [each.model_dump(by_alias=True) for each in lines_of(POLICY)]
    assert line("orders.min_price", 50_000, "micro-units a token") in found
    assert line("transactions.max_allocation_per_day", 500 * UNIT, "micro-units") in found
    assert line("classes", 1, "class", 2) in found and line("orders.packs", 1, "tail") in found
    assert line("quiet_hours", 1, "22:00-06:30") in found
    assert line("orders.exchanges", 1, POLICY.orders.exchanges[0]) in found
    assert len(found) == 9 + 2 + 1 + 1 + 1 + 1
    bare = Policy.model_validate(POLICY.model_dump() | {"wallets": ()})
    assert line("wallets", 0, "none") in [each.model_dump(by_alias=True) for each in lines_of(bare)]
    check(*found)  # a mandate that repeats the policy refuses nothing that it admits


HOME = [
    *(plain.vault_call("recall", plain.MARKET, 5), plain.vault_call("harvest", plain.MARKET)),
    *(plain.vault_call("closeMarket", plain.MARKET), plain.vault_call("sweep", plain.ACCOUNT)),
    *(plain.account_call("halt"), plain.account_call("redeemResolved"), plain.RECORDS),
    *(plain.account_call("merge", 0, 5), plain.account_call("bumpEpoch")),
    *(plain.delegated_call("takeBack", 5), plain.owner_call("withdraw"), plain.Call(SAFE, "0x")),
]
AWAY = [
    *(plain.ALLOCATE, plain.OPEN, plain.account_call("split", 0, 5)),
    *(plain.delegated_call("forward", 5), plain.owner_call("fund", 5)),
    *(plain.delegated_call("setWallet", plain.WALLET), plain.owner_call("adopt")),
]


def transaction(*calls):
    carried = batch(calls, MULTI)
    return TransactionRequest(carried.to, carried.data, carried.operation, 5)


def test_what_brings_money_home_needs_no_mandate():
    assert beyond_home(POLICY, transaction(*HOME), SAFE) is None
    for each in AWAY:
        asked = beyond_home(POLICY, transaction(*HOME, each), SAFE)
        assert asked is not None and asked.data == transaction(each).data


class FakeChain:
    """A chain on which a key owns the vault."""

    def __init__(self):
        self.chain_id, self.time, self.owner = 137, NOW, OWNER.address
        self.announced = (NO_HASH, 0, "0x" + "00" * 20, 0)
        self.away = False

    def head(self):
        if self.away:
            raise ChainAway("gone")
        return type("Head", (), {"number": 7, "timestamp": self.time})

    def ask(self, asked, block=None):
        assert block == 7
        answers = {"owner": self.owner.lower(), "mandateOf": self.announced}
        if any(each.function not in answers for each in asked):
            raise CallReverted("no")
        return [answers[each.function] for each in asked]

    def code_at(self, address):
        return "0x"


BOARD = "0x" + "9" * 40


class Stage:
    """A file, a chain, a store and a clock."""

    def __init__(self, folder, board=""):
        self.path, self.chain, self.seconds = folder / "mandate.json", FakeChain(), 0.0
        self.store = Store(f"sqlite:///{folder / 'signed.db'}")
        self.config = MandateConfig(file=self.path, board=board)

    def put(self, made, owner=OWNER):
        signed = SignedMandate(mandate=made)
        self.path.write_bytes((signed.with_signature(owner, "") if owner else signed).text())
        return made

    def announce(self, made):
        self.chain.announced = (to_hex(digest(made)), made.version, self.chain.owner, NOW)

    def start(self):
        self.watch = MandateWatch(self.config, POLICY, self.chain, self.store, lambda: self.seconds)
        return self.watch

    def later(self):
        """Return the mandate in force after the next look."""
        self.seconds += CHECK_EVERY_S
        return self.watch.current(self.chain.time).mandate

    def refused(self):
        with pytest.raises(PolicyRefuses) as refusal:
            self.later()
        assert refusal.value.code == "mandate"
        return str(refusal.value)


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def successor(made, *lines, **changes):
    fields = {"version": made.version + 1, "previous": to_hex(digest(made))} | changes
    return mandate(*lines, **fields)


BAD_STARTS = {
    "has not signed version 1": lambda s: s.put(mandate(), owner=None),
    "has not signed version 1 ": lambda s: s.put(mandate(), owner=STRANGER),
    "it is for the vault": lambda s: s.put(mandate(vault="0x" + "B" * 40)),
    "it is of chain 1": lambda s: s.put(mandate(chain_id=1)),
    "begins at 2026-05-05 12:00:01 UTC": lambda s: s.put(mandate(not_before=NOW + 1)),
    "ended at 2026-05-05 11:59:59 UTC": lambda s: s.put(mandate(not_after=NOW - 1)),
    "there is no line 'orders.leverage'": lambda s: s.path.write_text(
        s.path.read_text().replace("orders.packs", "orders.leverage")
    ),
    "cannot be read": lambda s: s.path.unlink(),
}


@pytest.mark.parametrize("why", BAD_STARTS)
def test_a_cosigner_starts_with_no_mandate_that_does_not_count(stage, why):
    stage.put(mandate())
    BAD_STARTS[why](stage)
    with pytest.raises(ConfigError) as error:
        stage.start()
    assert why.strip() in str(error.value) and str(error.value).startswith("[mandate]")


def test_a_signature_of_another_mandate_is_none(stage):
    signed = SignedMandate(mandate=mandate()).with_signature(OWNER, "")
    moved = SignedMandate(mandate=mandate(WIDER[0]), signatures=signed.signatures)
    stage.path.write_bytes(moved.text())
    with pytest.raises(ConfigError, match="has not signed"):
        stage.start()


def test_a_running_cosigner_takes_up_a_higher_version_and_no_other(stage):
    first = stage.put(mandate())
    stage.start()
    second = successor(first, WIDER[0])
    for bad, owner in (
        (second, None),
        (second, STRANGER),
        (successor(first, WIDER[0], previous="0x" + "12" * 32), OWNER),
        (successor(first, WIDER[0], vault="0x" + "B" * 40), OWNER),
        (successor(first, not_before=NOW + 1), OWNER),
        (mandate(WIDER[1]), OWNER),  # another version 1
    ):
        stage.put(bad, owner)
        assert stage.later() == first
    stage.path.write_text("{")
    assert stage.later() == first
    stage.path.unlink()
    assert stage.later() == first
    stage.put(second)
    assert stage.watch.current(NOW).mandate == first  # it has not looked yet
    assert stage.later() == second
    stage.put(first)
    assert stage.later() == second  # rolled back: no


def test_a_rolled_back_version_does_not_come_back_by_a_restart(stage):
    first = stage.put(mandate())
    stage.start()
    second = stage.put(successor(first))
    stage.later()
    stage.start()  # the same again
    stage.put(first)
    with pytest.raises(ConfigError, match="is not above version 2"):
        stage.start()
    stage.put(successor(first, WIDER[0]))  # another version 2
    with pytest.raises(ConfigError, match="is not above version 2"):
        stage.start()
    stage.put(successor(second, version=9, previous="0x" + "12" * 32))  # it has missed some
    assert stage.start().current(NOW).mandate.version == 9


def test_an_ended_mandate_and_a_changed_owner_stop_at_once(stage):
    stage.put(mandate())
    stage.start()
    stage.chain.time = NOW + 1_001
    assert "version 1 ended at" in stage.refused()
    stage.chain.time = NOW
    stage.later()
    stage.chain.owner = STRANGER.address
    assert f"{STRANGER.address} has not signed version 1" in stage.refused()
    stage.chain.owner = OWNER.address
    assert stage.later().version == 1


def test_with_a_board_only_the_last_announced_one_counts(tmp_path):
    stage = Stage(tmp_path, BOARD)
    first = stage.put(mandate())
    with pytest.raises(ConfigError, match="none was announced"):
        stage.start()
    stage.announce(mandate(WIDER[1]))
    with pytest.raises(ConfigError, match=r"version 1 .* was not announced; the last one is"):
        stage.start()
    stage.announce(first)
    stage.start()
    second = stage.put(successor(first))
    assert stage.later() == first  # signed, and not announced
    stage.announce(second)
    assert stage.later() == second
    third = successor(second)
    stage.announce(third)
    assert "version 2 was replaced by version 3" in stage.refused()
    stage.put(third)
    assert stage.later() == third


def test_nothing_is_said_while_the_node_is_away(stage):
    stage.put(mandate())
    stage.start()
    stage.chain.away = True
    for _ in range(2):
        with pytest.raises(ChainAway):
            stage.later()
    stage.chain.away = False
    assert stage.watch.current(NOW).mandate.version == 1  # it looks again at once


class Facts(plain.Chain):
    """The co-signer's facts, at the stage's time."""


def test_the_judge_asks_policy_and_mandate(stage):
    stage.put(mandate(line("orders.max_order", 40 * UNIT, "micro-units"), PACK))
    watch = stage.start()
    judge = Judge(POLICY, OWNER, Facts(), stage.store, watch)
    judge.order(request(making=40 * UNIT))
    with pytest.raises(PolicyRefuses) as refusal:
        judge.order(request(making=41 * UNIT))
    assert refusal.value.code == "mandate line 1"
    assert stage.store.before("order", NOW + 1).in_day == 40 * UNIT  # a refusal counts nothing
    judge.order(request(side=SELL, making=80 * UNIT, taking=39 * UNIT))
    judge.transaction(transaction(plain.ALLOCATE))
    stage.chain.owner = STRANGER.address
    stage.seconds += CHECK_EVERY_S
    for asked in (
        lambda: judge.order(request(making=39 * UNIT)),
        lambda: judge.transaction(transaction(plain.OPEN)),
    ):
        with pytest.raises(PolicyRefuses, match="has not signed"):
            asked()
    assert len(judge.transaction(transaction(HOME[0], HOME[4]))) == 65


def test_a_transactions_lines_are_those_of_the_whole_vault(stage):
    limit = line("transactions.max_allocation", 100 * UNIT - 1, "micro-units")
    stage.put(mandate(PACK, limit))
    judge = Judge(POLICY, OWNER, Facts(), stage.store, stage.start())
    with pytest.raises(PolicyRefuses) as refusal:
        judge.transaction(transaction(plain.ALLOCATE, HOME[0]))
    assert refusal.value.code == "mandate line 2" and "size" in str(refusal.value)
    stage.put(successor(stage.watch.current(NOW).mandate, line("classes", 1, "class", 0)))
    stage.later()
    with pytest.raises(PolicyRefuses) as refusal:
        judge.transaction(transaction(plain.OPEN))
    assert refusal.value.code == "mandate line 1"
    assert len(judge.transaction(transaction(HOME[4]))) == 65  # its account can still be halted


def test_without_a_mandate_nothing_has_changed(tmp_path):
    judge = Judge(POLICY, OWNER, Facts(), Store(f"sqlite:///{tmp_path / 's.db'}"))
    assert len(judge.order(request())) == 65
    assert EXCHANGE and as_json(mandate())["version"] == 1
