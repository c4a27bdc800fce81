"""The app in Chromium, with a wallet whose account anvil signs for: every flow end to end."""

import gzip
import json
from pathlib import Path

import ape
import pytest
from strongroom.app.command import PageOptions, run_app
from strongroom.app.serving import answering, port_for
from strongroom.chain.contracts import Contracts
from strongroom.depositor.preview import Depositor
from strongroom.depositor.vault import DepositorVault

from tests.browser.browser import CORE, PROGRAM, Browser
from tests.defaults import DAY, SHARE, UNIT

pytestmark = pytest.mark.skipif(
    PROGRAM is None or not CORE.exists(), reason="`apt-get install chromium` and `make setup`"
)
SHOTS = Path("build") / "shots"
PRESSED = {
    "`strongroom claim`": '"Claim"',
    "`strongroom exit`": '"Leave in kind"',
    "`strongroom cancel`": '"Take back"',
}


@pytest.fixture(scope="module")
def browser():
    made = Browser()
    yield made
    made.close()


@pytest.fixture
def place(make_vault, people, venue, deployer, report, tmp_path, browser):
    """A vault, Alice with 5,000 pUSD, and what opens the app with her wallet."""
    vault, node = make_vault(), ape.networks.provider.uri
    venue.fund(deployer, people.alice, 5_000 * UNIT)
    browser.wallet(
        node=node,
        account=people.alice.address,
        chainId=None,
        refuses=False,
        knows=True,
        refuses_after=None,
        blocks=None,
        unknown=[],
        loses=False,
        silent=[],
        lies={},
    )
    with port_for(tmp_path, 0) as server, answering(server) as url:

        def open_app(connected=True, audited=False, browser_rpc=node, **options):
            run_app(PageOptions(vault.address, node, out=tmp_path), browser_rpc, audited)
            took = browser.open(url=url, **options)
            if connected:
                browser.press(name="Connect Test wallet")
                browser.wait(text=people.alice.address, selector="#position")
            return took

        open_app.url = url
        yield vault, people.alice, open_app, report


def told(vault, who):
    """Return the depositor's view that the commands have, at this moment."""
    chain = Contracts(ape.networks.provider.uri)
    return Depositor(DepositorVault(chain, vault.address), who.address, chain.now())


def as_pressed(lines):
    """Return the commands' lines as the app names its buttons."""
    found = "\n".join(lines)
    for typed, pressed in PRESSED.items():
        found = found.replace(typed, pressed)
    return found.splitlines()


def test_a_deposit_and_its_way_back(place, browser, venue):
    vault, alice, open_app, report = place
    open_app()
    expected = as_pressed(told(vault, alice).deposit(1_000 * UNIT).lines)
    lines = browser.send("deposit", amount="1000")
    assert lines[:-1] == expected and "the first lets the vault take 1,000.00 pUSD" in lines[1]
    assert venue.pusd.balanceOf(alice) == 4_000 * UNIT
    browser.wait(text="deposit request 1: 1,000.00 pUSD, open", selector="#requests")
    report(vault)
    report(vault)
    browser.wait(text='settled: take it with "Claim"', selector="#requests")
    expected = as_pressed(told(vault, alice).claim().lines)
    assert browser.send("claim")[:-1] == expected
    assert vault.balanceOf(alice) == 1_000 * SHARE
    browser.wait(text="1,000.000000, 1,000.00 pUSD at the bid", selector="#position")

    expected = as_pressed(told(vault, alice).redeem(400 * SHARE).lines)
    assert browser.send("redeem", amount="400")[:-1] == expected
    report(vault)
    report(vault)
    browser.wait(text="assets to claim", selector="#position")
    browser.wait(text="400.00 pUSD", selector="#position")
    browser.send("claim")
    assert venue.pusd.balanceOf(alice) == 4_400 * UNIT
    seen = browser.seen()
    assert seen["said"] == []


def invested(place, browser):
    """Deposit 1,000 for Alice by the chain alone, and open the app."""
    vault, alice, open_app, report = place
    asset = ape.Contract(vault.asset(), abi=ape.project.PUsd.contract_type.abi)
    asset.approve(vault, 2**256 - 1, sender=alice)
    vault.requestDeposit(1_000 * UNIT, alice, alice, sender=alice)
    report(vault)
    report(vault)
    vault.deposit(1_000 * UNIT, alice, sender=alice)
    return vault, alice, open_app, report


