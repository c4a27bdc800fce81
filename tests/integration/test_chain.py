"""The keeper's way to the chain, on anvil: reasons before gas, Safe transactions, stale nonces."""

import ape
import pytest
from eth_account import Account

from agent.execution.chain import Chain, KeeperSafe, TransactionRefused
from tests.defaults import NO_EVIDENCE, UNIT


@pytest.fixture
def chain_of_keeper(deployer):
    return Chain(ape.networks.provider.http_uri, Account.from_key(deployer.private_key))


@pytest.fixture
def keeper_safe(chain_of_keeper, safe, keeper_owners):
    return KeeperSafe(chain_of_keeper, safe.address, keeper_owners[1:])


def test_a_transaction_that_would_revert_is_not_sent(chain_of_keeper, vault, deployer):
    contract = chain_of_keeper.contract(vault.address, "Vault")
    data = contract.encode_abi("report", args=[[], NO_EVIDENCE])
    before = deployer.nonce
    with pytest.raises(TransactionRefused, match="not the reporter"):
        chain_of_keeper.send(vault.address, data)
    assert deployer.nonce == before


def test_safe_transactions_run_as_the_safe(
    keeper_safe, chain_of_keeper, make_vault, safe, people, invest, open_market
):
    vault = make_vault(people.keeper)
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault, cap=60 * UNIT)
    vault.setKeeper(safe, sender=people.owner)
    contract = chain_of_keeper.contract(vault.address, "Vault")
    with pytest.raises(TransactionRefused, match="market cap"):
        keeper_safe.execute(
            vault.address, contract.encode_abi("allocate", args=[market.id, 60 * UNIT + 1])
        )
    assert safe.call_view_method("nonce") == 0
    for _ in range(2):  # the nonce is read anew each time
        keeper_safe.execute(
            vault.address, contract.encode_abi("allocate", args=[market.id, 30 * UNIT])
        )
    assert safe.call_view_method("nonce") == 2
    assert vault.exposureOf(market.id) == 60 * UNIT
    collateral, (position,) = chain_of_keeper.positions(market.account.address)
    assert (collateral, position.yes, position.no) == (60 * UNIT, 0, 0)
    assert not position.resolved


def test_one_owner_short_moves_nothing(
    chain_of_keeper, safe, keeper_owners, make_vault, people, invest, open_market
):
    vault = make_vault(people.keeper)
    invest(vault, people.alice, 100 * UNIT)
    market = open_market(vault)
    vault.setKeeper(safe, sender=people.owner)
    lonely = KeeperSafe(chain_of_keeper, safe.address, keeper_owners[:1])
    contract = chain_of_keeper.contract(vault.address, "Vault")
    with pytest.raises(TransactionRefused, match="1 of the Safe's owners signed, 2 are needed"):
        lonely.execute(vault.address, contract.encode_abi("allocate", args=[market.id, UNIT]))
    assert vault.exposureOf(market.id) == 0
