"""The ERC-8004 stand-ins against the standard: its numbers, its checks, its events, one by one.

The selectors are the standard's numbers, written here as they stand in its published ABI; the other
values are worked out by hand. With STRONGROOM_ERC8004_ARTIFACTS=FOLDER, which has the reference as
a compiler wrote it (registries.py), the same tests run on that: they then say whether our picture
of it is right.
"""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak
from strongroom.chain import abi
from strongroom.chain.artifacts import artifact

from tests.conformance.registries import (
    EVENTS,
    IS_REFERENCE,
    SELECTORS,
    Registries,
    erc721,
    signature_of,
)
from tests.property.evm import Reverted

OWNER_KEY = Account.from_key(b"\x01" * 32)
WALLET_KEY = Account.from_key(b"\x02" * 32)
URI = "data:application/json;base64,e30="
HASH, OTHER = keccak(text="one"), keccak(text="two")
E38 = 10**38


@pytest.fixture(scope="module")
def built():
    return Registries()


@pytest.fixture
def world(built):
    point = built.evm.snapshot()
    yield built
    built.evm.revert(point)


@pytest.fixture
def agent(world):
    """An agent of the owner's, with an operator and an approved account."""
    found = world.identity.register(URI, sender=world.owner)
    assert found == world.first
    world.identity.setApprovalForAll(world.operator, True, sender=world.owner)
    world.identity.approve(world.approved, found, sender=world.owner)
    return found


def refuses(words, call, *args, **of):
    """Check a refusal by its reason, or by its error's name and arguments."""
    with pytest.raises(Reverted) as found:
        call(*args, **of)
    if "(" in words:
        assert found.value.data[:4] == keccak(text=words)[:4], found.value
    else:
        assert str(found.value) == words


ABSENT = "ERC721NonexistentToken(uint256)"


# the interface


@pytest.mark.parametrize("registry", SELECTORS)
def test_selectors_are_the_standards_numbers(world, registry):
    entries = {
        signature_of(each): keccak(text=signature_of(each))[:4].hex()
        for each in world.abi_of(registry)
        if each["type"] == "function"
    }
    known = SELECTORS[registry] | (erc721() if registry == "identity" else {})
    if IS_REFERENCE:
        assert entries.items() >= known.items()
    else:
        assert entries == known


@pytest.mark.parametrize("registry", EVENTS)
def test_events_have_the_standards_fields_and_indexes(world, registry):
    entries = {
        each["name"]: [
            ("indexed " if one["indexed"] else "") + f"{one['type']} {one['name']}"
            for one in each["inputs"]
        ]
        for each in world.abi_of(registry)
        if each["type"] == "event"
    }
    assert {name: entries[name] for name in EVENTS[registry]} == EVENTS[registry]


@pytest.mark.parametrize("registry", SELECTORS)
def test_what_the_agent_calls_and_reads_are_the_standards_numbers(registry):
    """The ABIs by which the commands write and read, apart from any contract of ours."""
    entries = abi.load(f"{registry.title()}Registry")
    calls = {signature_of(each) for each in entries if each["type"] == "function"}
    known = set(SELECTORS[registry]) | (set(erc721()) if registry == "identity" else set())
    assert calls <= known
    fields = {
        each["name"]: [
            ("indexed " if one["indexed"] else "") + f"{one['type']} {one['name']}"
            for one in each["inputs"]
        ]
        for each in entries
        if each["type"] == "event"
    }
    assert {name: fields[name] for name in EVENTS[registry]} == EVENTS[registry]


def test_interfaces(world):
    for known, is_there in {"01ffc9a7": 1, "80ac58cd": 1, "5b5e139f": 1, "ffffffff": 0}.items():
        assert world.identity.supportsInterface(bytes.fromhex(known)) == bool(is_there)
    assert (world.identity.name(), world.identity.symbol()) == ("AgentIdentity", "AGENT")


# registration


def test_ids_count_up_from_zero(world):
    ids = [world.identity.register(sender=world.owner) for _ in range(2)]
    assert ids == [0, 1]
    assert world.identity.balanceOf(world.owner) == 2
    assert world.identity.ownerOf(1).lower() == world.owner.lower()
    assert world.identity.tokenURI(1) == ""


