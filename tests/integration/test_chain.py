"""The keeper's way to the chain, on anvil: reasons before gas, Safe transactions executed once."""

from types import SimpleNamespace

import ape
import pytest
from eth_account import Account
from eth_account.typed_transactions import TypedTransaction
from hexbytes import HexBytes
from strongroom.chain import anvil as anvils
from strongroom.chain.artifacts import safe as safe_part
from strongroom.chain.calls import make_call
from strongroom.chain.failures import CallReverted, ChainAway, TransactionRefused
from strongroom.chain.ids import transaction_key
from strongroom.chain.nodes import Agreement, one_node
from strongroom.chain.rpc import Chain
from strongroom.chain.units import GWEI, HOUR
from strongroom.devnet import contracts as devnet
from strongroom.execution.closed_accounts import WATCHED_S
from strongroom.execution.fees import FeeRules
from strongroom.execution.housekeeping import Duties
from strongroom.execution.lent_wallets import LentWallets
from strongroom.execution.owned_wallets import OwnedWallets
from strongroom.execution.relaying import Relaying
from strongroom.execution.transactions import NotSent, Transactor
from strongroom.execution.vault_reader import VaultReader
from strongroom.execution.wallet_desk import WalletDesk
from strongroom.journal import Journal
from strongroom.journal.states import TransactionState
from strongroom.reporting.maker_payments import MakerPayments, PayerKind
from strongroom.signing.signers import OwnKeys

from tests.ape_devnet import ApeDeployer
from tests.broken_node import broken_line
from tests.defaults import DAY, NO_EVIDENCE, UNIT, a_class

KEYS = [transaction_key(bytes([number])) for number in range(9)]


@pytest.fixture
def connection():
    return Chain(ape.networks.provider.http_uri)


@pytest.fixture
def multi_send(deployer):
    return ApeDeployer(deployer).deploy(safe_part("MultiSendCallOnly"))


@pytest.fixture
def make_transactor(connection, safe, keeper_owners, multi_send, deployer, chain, tmp_path):
    def make(name="journal", owners=2, url=None, **settings):
        journal = Journal(f"sqlite:///{tmp_path / name}.db")
        return Transactor(
            journal,
            Chain(url) if url else connection,
            OwnKeys(safe.address, chain.chain_id, keeper_owners[:owners]),
            Account.from_key(deployer.private_key),
            multi_send.address,
            **settings,
        )

    return make


def make_duties(reader, chain, journal, transactor, told=lambda event, fields: None):
    relaying = Relaying(journal, None, told)
    wallets = WalletDesk(
        journal,
        reader,
        OwnedWallets(chain, transactor, relaying, bytes),
        LentWallets(journal, chain, relaying, reader.wallets, ()),
    )
    return Duties(journal, transactor, reader, wallets, chain.now, told)


@pytest.fixture
def place(make_vault, people, invest, open_market, safe, connection):
    """A vault with 100 pUSD and a market capped at 60, its keeper the Safe."""
    vault = make_vault()
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault, cap=60 * UNIT)
    vault.setKeeper(0, safe, sender=people.owner)

    def allocate(assets):
        return make_call(vault.address, "Vault", "allocate", market.id, assets)

    return SimpleNamespace(vault=vault, market=market, allocate=allocate)


def test_a_call_that_would_revert_is_told_with_its_reason(connection, vault, deployer):
    call = make_call(vault.address, "Vault", "report", [], NO_EVIDENCE)
    with pytest.raises(TransactionRefused, match="not the reporter"):
        connection.simulate(deployer.address, call.to, call.data)


def test_safe_transactions_run_as_the_safe_once_a_key(make_transactor, place, safe, connection):
    transactor = make_transactor()
    for _ in range(2):  # the same key again is the same transaction
        state, why = transactor.run(KEYS[1], "allocate", [place.allocate(30 * UNIT)])
        assert (state, why) == (TransactionState.DONE, "")
    assert safe.call_view_method("nonce") == 1
    transactor.run(KEYS[2], "allocate", [place.allocate(30 * UNIT)])
    assert safe.call_view_method("nonce") == 2
    account = place.market.account.address
    collateral, (position,) = connection.ask_one(account, "PolymarketAccount", "positions")
    assert (collateral, *position[:2]) == (60 * UNIT, 0, 0)


