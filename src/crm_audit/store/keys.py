"""Keyed hashes: what may be known of somebody without saying who it is."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from sqlalchemy import Connection, select

from crm_audit.store.tables import KEYS


@dataclass(frozen=True, slots=True)
class Key:
    """The random key of one store."""

    secret: bytes

    def hashed(self, text: str) -> str:
        """16 hexadecimal characters, the same for ever within this store."""
        return self._hash(text, size=8, use=b"address")

    def mark(self, person: str) -> str:
        """What is kept of the id of somebody who was forgotten."""
        return self._hash(person, size=16, use=b"forgotten")

    def reference(self, words: str) -> str:
        """What stands in the log for a name, or for what somebody wrote."""
        return self._hash(words, size=16, use=b"said")

    def seal(self, text: str) -> str:
        """What chains an entry of the log to the one before: 64 hexadecimal characters."""
        return hmac.new(self.secret, b"log\0" + text.encode(), hashlib.sha256).hexdigest()

    def _hash(self, text: str, *, size: int, use: bytes) -> str:
        said = text.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(said, key=self.secret, digest_size=size, person=use).hexdigest()


def key(db: Connection) -> Key:
    """The key that was made with the store."""
    return Key(bytes.fromhex(db.scalars(select(KEYS.c.value).where(KEYS.c.name == "hash")).one()))