def test_registration_tells_uri_wallet_and_entries_in_any_order(world):
    world.identity.register(URI, [("vault", b"\x07"), ("empty", b"")], sender=world.owner)
    told = world.told("identity")
    packed = bytes.fromhex(world.owner[2:])
    assert told["Transfer"][0][-1] == 0
    (registered,) = told["Registered"]
    assert registered == (0, URI, world.owner.lower())
    assert told["MetadataSet"] == [
        (0, keccak(text="agentWallet"), "agentWallet", packed),
        (0, keccak(text="vault"), "vault", b"\x07"),
        (0, keccak(text="empty"), "empty", b""),
    ]
    assert world.identity.getAgentWallet(0).lower() == world.owner.lower()
    assert world.identity.getMetadata(0, "agentWallet") == packed
    assert world.identity.getMetadata(0, "vault") == b"\x07"
    assert world.identity.getMetadata(0, "absent") == b""


def test_the_wallets_key_is_reserved(world, agent):
    key = "agentWallet"
    refuses("reserved key", world.identity.register, "", [(key, b"")], sender=world.owner)
    refuses("reserved key", world.identity.setMetadata, agent, key, b"", sender=world.owner)


def test_a_contract_must_take_the_token(world):
    """It is asked at registration and at safe transfers, and not at plain ones."""
    identity, keen = world.identity, world.receiver(takes=True)
    deaf = world.evm.at(world.signer(WALLET_KEY.address), artifact("KeyedSigner").abi)
    register, refused = identity.data("register"), "ERC721InvalidReceiver(address)"
    refuses(refused, deaf.forward, identity.address, register, sender=world.owner)
    identity.register(sender=world.owner)
    refuses(refused, identity.safeTransferFrom, world.owner, deaf.address, 0, sender=world.owner)
    identity.safeTransferFrom(world.owner, keen, 0, sender=world.owner)
    assert identity.ownerOf(0).lower() == keen.lower()


@pytest.mark.parametrize("who", ["owner", "operator", "approved"])
def test_owner_operator_and_approved_set_what_a_stranger_does_not(world, agent, who):
    caller = getattr(world, who)
    world.identity.setAgentURI(agent, "ipfs://x", sender=caller)
    assert world.told("identity")["URIUpdated"] == [(agent, "ipfs://x", caller.lower())]
    assert world.identity.tokenURI(agent) == "ipfs://x"
    world.identity.setMetadata(agent, "k", b"v", sender=caller)
    assert world.identity.getMetadata(agent, "k") == b"v"
    world.identity.unsetAgentWallet(agent, sender=caller)
    assert int(world.identity.getAgentWallet(agent), 16) == 0
    assert world.identity.getMetadata(agent, "agentWallet") == b""
    assert world.identity.isAuthorizedOrOwner(caller, agent)
    assert not world.identity.isAuthorizedOrOwner(world.stranger, agent)


def test_a_stranger_sets_nothing(world, agent):
    identity, stranger = world.identity, world.stranger
    no = "Not authorized"
    refuses(no, identity.setAgentURI, agent, "x", sender=stranger)
    refuses(no, identity.setMetadata, agent, "k", b"v", sender=stranger)
    refuses(no, identity.unsetAgentWallet, agent, sender=stranger)
    refuses(no, identity.setAgentWallet, agent, stranger, 0, b"", sender=stranger)
    moved = "ERC721InsufficientApproval(address,uint256)"
    refuses(moved, identity.transferFrom, world.owner, stranger, agent, sender=stranger)
    refuses("ERC721InvalidApprover(address)", identity.approve, stranger, agent, sender=stranger)


def test_what_is_not_there_is_refused(world):
    for call, args in (
        (world.identity.ownerOf, (7,)),
        (world.identity.tokenURI, (7,)),
        (world.identity.getApproved, (7,)),
        (world.identity.isAuthorizedOrOwner, (world.owner, 7)),
    ):
        refuses(ABSENT, call, *args)
    assert world.identity.getMetadata(7, "k") == b""
    assert int(world.identity.getAgentWallet(7), 16) == 0


