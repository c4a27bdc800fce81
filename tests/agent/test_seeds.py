"""The random tests of `make test` draw the same examples every time."""

from hypothesis import settings
from hypothesis.internal.conjecture.providers import HypothesisProvider

from tests.seeds import SEED, dice


def test_no_module_lends_its_constants_to_the_examples():
    """This module is one of the project's: without the fix its imports' constants were there."""
    assert len(HypothesisProvider(None)._local_constants) == 0


def test_nothing_of_an_earlier_run_is_drawn_again():
    assert settings().database is None
    assert settings().derandomize == (SEED == 0)


def test_dice_differ_by_their_name_alone():
    assert dice("one", 1).random() == dice("one", 1).random() != dice("one", 2).random()
