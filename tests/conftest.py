"""What holds for every test."""

from __future__ import annotations

import gc

from hypothesis import HealthCheck, settings

# How long an example takes says more of what else a machine does than of a test.
settings.register_profile("whole", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("whole")
# For a look within a minute (`make check`); whatever else runs the tests tries five times as
# many. A test that needs more than others asks for a multiple of what the profile says.
settings.register_profile("check", settings.get_profile("whole"), max_examples=20)


def pytest_collection_finish() -> None:
    """Leave what is there before the first test, botocore's models above all, uncollected.

    The collector would walk through it again and again while the tests run.
    """
    gc.collect()
    gc.freeze()
