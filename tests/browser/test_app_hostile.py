"""The app against who wishes it ill: names that are HTML, a node and a wallet that lie.

No script of theirs runs, and what is signed is what was typed: held against the calls' bytes.
"""

import json

import pytest
from eth_abi.abi import encode
from eth_utils.address import to_checksum_address
from strongroom.app.history import Terms
from strongroom.app.live import AnnouncedCall, LiveVault
from strongroom.app.page import write_bare_app
from strongroom.app.serving import answering, port_for
from strongroom.chain.ids import MarketId

from tests.browser.browser import CORE, PROGRAM, Browser
from tests.browser.lying_node import CHAIN, HASH, HEAD, RECEIPT, LyingNode, called
from tests.defaults import UNIT

pytestmark = pytest.mark.skipif(
    PROGRAM is None or not CORE.exists(), reason="`apt-get install chromium` and `make setup`"
)
VAULT, TOKEN, OTHER = ("0x" + each * 20 for each in ("11", "22", "44"))
ALICE, BOB = (to_checksum_address("0x" + each * 20) for each in ("a1", "b0"))
TERMS = Terms(200, 2_000, 0, 2**128 - 1, 10**6, "0x" + "00" * 20, False, 1_000, 500, 300, 50,
              3_600, 172_800, 1_209_600)  # fmt: skip
HTML = "<img src=x onerror=robbed()></script><script>robbed()</script>{{ 7 * 7 }}"
DEPOSIT = "form[data-way=deposit]"
BODIES = (b"", b"<html>502</html>", b"null", b"[]", b'{"jsonrpc":"2.0","id":1}', b"\xff\xfe")
NONSENSE = (None, "", "0x", "0xzz", "x", {}, [], 10**400, True, "0x" + "f" * 100_000)


@pytest.fixture(scope="module")
def browser():
    made = Browser()
    yield made
    made.close()


@pytest.fixture
def node():
    made = LyingNode(VAULT)
    yield made
    made.close()


@pytest.fixture
def opened(browser, node, tmp_path):
    """Open the app with Alice's wallet; return what it is told to be."""

    def open_app(connected=True, symbol="pUSD", name="Vault", names=None, calls=(), **options):
        found = {MarketId(each): text for each, text in (names or {}).items()}
        live = LiveVault(VAULT, TOKEN, name, symbol, CHAIN, node.url, 100, calls, found, TERMS,
                         (0, 86_400))  # fmt: skip
        write_bare_app(live, "", tmp_path)
        browser.open(url=url, **options)
        if connected:
            browser.press(name="Connect Test wallet")
            browser.wait(text=ALICE, selector="#position")

    browser.wallet(node=node.url, account=ALICE, chainId=None, refuses=False, knows=True,
                   refuses_after=None, blocks=None, unknown=[], loses=False, lies={},
                   silent=[])  # fmt: skip
    with port_for(tmp_path, 0) as server, answering(server) as url:
        yield open_app
    seen = browser.seen()
    assert [each for each in seen["requests"] if not each.startswith((url, node.url))] == []
    assert "robbed" not in " ".join(seen["said"])
    # the browser tells of answers that are none; an error of ours that nobody caught is one here
    assert [each for each in seen["said"] if "Failed to load resource" not in each] == []


def previewed(browser, amount, form="deposit"):
    browser.fill(form=form, name="amount", text=amount)
    browser.press(name="Preview", form=form)


def test_names_that_are_html_are_text(opened, browser, node):
    market = "0x" + "55" * 32
    call = AnnouncedCall(HASH, HTML, 1, 1, 2**40, HTML)
    node.returns |= {
        "submittedAt": (1,),
        "openMarkets": ([bytes.fromhex(market[2:])],),
        "totalSupply": (10**18,),
    }
    opened(name=HTML, symbol=HTML, names={market: HTML}, calls=(call,))
    assert HTML in browser.text(selector="h1")[0]
    browser.wait(text=HTML, selector="#now-notices")
    browser.wait(text=HTML, selector="#now-cards")
    previewed(browser, "1000")
    browser.wait(text=f"1,000.00 {HTML}", selector=f"{DEPOSIT} .preview")
    assert browser.text(selector="main img, form img, li script") == []