def test_a_request_is_taken_back(place, browser, venue):
    vault, alice, open_app, report = invested(place, browser)
    open_app()
    browser.send("deposit", amount="all")
    assert venue.pusd.balanceOf(alice) == 0
    browser.wait(text="deposit request 2, 4,000.00 pUSD", selector="#cancel-request option")
    view = told(vault, alice)
    expected = as_pressed(view.cancel(view.to_take_back()[0]).lines)
    assert browser.send("cancel")[:-1] == expected
    assert venue.pusd.balanceOf(alice) == 4_000 * UNIT
    browser.send("redeem", amount="10.5")
    report(vault)
    browser.wait(text="closed: the next report can deal with it", selector="#requests")
    browser.press(name="Preview", form="cancel")
    browser.wait(text="no request that can be taken back now", selector="form[data-way=cancel]")


def test_leaving_in_kind(place, browser, people, venue, open_market, give_tokens):
    """Holding by holding as the command says; what is skipped is given up; a request goes whole."""
    vault, alice, open_app, report = invested(place, browser)
    markets = [open_market(vault) for _ in range(2)]
    for each in markets:
        vault.allocate(each.id, 100 * UNIT, sender=people.keeper)
    give_tokens(markets[0], yes=50 * UNIT)
    second = "0x" + markets[1].id.hex()
    open_app()
    browser.fill(form="exit", name="amount", text="100")
    browser.press(name="Preview", form="exit")
    browser.wait(text="5.00 YES, 0.00 NO", selector="form[data-way=exit] .preview")
    assert browser.lines("exit")[:-1] == as_pressed(
        told(vault, alice).exit(100 * SHARE, None).lines
    )
    browser.press_text(text="Give up your part of a market")
    browser.check(selector=f"input[value='{second}']")
    expected = as_pressed(told(vault, alice).exit(100 * SHARE, None, (second,)).lines)
    lines = browser.send("exit")
    assert lines[:-1] == expected and "you give your part up" in " ".join(lines)
    assert vault.balanceOf(alice) == 900 * SHARE
    assert venue.pusd.balanceOf(alice) == 4_090 * UNIT
    assert venue.ctf.balanceOf(alice, markets[0].account.tokenIds()[0]) == 5 * UNIT

    browser.send("redeem", amount="300")
    report(vault, ("0.5", "0.6"), ("0.5", "0.6"))
    browser.wait(text="those of redeem request 1", selector="#exit-request option")
    browser.choose(form="exit", name="request", text="1")
    view = told(vault, alice)
    request = view.redemption(1)
    expected = as_pressed(view.exit(request.pending, request).lines)
    assert browser.send("exit")[:-1] == expected
    assert vault.balanceOf(alice) == 600 * SHARE and vault.liveEpochs(1, alice) == []


def test_operators_and_permits(place, browser, people):
    vault, alice, open_app, _ = invested(place, browser)
    open_app()
    browser.send("operator", operator=people.bob.address.lower())
    assert vault.isOperator(alice, people.bob)
    browser.fill(form="operator", name="operator", text=people.bob.address)
    browser.press(name="Preview", form="operator")
    browser.wait(text="is your operator already", selector="form[data-way=operator] .lacks")
    browser.choose(form="operator", name="approved", text="no")
    browser.send("operator")
    assert not vault.isOperator(alice, people.bob)
    for wrong, words in (("0x12", "is not an address"), (alice.address, "your own account")):
        browser.fill(form="operator", name="operator", text=wrong)
        browser.press(name="Preview", form="operator")
        browser.wait(text=words, selector="form[data-way=operator] .status")

    browser.fill(form="permit", name="spender", text=people.bob.address)
    browser.fill(form="permit", name="amount", text="12.5")
    browser.press(name="Preview", form="permit")
    browser.wait(text="may take up to 12.500000 of your shares", selector="form[data-way=permit]")
    browser.press(name="Sign", form="permit")
    browser.wait(text="Done.", selector="form[data-way=permit] .status")
    signed = json.loads(browser.value(selector="#permit-text"))
    vault.permit(
        alice, people.bob, int(signed["value"]), int(signed["deadline"]), signed["v"],
        signed["r"], signed["s"], sender=people.carol,
    )  # fmt: skip
    assert vault.allowance(alice, people.bob) == 12_500_000 * 10**12


