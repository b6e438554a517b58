from __future__ import annotations

from hypothesis import settings

# Other processes share the machine: how long an example takes says nothing about it.
settings.register_profile("no-deadline", deadline=None)
settings.load_profile("no-deadline")