def test_what_the_chain_tells_of_markets_and_queues_is_shown_without_an_audit(
    opened, browser, node
):
    market = "0x" + "55" * 32
    node.returns |= {
        "openMarkets": ([bytes.fromhex(market[2:]), b"\x66" * 32],),
        "epochs": (7, 3),
        "waitingEpochs": ([6],),
        "epochOf": (0, 1_250_000_000, 0, 0, False),  # 1,250 of the token, in each of two epochs
    }
    opened(connected=False, names={market: "Will it rain?"})
    browser.wait(text="Open markets (2): Will it rain?; 0x6666666666...", selector="#now-markets")
    browser.wait(text="2,500.00 pUSD", selector="#now-cards li:nth-child(9)")
    assert "waits to come in" in browser.text(selector="#now-cards li:nth-child(9)")[0]
    node.returns["openMarkets"] = ([],)
    browser.wait(text="No market is open", selector="#now-markets")


def test_announced_calls_are_heard_of_a_node_that_bounds_its_searches(opened, browser, node):
    """At most 100 blocks at once, of 900: each is asked for, and what one of them has is told."""
    seen, call = set(), encode(["uint256", "bytes"], [86_400, b"\x12\x34"]).hex()

    def logs(asked):
        first, last = (int(asked[name], 16) for name in ("fromBlock", "toBlock"))
        if last - first >= 100:
            return {"error": {"code": -32005, "message": "query exceeds max block range 100"}}
        seen.update(range(first, last + 1))
        if not first <= 700 <= last:
            return []
        return [{"address": VAULT, "topics": [*asked["topics"], HASH], "data": f"0x{call}",
                 "blockNumber": hex(700), "transactionHash": HASH, "transactionIndex": "0x0",
                 "blockHash": HASH, "logIndex": "0x0", "removed": False}]  # fmt: skip

    node.says |= {"eth_getLogs": logs, "eth_getBlockByNumber": HEAD | {"number": hex(1_000)}}
    node.returns["submittedAt"] = (5,)
    opened(connected=False)
    browser.wait(text="The owner announced 1 more since block 100", selector="#now-notices")
    assert seen == set(range(101, 1_001))


def test_a_collapsed_price_promises_nothing(opened, browser, node):
    node.returns |= {
        "prices": (10**19, 10**24),  # the first price of a vault of six decimals is 10**24
        "liveEpochs": ([7],),
        "pendingDepositRequest": (10**6,),
        "pendingRedeemRequest": (10**18,),
    }
    opened()
    browser.wait(text="The price has collapsed: no request is dealt", selector="#now-state")
    browser.wait(text="open: the price has collapsed, no report deals", selector="#requests")
    previewed(browser, "1000")
    browser.wait(text="reports deal with no request until", selector=f"{DEPOSIT} .preview")
    assert "sets the price" not in browser.text(selector=f"{DEPOSIT} .preview")[0]
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="Your request waits: the price has collapsed", selector=f"{DEPOSIT} .status")


def test_a_revert_reason_that_is_html_is_text_and_short(opened, browser, node):
    reason = (HTML + "!" * 5_000).encode()
    data = "0x08c379a0" + (32).to_bytes(32).hex() + len(reason).to_bytes(32).hex() + reason.hex()
    node.says["eth_simulateV1"] = [
        {"calls": [{"status": "0x0", "gasUsed": "0x0", "returnData": data}] * 2}
    ]
    opened()
    previewed(browser, "1000")
    browser.wait(text="would revert: <img", selector=f"{DEPOSIT} .status")
    (words,) = browser.text(selector=f"{DEPOSIT} .status")
    assert len(words) < 500
    for cut in ("0x08c379a0", data[:80], data[:150], "0x4e487b71", "0x4e487b71zz"):
        node.says["eth_simulateV1"][0]["calls"][0]["returnData"] = cut
        previewed(browser, "1000")
        browser.wait(text="would revert", selector=f"{DEPOSIT} .status")
    assert browser.text(selector=f"{DEPOSIT} .send") == []