def test_what_was_executed_meanwhile_is_not_cancelled(make_transactor, place, safe, monkeypatch):
    """The node shows the old nonce once more: sending again is refused, and nothing is cancelled
    at the next nonce."""
    transactor = make_transactor()
    nonce, shown = transactor._nonce, []

    def late():
        shown.append(nonce())
        return 0 if shown.count(1) == 1 else shown[-1]

    monkeypatch.setattr(transactor, "_nonce", late)
    state, why = transactor.run(KEYS[1], "allocate", [place.allocate(30 * UNIT)])
    assert (state, why) == (TransactionState.DONE, "")
    transactor.advance()
    assert safe.call_view_method("nonce") == 1


def test_what_would_revert_is_dropped_with_the_contracts_reason(make_transactor, place, safe):
    transactor = make_transactor()
    state, why = transactor.run(KEYS[1], "allocate", [place.allocate(60 * UNIT + 1)])
    assert state == TransactionState.DROPPED and "market cap" in why
    calls = [place.allocate(30 * UNIT), place.allocate(61 * UNIT)]
    state, why = transactor.run(KEYS[2], "both", calls)  # the second one of a batch
    assert state == TransactionState.DROPPED and "market cap" in why
    calls = [place.allocate(30 * UNIT), place.allocate(31 * UNIT)]
    state, _ = transactor.run(KEYS[3], "both", calls)  # only together
    assert state == TransactionState.DROPPED
    assert place.vault.bookOf(place.market.id)[0] == 0
    assert safe.call_view_method("nonce") == 0


def test_several_calls_go_as_one(make_transactor, place, safe):
    calls = [place.allocate(30 * UNIT), place.allocate(10 * UNIT)]
    calls.append(make_call(place.vault.address, "Vault", "recall", place.market.id, 5 * UNIT))
    assert make_transactor().run(KEYS[1], "three", calls) == (TransactionState.DONE, "")
    assert place.vault.bookOf(place.market.id)[0] == 35 * UNIT
    assert safe.call_view_method("nonce") == 1


def test_one_owner_short_moves_nothing(make_transactor, place):
    lonely = make_transactor(owners=1)
    state, why = lonely.run(KEYS[1], "allocate", [place.allocate(UNIT)])
    assert state == TransactionState.DROPPED and "GS020" in why  # signatures too short
    assert place.vault.bookOf(place.market.id)[0] == 0


def test_a_nonce_that_somebody_else_uses_voids_the_signatures_not_the_plan(
    make_transactor, place, safe, monkeypatch
):
    """Signed, not yet sent; then a person sends something through the same Safe."""
    told = []
    first = make_transactor(on_event=lambda event, fields: told.append((event, dict(fields))))
    other = make_transactor("another")
    monkeypatch.setattr(first, "_send", lambda *_: None)
    first.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
    assert first.state(KEYS[1])[0] == TransactionState.SIGNED
    other.run(KEYS[2], "by hand", [place.allocate(7 * UNIT)])
    monkeypatch.undo()
    first.advance()
    assert first.state(KEYS[1])[0] == TransactionState.DONE
    assert place.vault.bookOf(place.market.id)[0] == 27 * UNIT
    assert safe.call_view_method("nonce") == 2
    # two keepers, one Safe, two journals: each says so, by the transaction and who sent it
    ((event, fields),) = told
    assert event == "safe_used_by_another" and fields["safe"] == safe.address
    (carrier,) = other._book.get(KEYS[2]).hashes
    assert fields["transaction"] == carrier
    assert "another keeper has its keys and another journal" in fields["who"]


