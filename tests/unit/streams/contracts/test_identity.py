"""Identities agree with the directories and with every Kafka client."""

from __future__ import annotations

import uuid

import pytest
from aiokafka.partitioner import murmur2 as aiokafka_murmur2
from hypothesis import given
from hypothesis import strategies as st
from kafka.partitioner.default import murmur2 as kafka_murmur2

from streams.contracts.errors import InvalidRecordError
from streams.contracts.identity import (
    finding_id,
    guid_of_bytes,
    guid_of_immutable_id,
    immutable_id_of_guid,
    partition_of,
    sid_of_bytes,
)


@given(st.uuids())
def test_anchor_and_guid_are_two_spellings_of_one_thing(guid: uuid.UUID) -> None:
    assert guid_of_immutable_id(immutable_id_of_guid(str(guid))) == str(guid)
    assert guid_of_bytes(guid.bytes_le) == str(guid)


@pytest.mark.parametrize("anchor", ["", "!", "AAAA", "kCwabn1bOE+cIQpL430fVQ"])
def test_anchors_that_are_no_guid(anchor: str) -> None:
    assert guid_of_immutable_id(anchor) is None


def test_sid() -> None:
    raw = bytes.fromhex("010500000000000515000000010000000200000003000000f4010000")
    assert sid_of_bytes(raw) == "S-1-5-21-1-2-3-500"


@pytest.mark.parametrize("raw", [b"", b"\x01\x05", bytes(27)])
def test_malformed_bytes_are_refused(raw: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        guid_of_bytes(raw)
    with pytest.raises(InvalidRecordError):
        sid_of_bytes(raw + b"\x01")


@given(st.text(), st.integers(1, 64))
def test_partitions_are_those_of_every_client(key: str, partitions: int) -> None:
    data = key.encode("utf-8", "surrogatepass")
    if data != key.encode("utf-8", "ignore"):
        return
    assert partition_of(key, partitions) == (kafka_murmur2(data) & 0x7FFFFFFF) % partitions
    assert partition_of(key, partitions) == (aiokafka_murmur2(data) & 0x7FFFFFFF) % partitions


def test_finding_ids_are_stable() -> None:
    """They stand in links and tickets: changing the function would orphan them all."""
    assert finding_id("conflict.duplicate_address", "address/t/a@b") == "55932a4d88a7d599"
    assert finding_id("conflict.duplicate_address", "address/t/a@c") != "55932a4d88a7d599"
