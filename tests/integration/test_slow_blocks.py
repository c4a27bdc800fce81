"""A chain whose blocks come after the tick that sent something, and nodes that take nothing for
hours, on anvil: what was sent is not sent with an old content, and what it leads to is noted when
it is mined."""

from contextlib import contextmanager
from types import SimpleNamespace

import ape
import pytest
from eth_account import Account
from strongroom.chain.artifacts import safe as safe_part
from strongroom.chain.calls import make_call
from strongroom.chain.failures import TransactionRefused
from strongroom.chain.ids import transaction_key
from strongroom.chain.rpc import Chain
from strongroom.devnet import contracts as devnet
from strongroom.execution.housekeeping import Duties
from strongroom.execution.lent_wallets import LentWallets
from strongroom.execution.owned_wallets import OwnedWallets
from strongroom.execution.relaying import Relaying
from strongroom.execution.transactions import Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.wallet_desk import WalletDesk
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.reporting.report import Reporter, Reporting
from strongroom.signing.signers import NotSigned, OwnKeys

from tests.ape_devnet import ApeDeployer
from tests.defaults import UNIT
from tests.records import RECORD

KEY = transaction_key(b"allocate")
LONG, SHORT = 30.0, 0.2  # of waiting for a block, where one comes and where none does
BROKE = "insufficient funds for gas * price + value: balance 0, tx cost 2100000000000000"


@pytest.fixture
def place(
    make_vault, people, invest, open_market, venue, deployer, chain, safe, keeper_owners, tmp_path
):
    """A vault with 100 pUSD and a market capped at 60; a Safe is its keeper, another reports.
    `keeper()`, `reporter()` and `duties()` are new processes on the same journal."""
    builder, owners = ApeDeployer(deployer), keeper_owners[:1]
    theirs = devnet.deploy_safe(builder, venue.safes, [owners[0].address], 1, nonce=7)
    multi_send = builder.deploy(safe_part("MultiSendCallOnly")).address
    vault = make_vault()
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault, cap=60 * UNIT)
    vault.setKeeper(0, safe, sender=people.owner)
    vault.setReporter(theirs.address, sender=people.owner)
    connection, told, made = Chain(ape.networks.provider.http_uri), [], []
    url = f"sqlite:///{tmp_path / 'journal.db'}"

    def sender(address, keys, **settings):
        signers = OwnKeys(address, chain.chain_id, keys)
        executor = Account.from_key(deployer.private_key)
        made.append(
            Transactor(
                Journal(url), connection, signers, executor, multi_send, patience_s=LONG, **settings
            )
        )
        return made[-1]

    def keeper(**settings):
        return sender(safe.address, keeper_owners[:2], **settings)

    def reporter():
        reader = VaultReader(connection, vault.address)
        carries = sender(theirs.address, owners)
        return Reporter(
            Reporting(tmp_path / "evidence", "nothing"), Journal(url), carries,
            reader, connection.now, lambda *event: told.append(event),
        )  # fmt: skip

    def duties(sender):
        journal, reader = Journal(url), VaultReader(connection, vault.address, (0,))
        relaying = Relaying(journal, None, print)
        wallets = WalletDesk(
            journal,
            reader,
            OwnedWallets(connection, sender, relaying, bytes),
            LentWallets(journal, connection, relaying, reader.wallets, ()),
        )
        duties = Duties(journal, sender, reader, wallets, connection.now,
                      lambda *event: told.append(event))  # fmt: skip
        return duties, reader, journal

    allocate = make_call(vault.address, "Vault", "allocate", market.id, 20 * UNIT)
    return SimpleNamespace(
        vault=vault, market=market, chain=connection, told=told, keeper=keeper, reporter=reporter,
        duties=duties, allocate=[allocate], theirs=theirs, evidence=tmp_path / "evidence", url=url,
        senders=made,
    )  # fmt: skip


@contextmanager
def no_blocks(place):
    """Nothing is mined but by `place.chain._reads.rpc("evm_mine")`."""
    place.chain._reads.rpc("evm_setAutomine", False)
    for each in place.senders:
        each._patience = SHORT
    try:
        yield lambda: place.chain._reads.rpc("evm_mine")
    finally:
        for each in place.senders:
            each._patience = LONG
        place.chain._reads.rpc("evm_setAutomine", True)
        place.chain._reads.rpc("evm_mine")


