"""How often a name may ask, by hand: a minute's requests, which come back evenly."""

import pytest
from strongroom.rate_limit import MOST_KNOWN, RateLimit, RefusalCount, network_of


def test_a_rate_is_of_each_name_and_comes_back():
    now = [0.0]
    limit = RateLimit(2, lambda: now[0])
    assert [limit.wait("a"), limit.wait("a")] == [0, 0]
    assert limit.wait("a") == 30
    assert limit.wait("b") == 0
    now[0] = 30.0
    assert (limit.wait("a"), limit.wait("a")) == (0, 30)


def test_what_is_not_used_adds_up_to_one_minutes():
    """By hand: 6 a minute is one in ten seconds."""
    now = [0.0]
    limit = RateLimit(6, lambda: now[0])
    assert [limit.wait("a") == 0 for _ in range(7)] == [True] * 6 + [False]
    now[0] = 10.0
    assert [limit.wait("a") == 0, limit.wait("a") == 0] == [True, False]
    now[0] = 10_000.0
    assert [limit.wait("a") == 0 for _ in range(7)] == [True] * 6 + [False]


def test_a_clock_that_goes_back_takes_nothing_away():
    now = [100.0]
    limit = RateLimit(2, lambda: now[0])
    limit.wait("a")
    now[0] = 0.0
    assert limit.wait("a") == 0


def test_what_is_given_back_can_be_taken_again_and_no_more():
    limit = RateLimit(2, lambda: 0.0)
    limit.wait("a")
    limit.wait("a")
    limit.give_back("a")
    assert [limit.wait("a") == 0 for _ in range(2)] == [True, False]
    for _ in range(9):
        limit.give_back("a")
    limit.give_back("b")
    assert [limit.wait("a") == 0 for _ in range(3)] == [True, True, False]


def test_many_names_push_out_the_one_that_was_quiet_longest():
    limit = RateLimit(1, lambda: 0.0)
    for number in range(MOST_KNOWN):
        limit.wait(str(number))
    assert limit.wait("0") > 0
    limit.wait("one more")
    assert limit.wait("0") > 0 and limit.wait("1") == 0


@pytest.mark.parametrize(
    ("host", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::1", "2001:db8:1:2::"),
        ("2001:db8:1:3::1", "2001:db8:1:3::"),
        ("fe80::1%eth0", "fe80::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_of_ipv6_a_network_is_counted(host, network):
    assert network_of(host) == network


def test_refusals_have_a_line_a_minute_with_their_number():
    now = [0.0]
    refused = RefusalCount(lambda: now[0])
    assert [refused.add("a") for _ in range(4)] == [1, 0, 0, 0]
    assert refused.add("b") == 1
    now[0] = 60.0
    assert [refused.add("a"), refused.add("a")] == [4, 0]
