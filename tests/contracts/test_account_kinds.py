"""What all kinds of market accounts have in common, on a bare EVM."""

import pytest
from eth_utils import keccak
from strongroom.chain.artifacts import artifact

from tests.conformance.chain import refusal
from tests.contracts.wallet_stage import CAP, SafeStage, WalletStage, refused
from tests.property.evm import Reverted
from tests.property.stage import K, Stage
from tests.property.world import NO, UNIT, YES, World


@pytest.fixture(scope="module")
def parts():
    """The addresses that each kind is made with, by kind; "" where there is none."""
    stage = WalletStage()
    tokens = (stage.ctf.address, stage.pusd.address, stage.inside.address, stage.adapter.address)
    wallets, exchange = stage.wallets, stage.exchange.address
    venue = (stage.factory.address, stage.beacon.address)
    return stage, {
        "PolymarketAccount": (exchange, "2", *tokens, False),
        "WalletAccount": (exchange, "2", *venue, *tokens, False),
        "SafeAccount": (exchange, wallets.address, wallets.SAFE_CODE_HASH(), *tokens, False),
    }


@pytest.mark.parametrize("kind", ["PolymarketAccount", "WalletAccount", "SafeAccount"])
def test_each_address_that_an_account_is_made_with_has_code(parts, kind):
    stage, made = parts
    arguments = made[kind]
    stage.evm.deploy(artifact(kind), *arguments)
    for place, argument in enumerate(arguments):
        if isinstance(argument, str) and argument.startswith("0x"):
            changed = (*arguments[:place], stage.who["nobody's"], *arguments[place + 1 :])
            with pytest.raises(RuntimeError, match=b"address has no code".hex()):
                stage.evm.deploy(artifact(kind), *changed)


def test_a_safe_account_names_the_code_of_its_safes(parts):
    stage, made = parts
    exchange, factory, _, *rest = made["SafeAccount"]
    with pytest.raises(RuntimeError, match=b"no code hash".hex()):
        stage.evm.deploy(artifact("SafeAccount"), exchange, factory, bytes(32), *rest)


def test_a_vaults_asset_has_code():
    world = World()
    with pytest.raises(RuntimeError, match=b"asset has no code".hex()):
        world.evm.deploy(artifact("VaultGovernance"), world.who["nobody's"])


def test_the_pieces_of_a_vault_are_of_one_asset():
    world = World()
    for piece, behind in (("VaultExits", world.governance), ("VaultDesk", world.exits)):
        with pytest.raises(RuntimeError, match=b"of another asset".hex()):
            world.evm.deploy(world.contract(piece), world.usdc.address, behind.address)


@pytest.mark.parametrize("side", [YES, NO])
def test_tokens_of_one_outcome_alone_are_redeemed(side):
    stage = Stage()
    world = stage.world
    stage.market("A", [50], 10 * K, spend=False)
    world.trade("A", -10 * K, {(0, side): 20 * K})
    stage.pay("A", 0, side == YES)
    assert world.redeem("A") == 20 * K
    assert world.held("A").tokens == (0, 0)


@pytest.mark.parametrize("kind", [WalletStage, SafeStage])
@pytest.mark.parametrize("side", [YES, NO])
def test_tokens_at_home_of_one_outcome_alone_are_redeemed(kind, side):
    stage = kind()
    moved = (stage.mm.address, stage.account.address, stage.tokens[side], 7 * UNIT, b"")
    stage.ctf.safeTransferFrom(*moved, sender=stage.mm.address)
    payout = [1, 0] if side == YES else [0, 1]
    stage.ctf.reportPayouts(stage.question_id, payout, sender=stage.who["oracle"])
    stage.account.redeemResolved(sender=stage.who["mallory"])
    assert stage.cash("account") == 7 * UNIT