def test_what_is_lacking_is_said_before_anything_is_signed(place, browser, people, deployer):
    """The commands' own sentences; the wallet is never asked to send."""
    vault, alice, open_app, _ = place
    open_app()

    def lacks(amount):
        browser.fill(form="deposit", name="amount", text=amount)
        browser.press(name="Preview", form="deposit")
        browser.wait(text="This cannot go through", selector="form[data-way=deposit] .lacks")
        (words,) = browser.text(selector="form[data-way=deposit] .lacks")
        return words.removeprefix("This cannot go through: ").removesuffix(".")

    def expected(amount):
        return "; ".join(told(vault, alice).deposit(amount).lacks)

    assert lacks("7000") == expected(7_000 * UNIT) != ""
    vault.setDepositTerms(2_000 * UNIT, 10 * UNIT, sender=people.owner)
    assert lacks("9.99") == expected(9_990_000) == "the smallest deposit is 10.00 pUSD"
    assert lacks("2000.01") == expected(2_000_010_000) != ""
    vault.setAllowList(deployer.deploy(ape.project.AllowList), False, sender=people.owner)
    assert "is not on the vault's allow-list" in lacks("10") == expected(10 * UNIT)
    vault.pause(sender=people.guardian)
    assert "the vault is paused" in lacks("10") == expected(10 * UNIT)
    browser.wait(text="The vault is paused: it takes no deposits", selector="#now-state")
    vault.unpause(sender=people.owner)
    vault.setAllowList("0x" + "00" * 20, False, sender=people.owner)
    ape.networks.provider.set_balance(alice.address, 10**9)
    assert "gas may take" in lacks("10")
    for amount, words in (
        ("0", "more than 0"),
        ("-1", "more than 0"),
        ("x", "'x' is not a number"),
        ("0.0000001", "use at most 6"),
        ("1e40", "more than any vault holds"),
    ):
        browser.fill(form="deposit", name="amount", text=amount)
        browser.press(name="Preview", form="deposit")
        browser.wait(text=words, selector="form[data-way=deposit] .status")
    ape.networks.provider.set_balance(alice.address, 10**20)
    vault.windDown(sender=people.guardian)
    assert "winding down" in lacks("10") == expected(10 * UNIT)
    browser.wait(text="The vault is winding down", selector="#now-state")
    assert not {"eth_sendTransaction", "eth_signTypedData_v4"} & set(browser.seen()["asked"])


def test_a_paused_vault_and_one_that_winds_down_let_everybody_out(place, browser, people, venue):
    """Paused: a redemption is asked for and claimed. Winding down: the rest leaves in kind."""
    vault, alice, open_app, report = invested(place, browser)
    vault.pause(sender=people.guardian)
    open_app()
    browser.wait(text="redemptions and exits in kind go on", selector="#now-state")
    browser.send("redeem", amount="100")
    report(vault)
    report(vault)
    browser.wait(text="settled: take it with", selector="#requests")
    browser.send("claim")
    vault.windDown(sender=people.guardian)
    browser.wait(text="gives everything back", selector="#now-state")
    assert browser.preview("deposit", until="it accepts no deposits", amount="10") == []
    expected = as_pressed(told(vault, alice).redeem(SHARE).lines)
    assert browser.preview("redeem", amount="1")[:-1] == expected
    browser.send("exit", amount="all")
    assert vault.balanceOf(alice) == 0 and venue.pusd.balanceOf(alice) == 5_000 * UNIT


def test_a_stale_vault_gives_requests_back(place, browser, chain):
    vault, alice, open_app, report = invested(place, browser)
    open_app()
    browser.send("deposit", amount="100")
    report(vault)
    chain.mine(deltatime=vault.limit(8) + 1)
    browser.wait(text="the vault is stale", selector="#now-state")
    browser.wait(text="none comes at present (the last report is too old)", selector="#requests")
    view = told(vault, alice)
    for form, expected in (
        ("deposit", view.deposit(5 * UNIT)), ("redeem", view.redeem(5 * SHARE))
    ):  # fmt: skip
        lines = browser.preview(form, amount="5")
        assert lines[:-1] == as_pressed(expected.lines)
        assert "No report comes at present" in "".join(lines)
    browser.send("cancel")
    assert vault.liveEpochs(0, alice) == []


