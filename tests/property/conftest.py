"""Let the asserts of the world explain themselves."""

import pytest

pytest.register_assert_rewrite("tests.property.world")
