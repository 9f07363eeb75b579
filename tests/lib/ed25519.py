# SPDX-License-Identifier: MIT
"""Ed25519 (RFC 8032, section 5.1) in as few lines as it takes, for hostile peers in tests.

Slow and not safe against timing: never use it for anything but a test.
"""
import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
_I = pow(2, (P - 1) // 4, P)


def _add(a, b):
    """Extended coordinates X, Y, Z, T with x = X/Z, y = Y/Z, xy = T/Z."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    return ((f - e) * (h - g) % P, (f + e) * (h + g) % P, (h - g) * (h + g) % P, (f - e) * (f + e) % P)


def _multiply(n, point):
    result = (0, 1, 1, 0)
    while n:
        if n & 1:
            result = _add(result, point)
        point = _add(point, point)
        n >>= 1
    return result


def _x_of(y, sign):
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * _I % P
    if (x * x - square) % P or (x == 0 and sign):
        return None
    return x if x & 1 == sign else P - x


_BY = 4 * pow(5, P - 2, P) % P
_BX = _x_of(_BY, 0)
BASE = (_BX, _BY, 1, _BX * _BY % P)


def _pack(point):
    z = pow(point[2], P - 2, P)
    return (point[1] * z % P | (point[0] * z % P & 1) << 255).to_bytes(32, "little")


def _unpack(data):
    number = int.from_bytes(data, "little")
    y = number & (1 << 255) - 1
    x = _x_of(y, number >> 255) if y < P else None
    return None if x is None else (x, y, 1, x * y % P)


def _hash(*parts):
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


class Key:
    """A key pair from its 32-byte seed."""

    def __init__(self, seed):
        digest = hashlib.sha512(seed).digest()
        self.seed, self._prefix = seed, digest[32:]
        self._secret = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
        self.public = _pack(_multiply(self._secret, BASE))

    @property
    def fingerprint(self):
        return hashlib.sha256(self.public).hexdigest()

    def sign(self, message):
        r = _hash(self._prefix, message) % L
        big_r = _pack(_multiply(r, BASE))
        k = _hash(big_r, self.public, message) % L
        return big_r + ((r + k * self._secret) % L).to_bytes(32, "little")


def verify(public, message, signature):
    a, r = _unpack(public), _unpack(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or len(signature) != 64:
        return False
    k = _hash(signature[:32], public, message) % L
    return _pack(_multiply(s, BASE)) == _pack(_add(r, _multiply(k, a)))