def test_what_another_keeper_did_in_between_is_told_at_the_next_transaction(
    make_transactor, place, connection, monkeypatch
):
    """No nonce was fought for: the other's transaction came and went between two of ours."""
    told = []
    first = make_transactor(on_event=lambda event, fields: told.append(dict(fields)))
    other = make_transactor("another")
    first.run(KEYS[1], "allocate", [place.allocate(3 * UNIT)])
    first.run(KEYS[3], "allocate", [place.allocate(4 * UNIT)])
    assert told == []
    other.run(KEYS[2], "by hand", [place.allocate(7 * UNIT)])
    stranger = "0x" + "12" * 20
    monkeypatch.setattr(connection, "sender_of", lambda transaction: stranger)
    for key in (KEYS[4], KEYS[5]):
        first.run(key, "allocate", [place.allocate(UNIT)])
        assert first.state(key)[0] == TransactionState.DONE
    ((carrier,), (only,)) = other._book.get(KEYS[2]).hashes, told
    assert (only["transaction"], only["who"]) == (
        carrier, f"{stranger}: a person, or another keeper",
    )  # fmt: skip


def test_what_was_sent_and_can_no_longer_run_uses_its_nonce_up(
    make_transactor, place, safe, people, monkeypatch
):
    """Its bytes are public: until the nonce is used by nothing, anybody may still execute it."""
    transactor = make_transactor(patience_s=0.2)
    with monkeypatch.context() as patch:  # the carrier never reaches the node
        patch.setattr(transactor._chain, "send", lambda raw: None)
        transactor.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
        assert transactor.state(KEYS[1])[0] == TransactionState.SENT
    place.vault.pause(sender=people.guardian)
    for _ in range(4):
        transactor.advance()
    state, why = transactor.state(KEYS[1])
    assert state == TransactionState.DROPPED and "paused" in why
    assert safe.call_view_method("nonce") == 1
    assert place.vault.bookOf(place.market.id)[0] == 0


def mined_between(transactor, connection, monkeypatch):
    """Mine what is out there between the reads of the Safe's nonce and the executor's count."""
    count = connection.sent_by

    def sent_by(address):
        connection._reads.rpc("evm_mine")
        return count(address)

    monkeypatch.setattr(transactor._chain, "sent_by", sent_by)


def test_what_is_mined_between_two_reads_is_not_cancelled(
    make_transactor, place, safe, connection, monkeypatch
):
    """K23: the Safe's nonce is read, then it is mined, then the executor's count is read."""
    transactor = make_transactor(patience_s=0)
    connection._reads.rpc("evm_setAutomine", False)
    try:
        transactor.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
        assert transactor.state(KEYS[1])[0] == TransactionState.SENT
        with monkeypatch.context() as patch:
            mined_between(transactor, connection, patch)
            transactor.advance()
    finally:
        connection._reads.rpc("evm_setAutomine", True)
    for _ in range(3):
        transactor.advance()
    assert transactor.state(KEYS[1]) == (TransactionState.DONE, "")
    assert [each.purpose for each in transactor._book.all()] == ["allocate"]
    assert safe.call_view_method("nonce") == 1


def test_a_cancel_is_given_up_when_its_nonce_is_gone(
    make_transactor, place, safe, people, connection, monkeypatch
):
    """K23: it is signed, and never arrives; then what it should have cancelled is executed after
    all. The cancel is never signed for another nonce."""
    transactor = make_transactor(patience_s=0.2)
    with monkeypatch.context() as patch:
        sent = []
        patch.setattr(transactor._chain, "send", sent.append)
        transactor.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
        place.vault.pause(sender=people.guardian)
        transactor.advance()
        cancel = transactor._book.all()[-1]
        assert (cancel.purpose, cancel.nonce) == ("cancel nonce 0", 0)
        assert cancel.state == TransactionState.SENT and len(sent) > 1
    place.vault.unpause(sender=people.owner)
    connection.send(sent[0])
    for _ in range(3):
        transactor.advance()
    assert transactor.state(KEYS[1]) == (TransactionState.DONE, "")
    cancel = transactor._book.get(cancel.key)
    assert cancel.state == TransactionState.DROPPED and "nonce 0 was used" in cancel.reason
    assert safe.call_view_method("nonce") == 1 and not transactor._book.open()


