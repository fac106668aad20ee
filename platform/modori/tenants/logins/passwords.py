"""Password hashes: argon2id, with the parameters of RFC 9106's second recommendation (64 MiB, 3 passes)."""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from modori.kernel.ids import new_token

_hasher = PasswordHasher()


def hash_password(password: str) -> str:
    """Hash a password that the rules have passed."""
    return _hasher.hash(password)


def verify_password(password_hash: str | None, password: str) -> bool:
    """Compare, in the same time whether or not there is a hash to compare with."""
    try:
        return _hasher.verify(password_hash or _nobodys_hash(), password) and password_hash is not None
    except (VerificationError, InvalidHashError):
        return False


def is_outdated(password_hash: str) -> bool:
    """Say whether the hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash(new_token(32))