# the wallet


def consent(world, agent, wallet, deadline, key=WALLET_KEY, owner=""):
    """The wallet's signature, by a general EIP-712 encoder."""
    message = encode_typed_data(
        domain_data={
            "name": "ERC8004IdentityRegistry", "version": "1",
            "chainId": world.evm_chain, "verifyingContract": world.identity.address,
        },
        message_types={
            "AgentWalletSet": [
                {"name": "agentId", "type": "uint256"}, {"name": "newWallet", "type": "address"},
                {"name": "owner", "type": "address"}, {"name": "deadline", "type": "uint256"},
            ]
        },
        message_data={
            "agentId": agent, "newWallet": wallet, "owner": owner or world.owner,
            "deadline": deadline,
        },
    )  # fmt: skip
    return bytes(Account.sign_message(message, key.key).signature)


def test_the_consents_type_is_the_standards():
    found = keccak(
        text="AgentWalletSet(uint256 agentId,address newWallet,address owner,uint256 deadline)"
    ).hex()
    assert (found[:8], found[-4:]) == ("678b53cd", "7d32")


@pytest.mark.parametrize("wait", [0, 300])
def test_a_wallet_consents_for_five_minutes_at_most(world, agent, wait):
    wallet, deadline = WALLET_KEY.address, world.evm.time + wait
    signature = consent(world, agent, wallet, deadline)
    world.identity.setAgentWallet(agent, wallet, deadline, signature, sender=world.operator)
    assert world.identity.getAgentWallet(agent).lower() == wallet.lower()
    packed = bytes.fromhex(wallet[2:])
    assert world.told("identity")["MetadataSet"] == [
        (agent, keccak(text="agentWallet"), "agentWallet", packed)
    ]


def test_no_wallet_without_its_consent(world, agent):
    wallet, now = WALLET_KEY.address, world.evm.time
    good = consent(world, agent, wallet, now + 300)

    def set_(words, *, of=wallet, deadline=now + 300, signature=good):
        call = world.identity.setAgentWallet
        refuses(words, call, agent, of, deadline, signature, sender=world.owner)

    set_("bad wallet", of="0x" + "00" * 20)
    set_("expired", deadline=now - 1, signature=consent(world, agent, wallet, now - 1))
    set_("deadline too far", deadline=now + 301, signature=consent(world, agent, wallet, now + 301))
    set_("invalid wallet sig", signature=consent(world, agent, wallet, now + 300, OWNER_KEY))
    set_("invalid wallet sig", signature=consent(world, agent + 1, wallet, now + 300))
    set_("invalid wallet sig", signature=consent(world, agent, wallet, now + 299))
    other = consent(world, agent, wallet, now + 300, owner=world.stranger)
    set_("invalid wallet sig", signature=other)
    set_("invalid wallet sig", signature=good[:64])
    set_("invalid wallet sig", signature=b"")
    set_("invalid wallet sig", of=world.stranger)


def test_a_contract_consents_by_erc1271(world, agent):
    wallet, deadline = world.signer(WALLET_KEY.address), world.evm.time + 60
    signature = consent(world, agent, wallet, deadline)
    world.identity.setAgentWallet(agent, wallet, deadline, signature, sender=world.owner)
    assert world.identity.getAgentWallet(agent).lower() == wallet.lower()
    wrong = consent(world, agent, wallet, deadline, OWNER_KEY)
    refuses(
        "invalid wallet sig", world.identity.setAgentWallet, agent, wallet, deadline, wrong,
        sender=world.owner,
    )  # fmt: skip


@pytest.mark.parametrize("form", ["transferFrom", "safeTransferFrom", "safeTransferFrom+data"])
def test_every_transfer_clears_the_wallet(world, agent, form):
    name, _, data = form.partition("+")
    more = (data.encode(),) if data else ()
    assert int(world.identity.getAgentWallet(agent), 16) != 0
    call = getattr(world.identity, name)
    call(world.owner, world.stranger, agent, *more, sender=world.approved)
    told = world.told("identity")
    assert told["MetadataSet"] == [(agent, keccak(text="agentWallet"), "agentWallet", b"")]
    assert told["Transfer"] == [(world.owner.lower(), world.stranger.lower(), agent)]
    assert int(world.identity.getAgentWallet(agent), 16) == 0
    assert int(world.identity.getApproved(agent), 16) == 0
    assert world.identity.ownerOf(agent).lower() == world.stranger.lower()
    assert not world.identity.isAuthorizedOrOwner(world.approved, agent)