def test_a_cancel_that_was_only_planned_is_given_up_too(make_transactor, place, safe, monkeypatch):
    transactor = make_transactor()
    book, nothing = transactor._book, transactor._nothing
    book.plan(KEYS[2], "cancel nonce 0", nothing, transactor._chain.now(), transactor._safe, 0)
    with monkeypatch.context() as patch:  # its nonce is used before it is signed
        patch.setattr(book, "open", lambda safe=None: [])
        make_transactor("another").run(KEYS[1], "allocate", [place.allocate(UNIT)])
    transactor.advance()
    assert transactor.state(KEYS[2]) == (TransactionState.DROPPED, "nonce 0 is used")
    assert safe.call_view_method("nonce") == 1


# fees


def least_tip(wei, words):
    """Refuse tips below so many wei, in a node's words."""

    def refuse(raw):
        tip = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["maxPriorityFeePerGas"]
        return words.format(tip=tip, wei=wei) if tip < wei else ""

    return refuse


@pytest.fixture
def polygon(connection, chain):
    """The chain behind a node that takes no tip below 25 gwei; its last blocks are empty."""
    chain.mine(3)
    with broken_line(connection.node.url) as line:
        line.refuse = least_tip(25 * GWEI, MINIMUM)
        yield line


MINIMUM = "transaction gas price below minimum: gas tip cap {tip}, minimum needed {wei}"  # bor's


@pytest.mark.parametrize(
    ("words", "most"),
    [(MINIMUM, 2), ("transaction underpriced: tip needed {wei}, tip permitted {tip}", 2),
     ("transaction underpriced", 5)],
)  # fmt: skip
def test_a_floor_is_learnt_from_the_refusal(polygon, make_transactor, place, words, most):
    """K22: 44 sends in 12 ticks did not get in. Now it is in at once, and the words are told."""
    told = []
    polygon.refuse = least_tip(25 * GWEI, words)
    transactor = make_transactor(on_event=lambda *event: told.append(event), url=polygon.url)
    assert transactor._chain.fees()[0] == 0, "the tip of an empty block"
    done = transactor.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
    assert done == (TransactionState.DONE, "")
    assert polygon.sent <= most and len(polygon.refused) == polygon.sent - 1
    (refused,) = [fields for event, fields in told if event == "send_refused"]
    assert refused["why"] == polygon.refused[0] and refused["purpose"] == "allocate"
    assert [fields["what"] for event, fields in told if event == "fee_floor"][-1] == "least tip"
    before = polygon.sent
    again = make_transactor(url=polygon.url)  # after a restart it is still known
    assert again.run(KEYS[2], "more", [place.allocate(UNIT)])[0] == TransactionState.DONE
    assert polygon.sent == before + 1


def test_a_configured_floor_is_never_refused(polygon, make_transactor, place):
    transactor = make_transactor(url=polygon.url, fees=FeeRules(least_tip=25 * GWEI))
    assert transactor.run(KEYS[1], "allocate", [place.allocate(UNIT)])[0] == TransactionState.DONE
    assert (polygon.sent, polygon.refused) == (1, [])


def test_a_base_fee_is_learnt_from_the_refusal(polygon, make_transactor, place, monkeypatch):
    def refuse(raw):
        fee = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()["maxFeePerGas"]
        words = f"max fee per gas less than block base fee: maxFeePerGas: {fee}, baseFee: {base}"
        return words if fee < base else ""

    base, polygon.refuse = 400 * GWEI, refuse
    transactor = make_transactor(url=polygon.url)
    assert transactor.run(KEYS[1], "allocate", [place.allocate(UNIT)])[0] == TransactionState.DONE
    assert polygon.sent == 2