def later(place, seconds):
    ape.chain.mine(1, timestamp=place.chain.now() + seconds)


def refuses(transactor):
    """Let a node take nothing, as one does whose sender has no money for gas."""

    def refuse(raw):
        raise TransactionRefused(BROKE)

    patch = pytest.MonkeyPatch()
    patch.setattr(transactor._chain, "send", refuse)
    return patch


def reports(place):
    return len(list(place.vault.Reported.range(0, ape.chain.blocks.head.number + 1)))


# reports


def test_a_report_is_checked_and_reveals_when_its_block_comes_also_after_a_restart(place):
    """Nothing of it is noted while it is sent, all of it when it is on chain, and once."""
    journal = Journal(place.url)
    journal.decide(RECORD.id, RECORD, task_at=RECORD.time)
    journal.close_task(RECORD.id, "done")
    later(place, 3_600)
    reporter = place.reporter()
    with no_blocks(place) as mine:
        assert reporter.report() is None and place.told == []
        assert [each.id for each in journal.unrevealed()] == [RECORD.id]
        assert reporter.report() is None, "the same one is under way"
        mine()
    reporter = place.reporter()  # the process has ended meanwhile
    assert reporter.follow() is None, "mined, and not seen yet"
    reporter._transactor.advance()
    evidence = reporter.follow()
    ((event, fields),) = place.told
    assert (event, fields["evidence"], fields["nav_bid"]) == ("reported", evidence, 100_000_000)
    assert (fields["difference_bid"], fields["difference_ask"]) == (0, 0)
    assert journal.unrevealed() == []
    assert [each.stem for each in place.evidence.iterdir()] == [evidence]
    assert reporter.follow() is None and len(place.told) == 1


def test_a_node_that_shows_no_event_yet_is_waited_for_and_then_named(place, monkeypatch):
    later(place, 3_600)
    reporter = place.reporter()
    logs = place.chain.logs

    def lagging(address, contract, event, *blocks, **more):
        return [] if event == "Dealt" else logs(address, contract, event, *blocks, **more)

    with monkeypatch.context() as patch:
        patch.setattr(place.chain, "logs", lagging)
        assert reporter.report() is None and place.told == []
    assert reporter.follow() is not None
    assert [event for event, _ in place.told] == ["reported"]
    later(place, 3_600)
    with monkeypatch.context() as patch:
        patch.setattr(place.chain, "logs", lagging)
        assert reporter.report() is None and len(place.told) == 1
        later(place, 601)
        assert reporter.follow() is not None
    assert place.told[1][0] == "nav_unknown" and "no node shows" in place.told[1][1]["why"]


def test_marks_that_wait_for_hours_are_not_sent_any_more(place):
    """The node takes nothing for three hours. What was signed then uses its nonce up by nothing,
    and what is reported is of now: 1 report, 2 nonces."""
    later(place, 3_600)
    reporter = place.reporter()
    nonce, before = place.theirs.call_view_method("nonce"), reports(place)
    patch = refuses(reporter._transactor)
    assert reporter.report() is None
    (old,) = (each.stem for each in place.evidence.iterdir())
    later(place, 3 * 3_600)
    patch.undo()
    for _ in range(3):
        reporter.follow()
        reporter._transactor.advance()
    evidence = reporter.report()
    assert evidence not in (None, old) and reports(place) == before + 1
    assert place.theirs.call_view_method("nonce") == nonce + 2
    assert [(event, fields.get("why")) for event, fields in place.told] == [
        ("report_refused", "planned too long ago"), ("reported", None)]  # fmt: skip


@pytest.mark.parametrize(("waits", "is_sent"), [(179, True), (181, False)])
def test_a_report_is_sent_within_three_minutes_or_made_anew(place, waits, is_sent):
    later(place, 3_600)
    reporter = place.reporter()
    patch = refuses(reporter._transactor)
    assert reporter.report() is None
    (old,) = (each.stem for each in place.evidence.iterdir())
    later(place, waits)
    patch.undo()
    for _ in range(3):
        reporter._transactor.advance()
    assert (reporter.follow() == old) is is_sent


