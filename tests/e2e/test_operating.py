"""A real Prometheus scrapes a real keeper and answers every query of the dashboard and of the
rules; a stopped co-signer reaches a person by a real Alertmanager. Neither a container engine nor
Grafana is here: the parts are processes, and each panel's queries are asked of Prometheus itself.
`make operate` goes on from there to backup and restore, which tests/e2e/test_keeper_restore.py has.
"""

import pytest

from tests.e2e.operating import rehearsal
from tests.e2e.operating.parts import Parts, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"not installed: {', '.join(missing())}")


def test_a_stopped_cosigner_reaches_a_person_and_every_query_is_answered(tmp_path):
    with Parts(tmp_path) as parts:
        parts.start()
        for step in (
            rehearsal.lose_the_cosigner, rehearsal.ask_everything, rehearsal.find_it_again,
            rehearsal.run_many,
        ):  # fmt: skip
            print(step(parts))
    assert parts.running == {}
