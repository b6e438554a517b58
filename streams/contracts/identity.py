"""Identities: source anchors, partitions, finding ids.

Source anchor: Microsoft, "Microsoft Entra Connect: Design concepts" — base64 of the bytes of
mS-DS-ConsistencyGuid, else of objectGUID; GUID bytes are little-endian as AD stores them.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import uuid
from functools import lru_cache
from struct import unpack

from streams.contracts.errors import InvalidRecordError


@lru_cache(maxsize=4096)  # one object's anchor is asked for several times in a row
def immutable_id_of_guid(object_guid: str) -> str:
    """The immutableId (base64, 24 characters) of a GUID in its dashed form.

    >>> immutable_id_of_guid("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")
    'kCwabn1bOE+cIQpL430fVQ=='
    """
    plain = bytes.fromhex(object_guid.replace("-", ""))
    if len(plain) != 16:
        raise ValueError(f"{object_guid!r} is no GUID")
    return immutable_id_of_bytes(plain[3::-1] + plain[5:3:-1] + plain[7:5:-1] + plain[8:])


def immutable_id_of_bytes(anchor: bytes) -> str:
    """The immutableId of an anchor's raw bytes as LDAP delivers them."""
    return binascii.b2a_base64(anchor, newline=False).decode("ascii")


def guid_of_immutable_id(immutable_id: str) -> str | None:
    """The dashed lower-case GUID behind an immutableId; None where the anchor is not a GUID at all."""
    try:
        raw = base64.b64decode(immutable_id, validate=True)
    except (binascii.Error, ValueError):
        return None
    return str(uuid.UUID(bytes_le=raw)) if len(raw) == 16 else None


def guid_of_bytes(object_guid: bytes) -> str:
    """The dashed lower-case form of objectGUID's 16 raw bytes.

    Raises InvalidRecordError("object_guid") if there are not 16.
    """
    if len(object_guid) != 16:
        raise InvalidRecordError("object_guid", f"objectGUID has {len(object_guid)} bytes, not 16")
    return str(uuid.UUID(bytes_le=object_guid))


def sid_of_bytes(object_sid: bytes) -> str:
    """The S-1-… form of a binary SID ([MS-DTYP] 2.4.2.2).

    Raises InvalidRecordError("object_sid") if the lengths do not fit.
    """
    if len(object_sid) < 8 or len(object_sid) != 8 + 4 * object_sid[1]:
        raise InvalidRecordError("object_sid", f"objectSid of {len(object_sid)} bytes is malformed")
    authority = int.from_bytes(object_sid[2:8], "big")
    parts = [int.from_bytes(object_sid[at : at + 4], "little") for at in range(8, len(object_sid), 4)]
    return "-".join(["S", str(object_sid[0]), str(authority), *map(str, parts)])


def finding_id(detection: str, subject_key: str) -> str:
    """One stable id per (detection, subject): 16 hexadecimal characters."""
    return hashlib.sha256(f"{detection}\0{subject_key}".encode()).hexdigest()[:16]


def partition_of(key: str, partitions: int) -> int:
    """The partition every Kafka client's default partitioner gives this key (murmur2)."""
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % partitions


# View keys of one kind and tenant share their first 40 bytes: hashed once per length, not once per key.
_SHARED = 40
_MASK, _MULTIPLIER = 0xFFFFFFFF, 0x5BD1E995


def _murmur2(data: bytes) -> int:
    # The constants and the shape are Kafka's org.apache.kafka.common.utils.Utils.murmur2 algorithm;
    # checked against kafka-python's and aiokafka's partitioners in tests/contract.
    length = len(data)
    start = _SHARED if length >= _SHARED else 0
    whole = length & ~3
    h = _mix(_started(data[:start], length), data[start:whole])
    if whole < length:
        h ^= int.from_bytes(data[whole:], "little")
        h = (h * _MULTIPLIER) & _MASK
    h ^= h >> 13
    h = (h * _MULTIPLIER) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=4096)
def _started(head: bytes, length: int) -> int:
    """The state of the hash of a key of `length` bytes after its `head`."""
    return _mix(0x9747B28C ^ length, head)


def _mix(h: int, words: bytes) -> int:
    for k in unpack(f"<{len(words) >> 2}I", words):
        k = (k * _MULTIPLIER) & _MASK
        k = ((k ^ (k >> 24)) * _MULTIPLIER) & _MASK
        h = ((h * _MULTIPLIER) & _MASK) ^ k
    return h