def test_an_approval_goes_to_the_token_of_the_page_whatever_a_node_says(opened, browser, node):
    node.returns["asset"] = (OTHER,)
    opened()
    browser.send("deposit", amount="1000.000001")
    approve, request = (each[0] for each in browser.seen()["signed"])
    assert (approve["to"], request["to"]) == (TOKEN, VAULT)
    assert called(approve["data"]) == ("approve", (VAULT, 1_000_000_001))
    alice = ALICE.lower()
    assert called(request["data"]) == ("requestDeposit", (1_000_000_001, alice, alice))
    assert {each["from"] for each in (approve, request)} == {ALICE}
    assert {each["chainId"] for each in (approve, request)} == {hex(CHAIN)}


@pytest.mark.parametrize("domain", [(CHAIN, OTHER), (1, VAULT)])
def test_no_permit_of_another_contract_is_signed(opened, browser, node, domain):
    """The same words signed for another token would let the spender take that."""
    node.returns["eip712Domain"] = (b"\x0f", "USD Coin", "2", *domain, b"\0" * 32, [])
    opened()
    browser.fill(form="permit", name="spender", text=BOB)
    browser.fill(form="permit", name="amount", text="0.000000000001")
    browser.press(name="Preview", form="permit")
    browser.wait(text="which is not this vault: nothing was", selector="form .status")
    assert browser.text(selector="form[data-way=permit] .send") == []
    assert browser.seen()["signed"] == []


def test_nonsense_of_a_node_is_said_in_words_and_offers_nothing(opened, browser, node):
    opened()
    asked = ("eth_call", "eth_getBlockByNumber", "eth_getBalance", "eth_simulateV1")
    lies = [{"body": body} for body in BODIES]
    lies += [{method: value} for method in asked for value in NONSENSE]
    for lie in lies:
        node.says = lie
        previewed(browser, "1000")
        browser.wait_gone(text="Looking at the chain", selector=f"{DEPOSIT} .status")
        (words,) = browser.text(selector=f"{DEPOSIT} .status")
        assert words.startswith(("The node answers what", "The node does not answer")), lie
        assert browser.text(selector=f"{DEPOSIT} .send") == [], lie
    node.says = {}
    previewed(browser, "1000")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    assert browser.seen()["signed"] == []


def test_the_largest_numbers_change_no_amount(opened, browser, node):
    most = 2**256 - 1
    node.returns |= dict.fromkeys(
        ("balanceOf", "totalSupply", "total_idle", "totalLosses", "totalExposure"), (most,)
    )
    node.returns |= {"navs": (most, most), "prices": (most, most), "depositTerms": (most, 0)}
    node.returns |= {"reference": (most,), "lastReport": (most,), "inflowRoom": (most,)}
    opened(connected=False)
    browser.wait(text="cannot be read", selector="#away")  # no calendar has such a day
    node.returns |= {"lastReport": (10**9,), "depositTerms": (most, 0), "navs": (0, 0)}
    opened()
    browser.send("redeem", amount="123456789012.123456789012345678")
    browser.send("redeem", amount="all")
    amounts = [called(each[0]["data"])[1][0] for each in browser.seen()["signed"]]
    assert amounts == [123456789012123456789012345678, most]


def test_what_was_typed_last_is_what_is_sent(opened, browser, node):
    """A preview that is still being made when another amount is typed is not shown."""
    opened()
    node.open.clear()
    previewed(browser, "100")
    previewed(browser, "7")
    node.open.set()
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    assert len(browser.text(selector=f"{DEPOSIT} .send")) == 1
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="Done.", selector=f"{DEPOSIT} .status")
    amounts = {
        called(each[0]["data"])[1][1 - place] for place, each in enumerate(browser.seen()["signed"])
    }
    assert amounts == {7 * UNIT}