def test_wrong_transfers(world, agent):
    identity, owner = world.identity, world.owner
    nobody, deaf = "0x" + "00" * 20, world.receiver(takes=False)
    invalid = "ERC721InvalidReceiver(address)"
    refuses(invalid, identity.transferFrom, owner, nobody, agent, sender=owner)
    refuses(invalid, identity.safeTransferFrom, owner, deaf, agent, sender=owner)
    refuses(ABSENT, identity.transferFrom, owner, world.stranger, 7, sender=owner)
    wrong = "ERC721IncorrectOwner(address,uint256,address)"
    refuses(wrong, identity.transferFrom, world.stranger, deaf, agent, sender=owner)
    identity.transferFrom(owner, deaf, agent, sender=owner)  # nobody is asked


# reputation


def rate(world, agent, value=1, decimals=0, tag1="", tag2="", by=""):
    return world.reputation.giveFeedback(
        agent, value, decimals, tag1, tag2, "https://e", URI, HASH, sender=by or world.client
    )


def test_both_registries_are_bound_to_the_identity_one(world):
    for registry in (world.reputation, world.validation):
        assert registry.getIdentityRegistry().lower() == world.identity.address.lower()


def test_feedback_is_told_whole_and_kept_in_part(world, agent):
    rate(world, agent, -32, 1, "tradingYield", "week")
    assert world.told("reputation")["NewFeedback"] == [
        (agent, world.client.lower(), 1, -32, 1, keccak(text="tradingYield"), "tradingYield",
         "week", "https://e", URI, HASH)
    ]  # fmt: skip
    kept = (-32, 1, "tradingYield", "week", False)
    assert tuple(world.reputation.readFeedback(agent, world.client, 1)) == kept
    assert world.reputation.getLastIndex(agent, world.client) == 1
    assert [each.lower() for each in world.reputation.getClients(agent)] == [world.client.lower()]


def test_bounds_of_decimals_and_value(world, agent):
    rate(world, agent, E38, 18)
    rate(world, agent, -E38, 0)
    refuses("too many decimals", rate, world, agent, 1, 19)
    refuses("value too large", rate, world, agent, E38 + 1)
    refuses("value too large", rate, world, agent, -E38 - 1)


@pytest.mark.parametrize("who", ["owner", "operator", "approved"])
def test_nobody_of_the_agent_rates_it(world, agent, who):
    refuses("Self-feedback not allowed", rate, world, agent, by=getattr(world, who))


def test_a_second_key_of_the_same_person_rates_it(world, agent):
    rate(world, agent, 100, by=world.stranger)


def test_an_unknown_agent_is_not_rated(world):
    refuses(ABSENT, rate, world, 7)


def test_feedback_is_revoked_once_by_its_giver(world, agent):
    rate(world, agent)
    revoke = world.reputation.revokeFeedback
    refuses("index must be > 0", revoke, agent, 0, sender=world.client)
    refuses("index out of bounds", revoke, agent, 2, sender=world.client)
    refuses("index out of bounds", revoke, agent, 1, sender=world.stranger)
    revoke(agent, 1, sender=world.client)
    assert world.told("reputation")["FeedbackRevoked"] == [(agent, world.client.lower(), 1)]
    assert world.reputation.readFeedback(agent, world.client, 1)[-1] is True
    refuses("Already revoked", revoke, agent, 1, sender=world.client)


def test_reading_needs_an_index_that_is_there(world, agent):
    rate(world, agent)
    refuses("index must be > 0", world.reputation.readFeedback, agent, world.client, 0)
    refuses("index out of bounds", world.reputation.readFeedback, agent, world.client, 2)