@pytest.mark.parametrize(
    ("rules", "words"),
    [(FeeRules(), "insufficient funds for gas * price + value: balance 0, tx cost 1"),
     (FeeRules(most=10 * GWEI), MINIMUM)],
)  # fmt: skip
def test_what_is_refused_again_and_again_is_named_and_goes_on_after(
    polygon, make_transactor, place, safe, rules, words
):
    """Three refusals, none of which teaches anything: the third is an error with the words."""
    told = []
    polygon.refuse = least_tip(25 * GWEI, words) if words == MINIMUM else lambda raw: words
    transactor = make_transactor(
        url=polygon.url, fees=rules, on_event=lambda event, fields: told.append((event, fields))
    )
    for _ in range(2):
        state, _ = transactor.run(KEYS[1], "allocate", [place.allocate(UNIT)])
        assert state == TransactionState.SENT
    for _ in range(2):
        with pytest.raises(NotSent, match=f"'allocate' was refused [34] times, .*{words[:20]}"):
            transactor.advance()
    assert polygon.sent == 4 and [event for event, _ in told] == ["send_refused"]
    assert transactor._book.get(KEYS[1]).hashes == (), "nothing of it is out there"
    polygon.refuse = lambda raw: ""
    transactor.advance()
    assert transactor.state(KEYS[1]) == (TransactionState.DONE, "")
    assert safe.call_view_method("nonce") == 1


@pytest.mark.parametrize("broken", ["lost", "unheard"])
def test_a_line_that_breaks_while_sending_is_passed_over(
    make_transactor, place, safe, connection, broken
):
    """The first node hears the transaction and its answer is lost, or hears nothing: the second
    gets the same one, which is executed once."""
    with broken_line(connection.node.url) as line:
        nodes = one_node(
            [line.url, connection.node.url], 5, Agreement(connection.chain_id), connection.now
        )
        transactor = make_transactor(url=nodes)
        getattr(line, broken).add("eth_sendRawTransaction")
        done = transactor.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
    assert done == (TransactionState.DONE, "")
    assert len(transactor._book.get(KEYS[1]).hashes) == 1
    assert safe.call_view_method("nonce") == 1


def test_a_replaced_carrier_is_sent_again(make_transactor, place, safe, monkeypatch, deployer):
    """Another transaction takes the executor's nonce; the Safe's transaction goes out anew."""
    transactor = make_transactor(patience_s=0.2)
    with monkeypatch.context() as patch:
        patch.setattr(transactor._chain, "send", lambda raw: None)
        transactor.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
    deployer.transfer(deployer, 0)  # the replacement
    transactor.advance()
    assert transactor.state(KEYS[1])[0] == TransactionState.DONE
    assert place.vault.bookOf(place.market.id)[0] == 20 * UNIT


def test_two_safes_share_journal_and_executor_and_never_mix(
    make_transactor, place, safe, people, connection, keeper_owners, multi_send, deployer,
    venue, chain, tmp_path
):  # fmt: skip
    """Nothing is mined for a while. The reporter's transaction waits for the executor's nonce, it
    does not replace what the keeper has there; each uses its own Safe's nonce, once, also after a
    restart of both."""
    builder, owners = ApeDeployer(deployer), keeper_owners[:1]
    theirs = devnet.deploy_safe(builder, venue.safes, [owners[0].address], 1, nonce=5)
    place.vault.setReporter(theirs.address, sender=people.owner)

    def both():
        reporter = Transactor(
            Journal(f"sqlite:///{tmp_path / 'journal'}.db"),
            connection,
            OwnKeys(theirs.address, chain.chain_id, owners),
            Account.from_key(deployer.private_key),
            multi_send.address,
            patience_s=0.2,
        )
        return make_transactor(patience_s=0.2), reporter

    keeper, reporter = both()
    report = make_call(place.vault.address, "Vault", "report", [], NO_EVIDENCE)
    before = theirs.call_view_method("nonce"), place.vault.reportCount()
    chain.mine(1, timestamp=connection.now() + 3_600)
    connection._reads.rpc("evm_setAutomine", False)
    try:
        keeper.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
        reporter.run(KEYS[2], "report", [report])
        states = keeper.state(KEYS[1])[0], reporter.state(KEYS[2])[0]
        assert states == (TransactionState.SENT, TransactionState.SIGNED)
        assert reporter.carries("report") and not keeper.carries("report")
        keeper, reporter = both()
        reporter.advance()
        keeper.advance()
        assert len(keeper._book.get(KEYS[1]).hashes) == 1, "nobody has outbid it"
        connection._reads.rpc("evm_mine")
        reporter.advance()
        assert reporter.state(KEYS[2])[0] == TransactionState.SENT
    finally:
        connection._reads.rpc("evm_setAutomine", True)
        connection._reads.rpc("evm_mine")
    for one in (keeper, reporter):
        one.advance()
    assert keeper.state(KEYS[1])[0] == TransactionState.DONE == reporter.state(KEYS[2])[0]
    after = theirs.call_view_method("nonce"), place.vault.reportCount()
    assert after == (before[0] + 1, before[1] + 1)
    assert safe.call_view_method("nonce") == 1
    assert place.vault.bookOf(place.market.id)[0] == 20 * UNIT