def test_a_preview_for_one_account_is_not_signed_by_another(opened, browser, node):
    """Leaving in kind names who receives: of another account it would give the shares away."""
    opened()
    node.open.clear()
    previewed(browser, "0.000000000001", form="exit")
    browser.tell(event="accountsChanged", value=[BOB])
    node.open.set()
    browser.wait(text=BOB, selector="#position")
    node.asked.clear()
    node.wait_asked("eth_chainId", "eth_chainId")  # what was asked of Alice's is answered by then
    assert browser.text(selector="form[data-way=exit] .send") == []
    previewed(browser, "0.000000000001", form="exit")
    browser.wait(text="Gas takes", selector="form[data-way=exit] .preview")
    browser.press(name="Sign and send", form="exit")
    browser.wait(text="Done.", selector="form[data-way=exit] .status")
    ((sent,),) = browser.seen()["signed"]
    name, (shares, receiver, _) = called(sent["data"])
    assert (name, shares, receiver, sent["from"]) == ("redeemInKind", 10**6, BOB.lower(), BOB)


@pytest.mark.parametrize("accounts", [None, "x", {}, [], [7], ["0x12"], [HTML]])
def test_a_wallet_without_an_account_connects_nobody(opened, browser, accounts):
    browser.wallet(lies={"eth_requestAccounts": accounts})
    opened(connected=False)
    browser.press(name="Connect Test wallet")
    browser.wait(text="The vault is open", selector="#now-state")
    assert browser.text(selector="#position") == [""]
    assert browser.text(selector="fieldset:disabled") != []


@pytest.mark.parametrize("chain", [None, "x", "0x1", 1, {}, "0x89x"])
def test_a_wallet_of_no_or_another_chain_signs_nothing(opened, browser, chain):
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    browser.wallet(lies={"eth_chainId": chain})
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="nothing was sent", selector=f"{DEPOSIT} .status")
    assert browser.seen()["signed"] == []


LOST = [{"error": {"code": code, "message": "disconnected"}} for code in (4900, 4901)]
SLOW = {"error": {"code": -32002, "message": "request timed out"}}  # a node's, by way of the wallet


@pytest.mark.parametrize("told", [None, "", "0x12", HTML, {}, 7, *LOST, SLOW])
def test_a_wallet_that_names_no_transaction_may_have_sent_one(opened, browser, node, told):
    node.returns["allowance"] = (2**255,)
    browser.wallet(lies={"eth_sendTransaction": told})
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="did not say whether it sent requestDeposit", selector="form .status")
    assert browser.text(selector=f"{DEPOSIT} .send") == []


def test_a_wallet_with_a_question_open_has_sent_nothing(opened, browser, node):
    node.returns["allowance"] = (2**255,)
    busy = {"code": -32002, "message": "Request of type 'eth_sendTransaction' already pending"}
    browser.wallet(lies={"eth_sendTransaction": {"error": busy}})
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="Your wallet has a question open already", selector=f"{DEPOSIT} .status")
    assert browser.text(selector=f"{DEPOSIT} .send") != []


def test_another_chain_says_nothing_of_what_was_sent(opened, browser, node):
    """A wallet that the page asks through was switched: what its other chain has tells nothing."""
    sent_in_a_block_that_is_not_final(opened, browser, node)
    node.says |= {"eth_chainId": "0x1", "eth_getTransactionReceipt": None}
    node.says["eth_getTransactionCount"] = "0x6"
    browser.wait(text="Your wallet is on another chain", selector="#sent li")
    (line,) = browser.text(selector="#sent li")
    assert "block 101" in line and "do not send it again" in line and "undid" not in line
    for each in ("eth_chainId", "eth_getTransactionReceipt", "eth_getTransactionCount"):
        del node.says[each]
    browser.wait(text="requestDeposit: block 100", selector="#sent li")


def test_a_node_that_errs_of_what_is_final_is_asked_again(opened, browser, node):
    node.returns["allowance"] = (2**255,)
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    node.says["eth_getBlockByNumber"] = {"error": {"code": -32005, "message": "limit exceeded"}}
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="does not say now whether it is final", selector="#sent")
    node.says.clear()
    browser.wait(text="inal", selector="#sent")


