"""A few hundred hostile records for every decoder (tests.fuzz): a value or the documented error, nothing else."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import attack
from tests.fuzz.decoders import Decoder, decoders


@pytest.mark.parametrize("decoder", list(decoders()), ids=lambda each: each.name)
def test_a_decoder_keeps_its_law(decoder: Decoder) -> None:
    faults = {seed: fault for seed in range(int(300 * max(decoder.share, 0.1))) if (fault := attack(decoder, seed))}
    assert not faults, f"once more: python -m tests.fuzz --decoder '{decoder.name}' --seed {next(iter(faults))}"


def test_a_decoder_that_breaks_its_law_is_found() -> None:
    """The fuzzer would be worth nothing if it could not fail."""
    naive = Decoder("naive", [b'{"id": "a"}'], lambda sample, _: sample[:-1], lambda raw: raw.decode().index("}"))
    assert "ValueError" in (attack(naive, 0) or "")
