"""Session keys of lent wallets: who is told of their end, when, and in what words."""

from datetime import UTC, datetime

import pytest
from eth_account import Account
from strongroom.chain.failures import ChainAway
from strongroom.execution.venues.wallets import VenueWallet, Wallets
from strongroom.keeper.sessions import SessionWatch, WalletSession

FIRST, SECOND = "0x" + "11" * 20, "0x" + "22" * 20
KEYS = [Account.from_key(bytes([7 + number] * 32)) for number in range(2)]
OWNER = "0x" + "0a" * 20
END = int(datetime(2026, 12, 1, 9, 30, tzinfo=UTC).timestamp())
DAY = 86_400


class Chain:
    """Wallets whose keys end as told."""

    def __init__(self):
        self.until, self.away, self.asked = {FIRST: END, SECOND: END + 100 * DAY}, False, 0

    def ask(self, asked):
        if self.away:
            raise ChainAway("away")
        self.asked += 1
        return [OWNER if each.function == "owner" else self.until[each.address] for each in asked]


@pytest.fixture
def chain():
    return Chain()


@pytest.fixture
def told():
    return []


@pytest.fixture
def watch(chain, told):
    wallets = [
        VenueWallet(address, key, None) for address, key in zip((FIRST, SECOND), KEYS, strict=True)
    ]
    return SessionWatch(chain, Wallets(chain, wallets), lambda *event: told.append(event))


def wrong(watch, now):
    return {each.name: each.wrong for each in watch.look(now)}


def test_two_weeks_before_its_end_a_key_is_named_with_its_date(watch, told):
    early, late = END - 14 * DAY - 1, END - 14 * DAY
    assert set(wrong(watch, early).values()) == {""} and told == []
    found = wrong(watch, late)
    assert found[f"session key of {FIRST}"].startswith("ends at 2026-12-01 09:30 UTC: let the")
    assert "authorize_session_key" in found[f"session key of {FIRST}"]
    assert found[f"session key of {SECOND}"] == ""
    ((event, fields),) = told
    assert (event, fields["wallet"], fields["key"]) == ("session_ends", FIRST, KEYS[0].address)
    assert fields["why"] == found[f"session key of {FIRST}"]


def test_a_person_is_told_once_a_day_until_it_is_renewed(watch, chain, told):
    start = END - 10 * DAY
    for hour in range(49):
        watch.look(start + hour * 3_600)
    assert len(told) == 3
    chain.until[FIRST] = END + 180 * DAY
    assert set(wrong(watch, start + 50 * 3_600).values()) == {""}
    assert len(told) == 3


def test_the_chain_is_asked_once_an_hour(watch, chain):
    for minute in range(120):
        watch.look(END - 20 * DAY + minute * 60)
    assert chain.asked == 2


def test_a_chain_that_is_away_says_nothing_of_keys(watch, chain):
    chain.away = True
    with pytest.raises(ChainAway):
        watch.look(END)


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (END, "ended at 2026-12-01 09:30 UTC, which is lent no more: let the"),  # at its second
        (0, "is unknown to the wallet, which is lent no more: let the"),
    ],
)
def test_what_has_ended_or_was_revoked_is_said_so(until, words):
    assert WalletSession(FIRST, OWNER, until).warning(END).startswith(words)


def test_the_owners_key_has_no_end(chain, told):
    by_owner = VenueWallet(FIRST, KEYS[0], None, by_session=False)
    watch = SessionWatch(chain, Wallets(chain, [by_owner]), lambda *event: told.append(event))
    assert (watch.look(END), chain.asked, told) == ((), 0, [])
    assert WalletSession(FIRST, KEYS[0].address, None).warning(END) == ""
