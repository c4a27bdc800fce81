"""An address as somebody typed it: EIP-55's own examples, and what a slip makes of them."""

import pytest
from strongroom.addresses import typed_address
from strongroom.audit.command import parse_payers
from strongroom.chain.accounts import wallet
from strongroom.chain.contracts import Contracts
from strongroom.cli.main import main
from strongroom.errors import BadInput

EXAMPLES = (
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
)
CAPITALS = (
    "0x52908400098527886E0F7030069857D2E4169EE7",
    "0x8617E340B3D01FA5F11F306F4090FD50E238070D",
)
SLIP = EXAMPLES[0][:-1] + "e"
NONE = (
    "",
    "0x",
    "0x12",
    EXAMPLES[0][2:],
    EXAMPLES[0] + "0",
    EXAMPLES[0][:-1] + "g",
    "0X" + "1" * 40,
)


@pytest.mark.parametrize("right", EXAMPLES + CAPITALS)
def test_an_address_is_itself_in_small_letters_or_in_capitals(right):
    for typed in (right, right.lower(), "0x" + right[2:].upper()):
        assert typed_address(typed) == right


@pytest.mark.parametrize("right", EXAMPLES)
def test_another_digit_or_capital_is_said(right):
    """Every one of the forty places, with the case of its letter turned."""
    for place in range(2, 42):
        typed = right[:place] + right[place].swapcase() + right[place + 1 :]
        if typed != right:
            with pytest.raises(BadInput, match=f"^{typed} is mistyped: its capitals"):
                typed_address(typed)


@pytest.mark.parametrize("typed", NONE)
def test_what_is_none_is_said(typed):
    with pytest.raises(BadInput, match=r"is not an address: write 0x and 40 hex digits$"):
        typed_address(typed)


@pytest.mark.parametrize(
    "typed",
    [
        f"deposit 1 --account a.json --vault {SLIP}",
        f"audit --vault {SLIP}",
        f"audit --vault {EXAMPLES[0]} --exchange {SLIP}",
        f"audit --vault {EXAMPLES[0]} --payer reward={SLIP}",
        f"app --vault {SLIP}",
        f"verify --vault {SLIP}",
        f"faucet {SLIP}",
    ],
)
def test_no_command_takes_a_mistyped_address(typed, capsys):
    with pytest.raises(SystemExit) as ended:
        main(typed.split())
    said = capsys.readouterr().err
    assert ended.value.code == 2 and f"{SLIP} is mistyped" in said and len(said.splitlines()) == 1


def test_nor_an_account_or_a_payer():
    with pytest.raises(BadInput, match="is mistyped"):
        wallet(SLIP, Contracts("http://127.0.0.1:1"))
    with pytest.raises(BadInput, match="is mistyped"):
        parse_payers([f"reward={SLIP}"])


def test_who_pays_two_kinds_of_income_is_asked_about():
    """Letters of either case are the same address; said twice the same is no harm."""
    same = [f"reward={EXAMPLES[0]}", f"reward={EXAMPLES[0].lower()}"]
    assert parse_payers(same) == {EXAMPLES[0].lower(): "reward"}
    with pytest.raises(BadInput, match="is said to pay reward, too: give it one kind"):
        parse_payers([*same, f"rebate={EXAMPLES[0].lower()}"])