def test_a_refused_signature_sends_nothing_and_names_what_was_sent(place, browser):
    _, alice, open_app, _ = place
    browser.wallet(refuses=True)
    open_app(connected=False)
    browser.press(name="Connect Test wallet")
    browser.wait(text="You refused in your wallet", selector="#wallet-state")
    browser.wallet(refuses=False)
    browser.press(name="Connect Test wallet")
    browser.wait(text=alice.address, selector="#position")
    before = alice.nonce
    browser.wallet(refuses=True)
    browser.fill(form="deposit", name="amount", text="10")
    browser.press(name="Preview", form="deposit")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="You refused in your wallet: nothing was sent", selector="form .status")
    assert alice.nonce == before
    browser.wallet(refuses=False, refuses_after=1)
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="approve was sent before (0x", selector="form .status")
    (told_,) = browser.text(selector="form[data-way=deposit] .status")
    assert "You refused in your wallet" in told_ and alice.nonce == before + 1
    browser.wallet(refuses_after=None)
    lines = browser.send("deposit", amount="10")
    assert "Two transactions" not in " ".join(lines)


def test_what_may_have_been_sent_is_not_offered_again(place, browser, venue):
    """The wallet sends, and its answer is an error: nobody knows, so there is nothing to press."""
    vault, alice, open_app, _ = invested(place, browser)
    open_app()
    browser.fill(form="deposit", name="amount", text="10")
    browser.press(name="Preview", form="deposit")
    browser.wallet(loses=True)
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="did not say whether it sent requestDeposit: look", selector="form .status")
    assert browser.text(selector="form[data-way=deposit] .send") == []
    browser.wait(text="deposit request 2: 10.00 pUSD, open", selector="#requests")
    assert venue.pusd.balanceOf(alice) == 3_990 * UNIT and vault.epochOf(0, 2)[1] == 10 * UNIT


def test_a_node_of_another_chain_is_named(place, browser, tmp_path):
    _, _, open_app, _ = place
    open_app(connected=False)
    page, here = tmp_path / "index.html", ape.networks.provider.chain_id
    page.write_text(page.read_text().replace(f'"chain_id": {here}', '"chain_id": 137'))
    browser.open(url=open_app.url)
    browser.wait(text=f"node of chain {here}, the vault is on chain 137", selector="#away")


def test_another_chain_is_named_and_nothing_is_sent_there(place, browser):
    _, alice, open_app, _ = place
    browser.wallet(chainId="0x1")
    open_app(connected=False)
    browser.press(name="Connect Test wallet")
    browser.wait(text="Your wallet is on chain 1, the vault is on chain", selector="#wrong-chain")
    assert browser.text(selector="fieldset:disabled") != []
    browser.wallet(knows=False)
    name = f"Switch to chain {ape.networks.provider.chain_id}"
    browser.press(name=name)
    browser.wait(text=alice.address, selector="#position")
    assert "wallet_addEthereumChain" in browser.seen()["asked"]
    browser.fill(form="deposit", name="amount", text="10")
    browser.press(name="Preview", form="deposit")
    browser.wait(text="Gas takes", selector="form[data-way=deposit] .preview")
    browser.wallet(chainId="0x1")  # without a word of it
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="Your wallet is on chain 1", selector="form[data-way=deposit] .status")
    assert "eth_sendTransaction" not in browser.seen()["asked"]


def test_a_node_that_goes_away_is_said_and_what_stands_is_dated(place, browser, venue):
    _, alice, open_app, _ = place
    open_app()
    node = ape.networks.provider.uri
    browser.block(url=node)
    browser.wait(text="The node does not answer", selector="#away")
    (words,) = browser.text(selector="#away")
    assert f"What stands here is of block {ape.chain.blocks.height}" in words
    browser.press(name="Preview", form="claim")
    browser.wait(text="The node does not answer", selector="form[data-way=claim] .status")
    browser.unblock(url=node)
    browser.fill(form="deposit", name="amount", text="10")
    browser.press(name="Preview", form="deposit")
    browser.wait(text="Gas takes", selector="form[data-way=deposit] .preview")
    browser.wallet(blocks=node)  # as soon as the wallet has sent, the page hears nothing
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="do not send it again; this page waits", selector="form .status")
    browser.unblock(url=node)
    browser.wait(text="Done.", selector="form[data-way=deposit] .status")
    assert venue.pusd.balanceOf(alice) == 4_990 * UNIT


