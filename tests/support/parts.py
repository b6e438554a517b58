"""What a test needs and this machine lacks: a loud skip on a laptop, a failure where all parts are required."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest


def missing_part(message: str) -> NoReturn:
    """End the calling test. `message`: what is missing, and what installs it.

    Fails with CI=true (set by .ci/run) or SYNCHEALTH_REQUIRE_ALL=1, skips otherwise.
    """
    if os.environ.get("CI") == "true" or os.environ.get("SYNCHEALTH_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)