def test_a_block_undone_is_noticed_and_the_transaction_done_again(
    make_transactor, place, chain, connection
):
    transactor = make_transactor(confirmations=3, patience_s=0.2)
    transactor.run(KEYS[1], "allocate", [place.allocate(20 * UNIT)])
    assert transactor.state(KEYS[1])[0] == TransactionState.MINED
    connection._reads.rpc("anvil_rollback", 1)
    assert place.vault.bookOf(place.market.id)[0] == 0
    transactor.advance()
    assert place.vault.bookOf(place.market.id)[0] == 20 * UNIT
    chain.mine(3)
    transactor.advance()
    assert transactor.state(KEYS[1])[0] == TransactionState.DONE


def test_a_node_that_shows_the_nonce_before_the_event_gets_no_second_transaction(
    make_transactor, place, safe, monkeypatch
):
    """Seen in CI: the Safe's nonce had moved, its event was not there yet."""
    transactor = make_transactor()
    executed, late = transactor._executed, iter([None, None])
    monkeypatch.setattr(transactor, "_executed", lambda row: next(late, 0) or executed(row))
    before = safe.call_view_method("nonce")
    state, _ = transactor.run(KEYS[1], "allocate", [place.allocate(30 * UNIT)])
    assert state == TransactionState.DONE
    assert safe.call_view_method("nonce") == before + 1
    assert place.vault.bookOf(place.market.id)[0] == 30 * UNIT


def test_a_node_that_is_not_there_is_away_and_a_reverted_read_says_which(connection, vault):
    with pytest.raises(ChainAway, match=r"127\.0\.0\.1:9"):
        Chain("http://127.0.0.1:9", 0.5)
    with pytest.raises(CallReverted, match=r"Vault\.previewDeposit at 0x.*: asynchronous"):
        connection.ask_one(vault.address, "Vault", "previewDeposit", 1)
    with pytest.raises(CallReverted, match="no such function there"):
        connection.ask_one("0x" + "71" * 20, "Vault", "totalAssets")
    with pytest.raises(ChainAway, match="eth_noSuchMethod"):
        connection._reads.rpc("eth_noSuchMethod")


def test_ids_are_text_on_this_side_of_the_abi(connection, place, chain, make_transactor):
    name = "0x" + bytes(place.market.id).hex()
    since = connection.head().number
    make_transactor().run(KEYS[1], "allocate", [place.allocate(UNIT)])
    exposure, *_ = connection.ask_one(place.vault.address, "Vault", "bookOf", name)
    assert exposure == UNIT
    assert connection.ask_one(place.vault.address, "Vault", "openMarkets") == (name,)
    for market, count in ((name, 1), ("0x" + "77" * 32, 0)):
        found = connection.logs(
            place.vault.address, "Vault", "Allocated", since, matching={"market": market}
        )
        assert [log.args["market"] for log in found] == [name] * count