@pytest.mark.parametrize("kind", [WalletStage, SafeStage])
def test_every_token_of_an_event_goes_out_to_trade(kind):
    stage = kind(negative_risk=True)
    stage.fund()
    for index in range(6):
        half = (stage.pusd.address, bytes(32), stage.conditions[index // 2], [1, 2])
        stage.adapter.splitPosition(*half, UNIT, sender=stage.mm.address)
        moved = (stage.mm.address, stage.account.address, stage.tokens[index], UNIT, b"")
        stage.ctf.safeTransferFrom(*moved, sender=stage.mm.address)
        stage.by_keeper(stage.account, "fundTokens", index, UNIT)
        assert stage.held("wallet", index) == UNIT
    with pytest.raises(Reverted):
        stage.by_keeper(stage.account, "fundTokens", 6, 0)


def test_a_halt_of_a_safe_with_too_little_gas_is_refused():
    """Else its caller could make the Safe's transactions fail, and the approvals stay."""
    stage = SafeStage()
    stage.fund()
    halt = lambda gas: stage.account.halt(sender=stage.who["guardian"], gas=gas)  # noqa: E731
    with pytest.raises(Reverted) as found:
        halt(330_000)
    assert refusal(found.value) == "too little gas"
    halt(2_000_000)
    assert stage.cash("wallet") == 0


def test_a_safe_is_not_ready_where_one_approval_fails():
    stage = SafeStage()
    stage.make_safe()
    stage.by_keeper(stage.account, "adopt", stage.key.address, stage.hand_over())
    stage.evm.set_code(stage.pusd.address, bytes.fromhex("60006000fd"))
    with pytest.raises(Reverted):
        stage.by_keeper(stage.account, "approveExchange")


def without(selector, code_at):
    """Return code that refuses a function and runs what stands at an address for all others."""
    # PUSH0 CALLDATALOAD PUSH1 e0 SHR PUSH4 selector EQ PUSH1 end JUMPI
    head = "5f3560e01c63" + selector.hex() + "14603b57"
    # the call's data to memory, DELEGATECALL, what comes back to memory
    run = "365f5f375f5f365f73" + code_at.removeprefix("0x") + "5af43d5f5f3e"
    ends = "6037573d5ffd5b3d5ff35b5f5ffd"
    return bytes.fromhex(head + run + ends)


def test_a_safe_whose_approval_stays_is_not_called_empty():
    """The money of a halted account comes home, and the allowance cannot be taken: said, and tried
    again."""
    stage = SafeStage()
    stage.fund()
    token, guardian, code = stage.pusd.address, stage.who["guardian"], stage.who["code of pUSD"]
    original = stage.evm.code(token)
    stage.evm.set_code(code, original)
    stage.evm.set_code(token, without(keccak(text="approve(address,uint256)")[:4], code))
    stage.account.halt(sender=guardian)
    assert (stage.cash("account"), stage.cash("wallet")) == (CAP, 0)
    stage.pusd.transfer(stage.wallet_address, UNIT, sender=stage.who["maker"])
    assert refused(lambda: stage.account.withdraw(sender=guardian)) == "withdraw failed"
    stage.evm.set_code(token, original)
    stage.account.withdraw(sender=guardian)
    assert stage.cash("account") == CAP + UNIT
    assert stage.pusd.allowance(stage.wallet_address, stage.exchange.address) == 0


@pytest.mark.parametrize("kind", [WalletStage, SafeStage])
def test_from_the_deadline_on_anyone_brings_the_wallet_home(kind):
    stage = kind()
    stage.fund()
    if kind is WalletStage:
        stage.pauses()
    account, mallory = stage.account, stage.who["mallory"]
    stage.world.wait(account.deadline() - 1 - stage.world.now)
    assert refused(lambda: account.withdraw(sender=mallory)) == "not allowed to take back"
    stage.world.wait(1)
    account.withdraw(sender=mallory)
    assert stage.cash("account") == CAP


def test_an_order_may_be_filled_in_its_last_second():
    stage = WalletStage()
    stage.fund()
    order = stage.order(UNIT, 50)
    for left, magic in ((0, "1626ba7e"), (-1, "ffffffff")):
        inner = stage.signed_by_keeper(order, lifetime=left)
        answer = stage.account.isValidSignature(stage.nested(order), inner)
        assert bytes(answer)[:4].hex() == magic


def test_tokens_come_home_from_a_safe_only_together_with_its_money():
    """What failed is told to who called, though the rest went well."""
    stage = SafeStage()
    stage.fund()
    stage.buy(1_000 * UNIT)
    token, guardian, code = stage.pusd.address, stage.who["guardian"], stage.who["code of pUSD"]
    original = stage.evm.code(token)
    stage.evm.set_code(code, original)
    stage.evm.set_code(token, without(keccak(text="transfer(address,uint256)")[:4], code))
    assert refused(lambda: stage.account.withdraw(sender=guardian)) == "withdraw failed"
    assert (stage.held("account"), stage.held("wallet")) == (0, 1_000 * UNIT)
    stage.evm.set_code(token, original)
    stage.account.withdraw(sender=guardian)
    assert (stage.cash("account"), stage.held("account")) == (CAP - 500 * UNIT, 1_000 * UNIT)
