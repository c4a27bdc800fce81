"""Mutants of the audit's logs, by a seed; `make audit-mutants` judges as many as are asked for."""

from collections import Counter

import pytest
from strongroom.audit.events import VAULT_EVENTS

from tests.property.audit_mutants import FOUND, REASONS, Fate, judged, lives_of
from tests.seeds import SEED, enough

LIVES, MOST = 28, 3_000


@pytest.fixture(scope="module")
def mutants():
    """With fixed seeds every kind of event and change is among them."""
    return judged(lives_of(SEED, LIVES), SEED, MOST)


def test_what_escapes_is_what_nobody_can_know(mutants):
    escaped = Counter(mutant.kind for mutant, fate in mutants if mutant.escapes(fate))
    assert set(escaped) <= set(REASONS), escaped
    found = sum(fate in FOUND for _, fate in mutants)
    assert enough(found, 2_000)
    fates = Counter(fate for _, fate in mutants)
    assert all(enough(fates[each], 100) for each in FOUND), fates


def test_no_change_makes_the_audit_fail_or_ask_what_the_chain_refuses(mutants):
    assert not [each for each, fate in mutants if fate in (Fate.FAILS, Fate.REFUSED)]


def test_every_event_of_the_vault_is_among_them(mutants):
    assert enough(len({mutant.name for mutant, _ in mutants}), len(VAULT_EVENTS))