def test_what_a_part_of_an_event_pays_above_cost_is_harvested(
    connection, make_transactor, make_vault, people, invest, venue, devnet_deployer, chain, safe,
    tmp_path,
):  # fmt: skip
    """Two outcomes, 20 of cost, 30 of one given; it wins: 30 above cost comes home, 20 stay."""
    vault, ledger = make_vault(), venue.neg_risk_adapter
    adapter = venue.neg_risk_collateral_adapter
    invest(vault, people.alice, 100 * UNIT)
    made = devnet.deploy_account_implementation(devnet_deployer, venue, negative_risk=True)
    vault.addClass(a_class(made, ledger, people.keeper), sender=people.owner)
    sender = devnet_deployer.sender
    event = b"\xe7" * 31 + b"\0"
    ledger.prepareRecordedMarket(event, 0, 2, sender=sender)
    vault.openMarket(0, event, 2, chain.pending_timestamp + 9 * DAY, sender=people.keeper)
    market = bytes(vault.marketId(0, event))
    vault.allocate(market, 20 * UNIT, sender=people.keeper)
    vault.setKeeper(0, safe, sender=people.owner)
    account = vault.accountOf(market)
    venue.fund(sender, sender, 30 * UNIT)
    venue.pusd.approve(adapter, 30 * UNIT, sender=sender)
    reader = VaultReader(connection, vault.address, (0,))
    (condition, _) = reader.conditions(account)
    adapter.splitPosition(venue.pusd, b"\0" * 32, condition, [1, 2], 30 * UNIT, sender=sender)
    tokens = connection.ask_one(account, "PolymarketAccount", "tokenIds")
    venue.ctf.safeTransferFrom(sender, account, tokens[0], 30 * UNIT, b"", sender=sender)
    ledger.reportOutcome(event, True, sender=sender)
    journal = Journal(f"sqlite:///{tmp_path / 'duties.db'}")
    duties = make_duties(reader, connection, journal, make_transactor())
    duties.settle(reader.read({}), frozenset())
    assert vault.total_idle() == 110 * UNIT
    assert vault.bookOf(market)[0] == 20 * UNIT and vault.profitOf(0) == 30 * UNIT


def test_a_closed_account_is_swept_once_something_can_come_home(
    place, make_transactor, connection, people, give_tokens, resolve, tmp_path
):
    """The owner closes a market with tokens inside; they pay 3, which comes home when they do."""
    vault, market = place.vault, place.market
    give_tokens(market, yes=3 * UNIT)
    vault.closeMarket(market.id, sender=people.owner)
    reader = VaultReader(connection, vault.address, (0,))
    journal = Journal(f"sqlite:///{tmp_path / 'duties.db'}")
    told = []
    duties = make_duties(
        reader, connection, journal, make_transactor(), lambda *it: told.append(it)
    )
    (left,) = reader.left_behind()
    assert (left.account, left.listed, left.collateral) == (market.account.address, True, 0)
    duties.sweep(reader.read({}))
    assert vault.total_idle() == 100 * UNIT
    resolve(market, 1, 0)
    assert VaultReader(connection, vault.address, (1,)).left_behind() == [], "another keeper's"
    duties.sweep(reader.read({}))
    assert (vault.total_idle(), reader.left_behind()) == (103 * UNIT, []), told