def test_what_waits_is_followed_on_when_the_page_is_loaded_anew(opened, browser, node):
    node.returns["allowance"] = (2**255,)
    node.says["eth_getTransactionReceipt"] = None
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="it waits for a block", selector="#sent")
    browser.reload()
    browser.wait(text="requestDeposit was sent (0x", selector="#sent")
    node.says.clear()
    browser.wait(text="Final", selector="#sent")
    browser.reload()
    browser.wait(text="The vault is open", selector="#now-state")
    assert browser.text(selector="#sent li") == []


@pytest.mark.parametrize(
    "receipt", [{"error": {"code": -32005, "message": "limit exceeded"}}, "x", {"status": "zz"}, 7]
)
def test_what_was_sent_is_never_offered_again_whatever_a_node_says(opened, browser, node, receipt):
    node.returns["allowance"] = (2**255,)
    node.says["eth_getTransactionReceipt"] = receipt
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="do not send it again", selector=f"{DEPOSIT} .status")
    assert browser.text(selector=f"{DEPOSIT} .send:enabled") == []
    node.says.clear()
    browser.wait(text="Done.", selector=f"{DEPOSIT} .status")
    assert len(browser.seen()["signed"]) == 1


def test_what_another_account_would_send_is_refused_while_gas_is_estimated(opened, browser, node):
    opened()
    previewed(browser, "0.000000000001", form="exit")
    browser.wait(text="Gas takes", selector="form[data-way=exit] .preview")
    node.held = {"eth_estimateGas"}
    node.open.clear()
    browser.press(name="Sign and send", form="exit")
    node.wait_asked("eth_simulateV1", "eth_estimateGas")
    browser.tell(event="accountsChanged", value=[BOB])
    browser.wait(text=BOB, selector="#position")
    node.open.set()
    browser.wait(text="another account now", selector="form[data-way=exit] .status")
    assert browser.text(selector="form[data-way=exit] .send") == []
    assert browser.seen()["signed"] == []


def test_a_form_carries_one_thing_out_at_a_time(opened, browser, node):
    """Until it is in a block nothing in the form can be pressed or typed, and its hash is seen."""
    node.returns["allowance"] = (2**255,)
    node.says["eth_getTransactionReceipt"] = None
    opened()
    for _ in range(2):  # two looks at the same leave one thing to press
        previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    assert len(browser.text(selector=f"{DEPOSIT} .send")) == 1
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text=f"requestDeposit was sent ({HASH})", selector=f"{DEPOSIT} .status")
    browser.wait(text=f"requestDeposit was sent ({HASH})", selector="#sent li")
    assert browser.text(selector=f"{DEPOSIT} :is(input, button):enabled") == []
    assert len(browser.text(selector="form[data-way=redeem] button:enabled")) == 2
    browser.tell(event="accountsChanged", value=[BOB])
    browser.wait(text=BOB, selector="#position")
    for selector in (f"{DEPOSIT} .status", "#sent li"):
        assert HASH in browser.text(selector=selector)[0]
    node.says.clear()
    browser.wait(text="Done.", selector=f"{DEPOSIT} .status")
    assert len(browser.text(selector=f"{DEPOSIT} button:enabled")) == 2
    assert len(browser.seen()["signed"]) == 1


def sent_in_a_block_that_is_not_final(opened, browser, node):
    node.returns["allowance"] = (2**255,)
    node.says["eth_getTransactionReceipt"] = RECEIPT | {"blockNumber": "0x65"}
    node.says["eth_getTransactionByHash"] = {"nonce": "0x5"}
    opened(clock=True)
    browser.send("deposit", amount="10")
    browser.wait(text="requestDeposit: block 101, 21,000 gas", selector="#sent li")
    browser.wait(text="Not final yet.", selector="#sent li")


def test_what_failed_in_its_new_block_is_not_said_to_be_done(opened, browser, node):
    sent_in_a_block_that_is_not_final(opened, browser, node)
    node.says["eth_getTransactionReceipt"] = RECEIPT | {"status": "0x0"}
    browser.wait(text="Final.", selector="#sent li")
    (line,) = browser.text(selector="#sent li")
    assert line.startswith(f"requestDeposit failed in block 100 ({HASH}): nothing but gas was")