def test_a_block_that_the_chain_undoes_is_said(place, browser):
    """And then that its nonce went to another one, on which it waits no more."""
    _, alice, open_app, _ = invested(place, browser)
    open_app(clock=True)
    snapshot = ape.networks.provider.make_request("evm_snapshot", [])
    browser.send("deposit", amount="10")
    browser.wait(text="Not final yet", selector="#sent")
    ape.networks.provider.make_request("evm_revert", [snapshot])
    browser.wait(text="the chain undid block", selector="#sent")
    browser.wait(text="waiting deposit", selector="#position")
    ask = ape.networks.provider.make_request
    ask("eth_sendTransaction", [{"from": alice.address, "to": alice.address}])
    browser.wait_seen(method="eth_getTransactionCount")
    browser.later(ms=31_000)
    browser.wait(text="took the place of requestDeposit", selector="#sent")


def test_a_transaction_that_another_one_replaced_is_said(place, browser):
    """It waits, the node forgets it, and the account's next one has its nonce. For half a minute a
    node behind the same address may only be late; then it is said, and the form is empty."""
    _, alice, open_app, _ = invested(place, browser)
    open_app(clock=True)
    ask = ape.networks.provider.make_request
    ask("evm_setAutomine", [False])
    try:
        browser.fill(form="redeem", name="amount", text="1")
        browser.press(name="Preview", form="redeem")
        browser.press(name="Sign and send", form="redeem")
        browser.wait(text="requestRedeem was sent (0x", selector="form[data-way=redeem] .status")
        (words,) = browser.text(selector="form[data-way=redeem] .status")
        browser.wait_seen(method="eth_getTransactionCount")  # asked of a nonce that it knows
        ask("anvil_dropTransaction", [words.partition("(")[2].partition(")")[0]])
        ask("eth_sendTransaction", [{"from": alice.address, "to": alice.address}])
        ask("evm_mine", [])
        browser.wait_seen(method="eth_getTransactionCount")
        browser.wait(text="it waits for a block", selector="form[data-way=redeem] .status")
        browser.later(ms=31_000)
        browser.wait(text="took the place of requestRedeem", selector="form .status")
        assert browser.value(selector="form[data-way=redeem] [name=amount]") == ""
    finally:
        ask("evm_setAutomine", [True])


def test_a_transaction_is_followed_until_it_is_final(place, browser):
    _, _, open_app, _ = invested(place, browser)
    open_app()
    browser.send("deposit", amount="10")
    ape.networks.provider.make_request("anvil_mine", ["0x60"])
    browser.wait(text="Final.", selector="#sent")


def test_it_is_readable_by_everybody(place, browser, people, open_market, tmp_path):
    """axe finds nothing, nothing is cut at any width, light and dark; the keyboard alone deposits;
    nobody is asked but this machine and the node."""
    vault, alice, open_app, report = invested(place, browser)
    market = open_market(vault)
    vault.allocate(market.id, 100 * UNIT, sender=people.keeper)
    report(vault, ("0.5", "0.6"))
    vault.requestRedeem(10 * SHARE, alice, alice, sender=alice)
    for audited in (True, False):
        for width, dark in ((390, False), (390, True), (768, False), (1_280, True), (1_600, False)):
            open_app(audited=audited, width=width, dark=dark)
            browser.wait(text="redeem request 1", selector="#requests")
            browser.fill(form="deposit", name="amount", text="7000")
            browser.press(name="Preview", form="deposit")
            browser.wait(text="This cannot go through", selector=".lacks")
            browser.fill(form="exit", name="amount", text="10")
            browser.press(name="Preview", form="exit")
            browser.wait(text="Gas takes", selector="form[data-way=exit] .preview")
            assert browser.axe() == []
            assert (browser.wide(), browser.cut()) == (0, [])
            kind = f"{width}-{'dark' if dark else 'light'}-{'audit' if audited else 'bare'}"
            browser.shot(path=str(SHOTS / f"{kind}.png"))
    browser.print(path=str(SHOTS / "print.png"))
    node = ape.networks.provider.uri
    seen = browser.seen()
    assert seen["said"] == []
    assert {each for each in seen["requests"] if not each.startswith((open_app.url, node))} == set()