def test_anyone_responds_any_number_of_times(world, agent):
    append = world.reputation.appendResponse
    for by in (world.client, world.stranger):
        rate(world, agent, by=by)
        rate(world, agent, by=by)
    refuses("Empty URI", append, agent, world.client, 1, "", HASH, sender=world.owner)
    refuses("index must be > 0", append, agent, world.client, 0, URI, HASH, sender=world.owner)
    refuses("index out of bounds", append, agent, world.client, 3, URI, HASH, sender=world.owner)
    append(agent, world.client, 1, URI, HASH, sender=world.owner)
    append(agent, world.client, 1, URI, HASH, sender=world.owner)
    append(agent, world.client, 2, URI, HASH, sender=world.approved)
    append(agent, world.stranger, 1, URI, HASH, sender=world.owner)
    assert world.told("reputation")["ResponseAppended"] == [
        (agent, world.stranger.lower(), 1, world.owner.lower(), URI, HASH)
    ]
    count, nobody = world.reputation.getResponseCount, "0x" + "00" * 20
    assert count(agent, nobody, 0, []) == 4
    assert count(agent, world.client, 0, []) == 3
    assert count(agent, world.client, 1, []) == 2
    assert count(agent, world.client, 0, [world.approved]) == 1
    assert count(agent, nobody, 0, [world.owner]) == 3
    assert count(agent, nobody, 0, [world.stranger]) == 0


def test_a_summary_is_of_named_clients_in_the_most_frequent_decimals(world, agent):
    summary, two = world.reputation.getSummary, [world.client, world.stranger]
    refuses("clientAddresses required", summary, agent, [], "", "")
    assert tuple(summary(agent, two, "", "")) == (0, 0, 0)
    rate(world, agent, 1, 0, "a")  # 1
    assert tuple(summary(agent, two, "", "")) == (1, 1, 0)
    rate(world, agent, 25, 1, "a", "x")  # 2.5: each once, so the fewest decimals: 1.75 -> 1
    assert tuple(summary(agent, two, "", "")) == (2, 1, 0)
    rate(world, agent, -101, 1, "b", by=world.stranger)  # -10.1: mean -2.2
    assert tuple(summary(agent, two, "", "")) == (3, -22, 1)
    assert tuple(summary(agent, two, "a", "")) == (2, 1, 0)
    assert tuple(summary(agent, two, "a", "x")) == (1, 25, 1)
    assert tuple(summary(agent, [world.stranger], "", "")) == (1, -101, 1)
    world.reputation.revokeFeedback(agent, 2, sender=world.client)  # 1 and -10.1: -4.55 -> -4
    assert tuple(summary(agent, two, "", "")) == (2, -4, 0)
    assert tuple(summary(agent, two, "a", "x")) == (0, 0, 0)


def test_all_feedback_is_read_by_client_tag_and_state(world, agent):
    rate(world, agent, 1, 0, "a")
    rate(world, agent, 25, 1, "b", "x")
    rate(world, agent, -3, 2, "a", by=world.stranger)
    world.reputation.revokeFeedback(agent, 1, sender=world.client)
    read = world.reputation.readAllFeedback
    client, stranger = world.client.lower(), world.stranger.lower()

    def rows(*asked):
        return [(each[0].lower(), *each[1:]) for each in zip(*read(agent, *asked), strict=True)]

    first, second = (client, 1, 1, 0, "a", "", True), (client, 2, 25, 1, "b", "x", False)
    third = (stranger, 1, -3, 2, "a", "", False)
    assert rows([], "", "", True) == [first, second, third]
    assert rows([], "", "", False) == [second, third]
    assert rows([world.stranger], "", "", True) == [third]
    assert rows([], "a", "", True) == [first, third]
    assert rows([], "", "x", False) == [second]


# validation


def ask(world, agent, *, by="", validator="", digest=HASH):
    return world.validation.validationRequest(
        validator or world.validator, agent, URI, digest, sender=by or world.owner
    )


def answer(world, response, *, digest=HASH, tag="t", by=""):
    return world.validation.validationResponse(
        digest, response, URI, OTHER, tag, sender=by or world.validator
    )