def test_what_lost_its_nonce_after_its_block_was_undone_waits_no_more(opened, browser, node):
    sent_in_a_block_that_is_not_final(opened, browser, node)
    node.says |= {"eth_getTransactionReceipt": None, "eth_getTransactionByHash": None}
    node.says["eth_getTransactionCount"] = "0x5"  # so many were mined: its nonce is free
    browser.wait(text=f"undid block 101; transaction {HASH} waits", selector="#sent li")
    node.says["eth_getTransactionCount"] = "0x6"
    node.asked.clear()
    node.wait_asked("eth_getTransactionCount", "eth_getTransactionCount")
    assert "took the place" not in browser.text(selector="#sent li")[0]  # a node may be late
    browser.later(ms=31_000)
    browser.wait(text=f"took the place of requestDeposit ({HASH})", selector="#sent li")


def test_what_fails_in_its_block_is_followed_and_not_offered_again(opened, browser, node):
    node.returns["allowance"] = (2**255,)
    node.says["eth_getTransactionReceipt"] = RECEIPT | {"status": "0x0"}
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="requestDeposit failed in block 100", selector=f"{DEPOSIT} .status")
    browser.wait(text="requestDeposit failed in block 100", selector="#sent li")
    assert browser.text(selector=f"{DEPOSIT} .send") == []


# EIP-55's own examples
GOOD = ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359")


@pytest.mark.parametrize(("form", "name"), [("operator", "operator"), ("permit", "spender")])
def test_a_mistyped_address_is_refused(opened, browser, node, form, name):
    opened()
    if form == "permit":
        browser.fill(form=form, name="amount", text="0.000000000001")
    status, preview = (f"form[data-way={form}] {each}" for each in (".status", ".preview"))
    for good in GOOD:
        for wrong in (good.replace("E", "e"), good[:-1] + ("e" if good[-1] == "d" else "8")):
            browser.fill(form=form, name=name, text=wrong)
            browser.press(name="Preview", form=form)
            browser.wait(text=f"{wrong} is mistyped: its capitals", selector=status)
            assert browser.text(selector=f"{preview} .send") == []
        for right in (good, f" {good} ", good.lower(), "0x" + good[2:].upper()):
            browser.fill(form=form, name=name, text=right)
            browser.press(name="Preview", form=form)
            browser.wait(text=good, selector=preview)


@pytest.mark.parametrize(
    ("method", "said", "words"),
    [
        ("eth_estimateGas", "ERC20: transfer amount exceeds balance", "did not work: ERC20: tra"),
        (
            "eth_estimateGas",
            "VM Exception while processing transaction: reverted with reason string 'ERC20: "
            "transfer amount exceeds balance'",
            "would revert: ERC20: transfer amount exceeds balance",
        ),
        ("eth_estimateGas", "execution reverted: insufficient funds", "would revert: insuffic"),
        ("eth_sendTransaction", "ERC20: transfer amount exceeds balance", "did not say whether"),
        ("eth_sendTransaction", "execution reverted: insufficient funds", "did not say whether"),
        (
            "eth_sendTransaction",
            "insufficient funds for gas * price + value: have 1 want 2",
            "too little of the chain's coin to pay for gas: nothing was sent",
        ),
        (
            "eth_sendTransaction",
            "Upfront cost exceeds account balance",
            "too little of the chain's coin to pay for gas: nothing was sent",
        ),
    ],
)
def test_too_little_of_a_token_is_not_too_little_gas(opened, browser, node, method, said, words):
    node.returns["allowance"] = (2**255,)
    node.says[method] = {"error": {"code": -32000, "message": said}}
    opened()
    previewed(browser, "10")
    browser.wait(text="Gas takes", selector=f"{DEPOSIT} .preview")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text=words, selector=f"{DEPOSIT} .status")


def test_the_page_is_not_made_of_what_a_name_says(opened, browser, tmp_path):
    """The configuration is one element of data, whatever stands in it."""
    opened(name=HTML, symbol=HTML)
    text = (tmp_path / "index.html").read_text()
    assert "<img src=x" not in text and json.dumps(HTML)[1:-1] not in text