def test_the_keyboard_alone_deposits(place, browser, venue):
    _, alice, open_app, _ = place
    open_app(connected=False)
    for _ in range(2):  # past the link to the content
        browser.keys(keys=["Tab"])
    assert browser.focused() == "Connect Test wallet"
    browser.keys(keys=["Enter"])
    browser.wait(text=alice.address, selector="#position")
    browser.keys(keys=["Tab", *"25", "Enter"])
    browser.wait(text="Gas takes", selector="form[data-way=deposit] .preview")
    assert browser.focused() == "Sign and send"
    browser.keys(keys=["Enter"])
    browser.wait(text="Done.", selector="form[data-way=deposit] .status")
    assert venue.pusd.balanceOf(alice) == 4_975 * UNIT


def test_what_the_owner_announced_is_said_also_what_came_after_the_page(
    place, browser, people, chain
):
    vault, alice, open_app, _ = place
    selector = vault.setReporter.encode_input(people.mallory)[:4]
    vault.increaseDelay(selector, 3 * DAY, sender=people.owner)
    calls = [vault.setReporter.encode_input(each) for each in (people.mallory, people.bob)]
    vault.submit(calls[0], sender=people.owner)
    open_app()
    expected = as_pressed(told(vault, alice).deposit(10 * UNIT).lines)
    assert f"to make {people.mallory.address} the reporter" in " ".join(expected)
    lines = browser.send("deposit", amount="10")
    assert lines[:-1] == expected
    vault.submit(calls[1], sender=people.owner)
    browser.wait(text="The owner announced 1 more since block", selector="#now-notices")
    vault.revoke(calls[0], sender=people.owner)
    browser.wait_gone(text=people.mallory.address, selector="#now-notices")
    chain.pending_timestamp += 3 * DAY + 1
    vault.submit(calls[0], sender=people.owner)  # again: the page's own notice is not of it
    browser.wait(text="The owner announced 2 more since block", selector="#now-notices")


def test_the_first_view_is_small_and_fast(place, browser, tmp_path):
    """Under 300 kB compressed, and under a second of CPU until it shows the vault as it is now:
    that is the page's own work, whatever else this machine does."""
    _, _, open_app, _ = place
    worked = []
    for _ in range(3):
        took = open_app(connected=False, audited=True)
        browser.wait(text="The vault is open", selector="#now-state")
        worked.append(browser.worked())
    size = sum(len(gzip.compress((tmp_path / n).read_bytes())) for n in ("index.html", "app.js"))
    names = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")
    whole, scripts, layout, styles = (max(each[name] for each in worked) for name in names)
    print(
        f"first view {size / 1_000:.0f} kB; {whole:.0f} ms of CPU until it shows the vault, of "
        f"them scripts {scripts:.0f}, layout {layout + styles:.0f}; {took} ms by the clock"
    )
    assert size < 300_000
    assert 0 < scripts < whole < 1_000


def test_without_a_node_of_its_own_the_page_asks_through_the_wallet(place, browser, venue):
    """Nor does that node try two transactions at once: the second is tried before it is signed."""
    _, alice, open_app, _ = place
    browser.wallet(unknown=["eth_simulateV1"])
    open_app(browser_rpc="")
    browser.wait(text="The vault is open", selector="#now-state")
    browser.fill(form="deposit", name="amount", text="1000")
    browser.press(name="Preview", form="deposit")
    browser.wait(text="This node tries one transaction at a time", selector="form .preview")
    browser.press(name="Sign and send", form="deposit")
    browser.wait(text="Done.", selector="form[data-way=deposit] .status")
    assert venue.pusd.balanceOf(alice) == 4_000 * UNIT
    node = ape.networks.provider.uri
    assert not [each for each in browser.seen()["requests"] if each.startswith(node)]


