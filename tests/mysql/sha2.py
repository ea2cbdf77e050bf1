"""A server that knows the passwords of MySQL 8: mysql-mimic with caching_sha2_password as MySQL has it.

Its arguments are a place to listen (a path, or `tcp`) and, where it has TLS, a file with its chain and its key. The
first line it says is the port or the path, each other one the way in which somebody was let in.
"""

import asyncio
import contextvars
import hashlib
import socket
import ssl
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from mysql_mimic import IdentityProvider, MysqlServer, User, auth, connection, server
from mysql_mimic.packets import make_auth_more_data

PASSWORD = b"secret"
KEY_IS_WANTED, IN_CACHE, NOT_IN_CACHE = b"\x02", b"\x03", b"\x04"

ours = contextvars.ContextVar("ours")
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
public_key = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
cache = {}


class Stream:
    """mysql-mimic's, but that it leaves nothing behind where the handshake comes together with the request for it."""

    def __init__(self, stream):
        self.stream = stream

    def __getattr__(self, name):
        return getattr(self.stream, name)

    async def start_tls(self, context):
        early = bytes(self.reader._buffer)
        self.reader._buffer.clear()
        transport, loop = self.writer.transport, asyncio.get_running_loop()

        def feed():
            protocol = transport.get_protocol()
            protocol.get_buffer(len(early))[: len(early)] = early
            protocol.buffer_updated(len(early))

        if early:
            loop.call_soon(loop.call_soon, feed)  # behind the beginning of the handshake
        await self.stream.start_tls(context)


class Connection(connection.Connection):
    """One that its password's plugin can find."""

    async def connection_phase(self):
        self.stream = Stream(self.stream)
        ours.set(self)
        await super().connection_phase()


server.Connection = Connection


def is_secure():
    """What MySQL takes for secure: TLS, and its own unix socket."""
    writer = ours.get().stream.writer
    on_unix = writer.get_extra_info("socket").family == socket.AF_UNIX
    return on_unix or writer.get_extra_info("ssl_object") is not None


def digest(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


class CachingSha2(auth.AuthPlugin):
    name = client_plugin_name = "caching_sha2_password"

    async def auth(self, info=None):
        if info is None:
            nonce = auth.utils.nonce(20)
            info = yield nonce + b"\x00"
        else:
            nonce = info.handshake_auth_data[:20]
        if not info.data.rstrip(b"\x00"):
            yield auth.Forbidden()  # nobody has an empty password
        cached = cache.get(info.username)
        if cached is None:
            password = yield NOT_IN_CACHE
            way, password = "full", password.data
            if not is_secure():
                if password == KEY_IS_WANTED:
                    password = (yield public_key).data
                way, password = "full by RSA", opened(password, nonce)
            if password != PASSWORD + b"\x00":
                yield auth.Forbidden()
            cache[info.username] = digest(digest(PASSWORD))
        else:
            mask = digest(cached, nonce)
            if digest(bytes(a ^ b for a, b in zip(info.data, mask))) != cached:
                yield auth.Forbidden()
            way = "fast"
            # What follows is not heard, but the end: so it is said here.
            await ours.get().stream.write(make_auth_more_data(IN_CACHE))
        print(f"{info.username}: {way}", flush=True)
        yield auth.Success(info.username)


def opened(sealed, nonce):
    """A password as it comes where anybody might listen."""
    try:
        sha1 = hashes.SHA1()
        masked = key.decrypt(sealed, padding.OAEP(padding.MGF1(sha1), sha1, None))
    except ValueError:
        return b""
    nonce += b"\x00"
    return bytes(byte ^ nonce[place % len(nonce)] for place, byte in enumerate(masked))


class Provider(IdentityProvider):
    """`switched` is not who the greeting is meant for."""

    def get_plugins(self):
        return [CachingSha2(), auth.NativePasswordAuthPlugin()]

    async def get_user(self, username):
        if username == "switched":
            stored = auth.NativePasswordAuthPlugin.create_auth_string(PASSWORD.decode())
            return User(username, auth_string=stored, auth_plugin="mysql_native_password")
        return User(username, auth_plugin=CachingSha2.name)


async def main(place, keyfile=None):
    context = None
    if keyfile:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(keyfile)
    mimic = MysqlServer(identity_provider=Provider(), ssl=context)
    if place == "tcp":
        await mimic.start_server(host="127.0.0.1", port=0)
        place = mimic.sockets()[0].getsockname()[1]
    else:
        await mimic.start_unix_server(path=place)
    print(place, flush=True)
    await mimic.serve_forever()


asyncio.run(main(*sys.argv[1:]))