@pytest.mark.parametrize("who", ["owner", "operator", "approved"])
def test_those_of_the_agent_ask(world, agent, who):
    ask(world, agent, by=getattr(world, who))
    assert world.told("validation")["ValidationRequest"] == [
        (world.validator.lower(), agent, URI, HASH)
    ]
    assert world.validation.getAgentValidations(agent) == (HASH,)
    assert world.validation.getValidatorRequests(world.validator) == (HASH,)


def test_wrong_requests(world, agent):
    refuses("Not authorized", ask, world, agent, by=world.stranger)
    refuses("bad validator", ask, world, agent, validator="0x" + "00" * 20)
    refuses(ABSENT, ask, world, 7)
    ask(world, agent)
    refuses("exists", ask, world, agent)


def test_a_hash_is_of_whoever_comes_first(world, agent):
    theirs = world.identity.register(sender=world.stranger)
    ask(world, theirs, by=world.stranger, validator=world.stranger)
    refuses("exists", ask, world, agent)
    assert world.validation.getValidationStatus(HASH)[1] == theirs


def test_one_may_be_ones_own_validator(world, agent):
    ask(world, agent, validator=world.owner)
    answer(world, 100, by=world.owner)
    assert tuple(world.validation.getSummary(agent, [], "")) == (1, 100)


def test_what_is_unanswered_looks_like_zero(world, agent):
    refuses("unknown", world.validation.getValidationStatus, HASH)
    ask(world, agent)
    found = world.validation.getValidationStatus(HASH)
    assert found[0].lower() == world.validator.lower()
    assert tuple(found[1:]) == (agent, 0, bytes(32), "", world.evm.time)
    assert tuple(world.validation.getSummary(agent, [], "")) == (0, 0)


def test_wrong_answers(world, agent):
    refuses("unknown", answer, world, 100)
    ask(world, agent)
    refuses("not validator", answer, world, 100, by=world.owner)
    refuses("resp>100", answer, world, 101)


def test_the_last_answer_counts(world, agent):
    ask(world, agent)
    answer(world, 100)
    world.evm.wait(60)
    answer(world, 0, tag="u")
    assert world.told("validation")["ValidationResponse"] == [
        (world.validator.lower(), agent, HASH, 0, URI, OTHER, "u")
    ]
    found = world.validation.getValidationStatus(HASH)
    assert tuple(found[2:]) == (0, OTHER, "u", world.evm.time)
    assert tuple(world.validation.getSummary(agent, [], "")) == (1, 0)


def test_a_summary_is_of_answers_alone(world, agent):
    for number, (validator, response, tag) in enumerate(
        [(world.validator, 100, "a"), (world.stranger, 33, "a"), (world.validator, 0, "b")]
    ):
        digest = number.to_bytes(32, "big")
        ask(world, agent, validator=validator, digest=digest)
        answer(world, response, digest=digest, tag=tag, by=validator)
    ask(world, agent)  # not answered
    summary = world.validation.getSummary
    assert tuple(summary(agent, [], "")) == (3, 44)
    assert tuple(summary(agent, [], "a")) == (2, 66)
    assert tuple(summary(agent, [world.validator], "")) == (2, 50)
    assert tuple(summary(agent, [world.client], "")) == (0, 0)


# the stand-in's own limits


@pytest.mark.skipif(IS_REFERENCE, reason="the reference has no limits")
def test_limits_of_the_stand_in_are_those_of_its_header(world, agent):
    identity = world.identity
    identity.setAgentURI(agent, "u" * 8_192, sender=world.owner)
    identity.setMetadata(agent, "k" * 64, b"v" * 1_024, sender=world.owner)
    rate(world, agent, tag1="t" * 64, tag2="t" * 64)
    for call in (
        lambda: identity.setAgentURI(agent, "u" * 8_193, sender=world.owner),
        lambda: identity.setMetadata(agent, "k" * 65, b"", sender=world.owner),
        lambda: identity.setMetadata(agent, "k", b"v" * 1_025, sender=world.owner),
        lambda: identity.register("", [("k", b"")] * 17, sender=world.owner),
        lambda: rate(world, agent, tag1="t" * 65),
    ):
        with pytest.raises(Reverted):
            call()
    for _ in range(63):
        rate(world, agent)
    refuses("stand-in is full", rate, world, agent)