def test_a_report_that_was_never_sent_leaves_nothing_and_is_made_anew(place, monkeypatch):
    later(place, 3_600)
    reporter = place.reporter()

    def away(request):
        raise NotSigned("nobody is here")

    with monkeypatch.context() as patch:
        patch.setattr(reporter._transactor._signers, "sign_transaction", away)
        with pytest.raises(NotSigned):
            reporter.report()
    assert reporter.follow() is None and list(place.evidence.iterdir()) == []
    before = reports(place)
    assert reporter.report() is not None, "in the same block, with the same marks"
    assert reports(place) == before + 1 and [event for event, _ in place.told] == ["reported"]


def test_no_marks_are_made_while_the_keepers_transaction_can_come_before_them(place):
    """It might open a market that they do not have."""
    later(place, 3_600)
    keeper, reporter = place.keeper(), place.reporter()
    with no_blocks(place) as mine:
        keeper.run(KEY, "allocate", place.allocate)
        assert reporter.report() is None and not place.evidence.exists()
        mine()
    assert reporter.report() is not None
    (event, fields) = place.told[-1]
    assert (event, fields["nav_bid"], fields["difference_bid"]) == ("reported", 100_000_000, 0)


# transactions


def test_what_is_pending_is_no_reason_to_cancel_it(place):
    """It is executed in the node's next block already; sent again, it would revert there."""
    keeper = place.keeper(bump_after_s=-1)  # each look sends it again
    with no_blocks(place):
        keeper.run(KEY, "allocate", place.allocate)
        keeper.advance()
        assert [each.purpose for each in keeper._book.all()] == ["allocate"]
        assert len(keeper._book.get(KEY).hashes) > 1
    keeper.advance()
    assert keeper.state(KEY) == (TransactionState.DONE, "")
    assert place.vault.bookOf(place.market.id)[0] == 20 * UNIT


def test_a_fee_is_raised_by_the_time_since_it_was_sent(place):
    """Planned 100 s before it is sent, and raised each 30 s: it is sent once, not four times."""
    keeper = place.keeper()
    keeper.plan(KEY, "allocate", place.allocate)
    later(place, 100)
    with no_blocks(place):
        keeper.advance()
        keeper.advance()
        assert len(keeper._book.get(KEY).hashes) == 1


def test_what_any_transaction_was_made_for_is_over_after_ten_minutes(place, safe):
    keeper, nonce = place.keeper(), safe.call_view_method("nonce")
    patch = refuses(keeper)
    keeper.run(KEY, "allocate", place.allocate)
    assert keeper.state(KEY)[0] == TransactionState.SENT
    later(place, 601)
    patch.undo()
    for _ in range(3):
        keeper.advance()
    assert keeper.state(KEY) == (TransactionState.DROPPED, "planned too long ago")
    assert place.vault.bookOf(place.market.id)[0] == 0
    assert safe.call_view_method("nonce") == nonce + 1 and not keeper._book.open()


# closings


def test_a_loss_is_known_when_the_closing_is_mined(place, resolve, venue):
    """20 of cost, 5 are lost, the market resolves; its closing is mined after the tick."""
    keeper = place.keeper()
    keeper.run(KEY, "allocate", place.allocate)
    rpc, account = place.chain._reads.rpc, place.market.account.address
    rpc("anvil_impersonateAccount", account)
    rpc("anvil_setBalance", account, hex(10**18))
    take = make_call(venue.pusd.address, "Erc20", "transfer", venue.pusd.address, 5 * UNIT)
    rpc("eth_sendTransaction", {"from": account, "to": take.to, "data": take.data})
    resolve(place.market, 1, 0)
    duties, reader, journal = place.duties(keeper)
    with no_blocks(place) as mine:
        duties.settle(reader.read({}), frozenset())
        assert place.told == [] and journal.fact("last_loss_at") is None
        mine()
    duties, reader, journal = place.duties(keeper)  # the process has ended meanwhile
    keeper.advance()
    duties.settle(reader.read({}), frozenset())
    assert [(event, fields["profit"]) for event, fields in place.told] == [("settled", -5_000_000)]
    assert journal.fact("last_loss_at") == str(place.chain.now())
    duties.settle(reader.read({}), frozenset())
    assert len(place.told) == 1