def test_income_comes_home_from_open_busy_and_closed_accounts(
    place, make_transactor, connection, people, venue, devnet_deployer, tmp_path, chain
):
    """Five reach an open account with 30 of cost while an order may take 30: harvested. Two reach
    it when it is halted: recalled with the 30. Seven reach it after it was closed, empty, and so
    is on no list: swept, within the hour. Dust waits."""
    vault, market, sender = place.vault, place.market, devnet_deployer.sender
    reader = VaultReader(connection, vault.address, (0,))
    journal = Journal(f"sqlite:///{tmp_path / 'duties.db'}")
    duties = make_duties(reader, connection, journal, make_transactor())
    make_transactor().run(KEYS[1], "allocate", [place.allocate(30 * UNIT)])
    account = market.account.address
    _, markets, _ = reader.open_and_idle()
    busy, reserved = frozenset(markets), {account: 30 * UNIT}

    def home(assets, waits):
        duties.sweep(reader.read(reserved))
        duties.tidy(reader.read(reserved), busy)
        assert vault.total_idle() == assets * UNIT
        assert venue.pusd.balanceOf(account) == waits

    venue.fund(sender, account, UNIT - 1)
    home(70, 31 * UNIT - 1)
    venue.fund(sender, account, 4 * UNIT + 1)
    home(75, 30 * UNIT)
    assert vault.bookOf(market.id)[0] == 30 * UNIT and vault.profitOf(0) == 5 * UNIT
    reserved.clear()
    market.account.halt(sender=people.guardian)
    venue.fund(sender, account, 2 * UNIT)
    duties.tidy(reader.read({}), frozenset())
    assert vault.total_idle() == 107 * UNIT and vault.profitOf(0) == 7 * UNIT
    vault.closeMarket(market.id, sender=people.owner)
    assert list(vault.unsweptAccounts()) == []
    home(107, 0)
    venue.fund(sender, account, UNIT - 1)
    chain.mine(deltatime=HOUR)
    home(107, UNIT - 1)
    venue.fund(sender, account, 6 * UNIT + 1)
    home(107, 7 * UNIT)
    chain.mine(deltatime=HOUR)
    home(114, 0)
    assert vault.profitOf(0) == 14 * UNIT
    chain.mine(deltatime=WATCHED_S)
    home(114, 0)
    venue.fund(sender, account, 6 * UNIT)
    chain.mine(deltatime=HOUR)
    home(114, 6 * UNIT)


def test_reports_tell_what_named_payers_paid_open_and_closed_accounts(
    place, make_transactor, connection, people, venue, devnet_deployer, tmp_path
):
    """Three before anybody looked, four to the open account, five to a stranger, six from one, and
    seven once the account is closed: four and seven are told, each until it was."""
    sender, pusd, market = devnet_deployer.sender, venue.pusd, place.market
    reader = VaultReader(connection, place.vault.address, (0,))
    journal = Journal(f"sqlite:///{tmp_path / 'payments.db'}")
    duties = make_duties(reader, connection, journal, make_transactor())
    payer, account = people.carol, market.account.address
    venue.fund(sender, payer, 100 * UNIT)
    payments = MakerPayments(journal, reader, {payer.address.lower(): PayerKind.REWARD})

    def told():
        head = connection.head().number
        found = payments.until(head)
        assert {(each.kind, each.account, each.receiver, each.payer) for each in found} <= {
            (PayerKind.REWARD, account, account, payer.address)
        }
        return head, [each.amount for each in found]

    assert MakerPayments(journal, reader, {}).until(connection.head().number) is None
    pusd.transfer(account, 3 * UNIT, sender=payer)
    assert told()[1] == []
    pusd.transfer(account, 4 * UNIT, sender=payer)
    pusd.transfer(people.alice, 5 * UNIT, sender=payer)
    venue.fund(sender, account, 6 * UNIT)
    duties.sweep(reader.read({}))
    head, amounts = told()
    assert amounts == [4 * UNIT] == told()[1]
    payments.tell(head)
    assert told()[1] == []
    place.vault.closeMarket(market.id, sender=people.owner)
    duties.sweep(reader.read({}))
    pusd.transfer(account, 7 * UNIT, sender=payer)
    assert told()[1] == [7 * UNIT]


def test_anvil_takes_another_port_where_the_first_is_taken(monkeypatch):
    with anvils.anvil() as first:
        taken = int(first.rpartition(":")[2])
        offered = iter([taken, taken, anvils.free_port()])
        monkeypatch.setattr(anvils, "free_port", lambda: next(offered))
        with anvils.anvil() as second:
            assert second != first and Chain(second).head().number == 0