def test_a_wallet_that_never_answers_is_said_and_asked_again(place, browser):
    """It keeps the page's only questions to the chain: what stood there is dated, and goes on."""
    _, _, open_app, _ = place
    open_app(browser_rpc="")
    browser.wait(text="The vault is open", selector="#now-state")
    browser.wallet(silent=["eth_getBlockByNumber"])
    browser.wait(text="Your wallet does not answer", selector="#away", timeout=60_000)
    browser.wait(text="What stands here is of block", selector="#away")
    browser.wallet(silent=[])
    browser.wait_hidden(selector="#away", timeout=60_000)


def test_an_account_or_a_list_that_reverts_shuts_nobody_in(
    place, browser, people, open_market, deployer
):
    """The owner may set a list at once, and accounts rest on foreign contracts: whoever leaves
    gives that part up, and only a deposit asks the list. The app says what the commands say."""
    vault, alice, open_app, _ = invested(place, browser)
    markets = [open_market(vault) for _ in range(2)]
    for each in markets:
        vault.allocate(each.id, 100 * UNIT, sender=people.keeper)
    ask, broken = ape.networks.provider.make_request, "0x" + "be" * 20
    for each in (markets[0].account.address, broken):
        ask("anvil_setCode", [each, "0x60006000fd"])
    vault.setAllowList(broken, False, sender=people.owner)
    assert "allow-list does not answer" in told(vault, alice).deposit(UNIT).lacks[0]
    open_app()
    browser.wait(text="The vault is open", selector="#now-state")
    browser.fill(form="deposit", name="amount", text="10")
    browser.press(name="Preview", form="deposit")
    browser.wait(text="allow-list does not answer", selector="form[data-way=deposit] .lacks")
    browser.fill(form="exit", name="amount", text="100")
    browser.press(name="Preview", form="exit")
    browser.wait(text="would revert", selector="form[data-way=exit] .status")
    first = "0x" + markets[0].id.hex()
    browser.press_text(text="Give up your part of a market")
    browser.check(selector=f"input[value='{first}']")
    expected = as_pressed(told(vault, alice).exit(100 * SHARE, None, (first,)).lines)
    assert browser.send("exit")[:-1] == expected
    assert vault.balanceOf(alice) == 900 * SHARE


def test_what_the_nodes_never_saw_frees_its_form_after_two_minutes(place, browser):
    """A wallet with a node of its own, or one that answers with a hash of its own."""
    _, _, open_app, _ = invested(place, browser)
    open_app(clock=True)
    browser.wallet(lies={"eth_sendTransaction": "0x" + "ab" * 32})
    browser.fill(form="redeem", name="amount", text="1")
    browser.press(name="Preview", form="redeem")
    browser.press(name="Sign and send", form="redeem")
    browser.wait(text="requestRedeem was sent (0x", selector="form[data-way=redeem] .status")
    browser.wait_seen(method="eth_getTransactionByHash")
    browser.later(ms=121_000)
    browser.wait(text="has not seen requestRedeem", selector="form[data-way=redeem] .status")
    browser.wait(text="look there before you send again", selector="#sent li")
    assert browser.value(selector="form[data-way=redeem] [name=amount]") == ""


def test_another_account_in_the_wallet_has_its_own_part(place, browser, people):
    vault, alice, open_app, _ = invested(place, browser)
    open_app()
    browser.fill(form="redeem", name="amount", text="1")
    browser.press(name="Preview", form="redeem")
    browser.wait(text="Gas takes", selector="form[data-way=redeem] .preview")
    browser.tell(event="accountsChanged", value=[people.bob.address.lower()])
    browser.wait(text=people.bob.address, selector="#position")
    assert browser.text(selector="form[data-way=redeem] .send") == []
    assert alice.address not in browser.text(selector="#position")[0]
    browser.tell(event="accountsChanged", value=[])
    browser.wait(text="What you can do", selector="fieldset:disabled")
    assert vault.liveEpochs(1, alice) == []


def test_a_browser_without_a_wallet_shows_the_vault(place, browser):
    _, _, open_app, _ = place
    open_app(connected=False, wallet=False)
    browser.wait(text="The vault is open", selector="#now-state")
    browser.wait(text="No wallet is in this browser", selector="#no-wallet")
    assert browser.axe() == []
