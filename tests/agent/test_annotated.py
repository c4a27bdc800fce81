"""TOML with words beside the keys says what the document says, whatever a name on a chain holds."""

import tomllib

from strongroom.annotated import annotated
from strongroom.foreign_text import plain

DOCUMENT = {
    "vault": "0x12",
    "classes": [0, 2],
    "empty": [],
    "keys": {"owner": "owner.json", "with space": 1.5},
    "venue": {
        "heartbeat": False,
        "exchanges": [{"address": "0x1", "version": "2"}, {"address": "0x2", "version": "3"}],
        "limits": {"odd": 'quote " and \\ and é'},
    },
    "packs": {"tail": {}},
}
NOTES = {
    "vault": "whose",
    "keys.owner": "of one",
    "venue": "services",
    "venue.exchanges": "one",
    "venue.exchanges.version": "of its domain",
}


def test_it_is_the_document_and_has_each_word_once_a_place():
    text = annotated(DOCUMENT, NOTES, ["first", "second"])
    assert tomllib.loads(text) == DOCUMENT
    assert text.startswith("# first\n# second\n\nvault = ")
    assert text.endswith("[packs.tail]\n")
    counts = {"whose": 1, "of one": 1, "services": 1, "one": 2, "of its domain": 2}
    assert {words: text.count(f"  # {words}\n") for words in counts} == counts
    assert "\n[[venue.exchanges]]" in text and "\nclasses = [0, 2]\n" in text


def test_a_name_of_several_lines_stays_in_its_comment():
    """A vault's name is anybody's text; the comment at the top has it."""
    name = 'Vault\n[operations]\nmode = "live"\r\x1b[2J\u2028x'
    text = annotated({"vault": name}, {}, [f"The keeper of {name}"])
    assert tomllib.loads(text) == {"vault": name}
    assert text.splitlines()[0].startswith('# The keeper of Vault?[operations]?mode = "live"??[2J?')
    assert plain("é ok") == "é ok"
