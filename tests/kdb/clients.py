# Clients of kdb+ in Python, and a server of WebSockets, told by lines of JSON what to do.

import json
import ssl
import sys
import threading

import numpy

numpy.string_ = numpy.bytes_  # qPython's name for it

import kola
from qpython.qconnection import QConnection
from qpython.qtype import QException
from websockets.sync.client import connect
from websockets.sync.server import serve


class TlsConnection(QConnection):
    """qPython's own, with its socket wrapped."""

    ca = None

    def _init_socket(self):
        super()._init_socket()
        context = ssl.create_default_context(cafile=self.ca)
        self._connection = context.wrap_socket(self._connection, server_hostname=self.host)
        self._connection_file = self._connection.makefile("b")


class QPython:
    def __init__(self, host, port, user, password, ca):
        kind = TlsConnection if ca else QConnection
        self.connection = kind(host, port, user, password, timeout=20)
        self.connection.ca = ca
        self.connection.open()

    def ask(self, query):
        try:
            answer = self.connection.sendSync(query)
        except QException as error:
            return "'" + error.args[0].decode()
        return plain(answer)

    def count(self, longs):
        return plain(self.connection.sendSync("count", numpy.arange(longs)))

    def greeting(self):
        """What the server says without being asked."""
        return plain(self.connection.receive())


class Kola:
    def __init__(self, host, port, user, password, ca):
        self.q = kola.Q(host, port, user, password, enable_tls=bool(ca), timeout=20)
        self.q.connect()

    def ask(self, query):
        try:
            answer = self.q.sync(query)
        except kola.KolaError as error:
            return "'" + str(error).split('"')[1]
        return plain(answer)


def plain(answer):
    if isinstance(answer, bytes):
        return answer.decode()
    for to_list in ("tolist", "to_list"):
        if hasattr(answer, to_list):
            return getattr(answer, to_list)()
    return answer


class WebSockets:
    """Says back what it hears, in TLS where it has a keyfile."""

    def __init__(self, keyfile):
        context = None
        if keyfile:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(keyfile)
        options = {"ssl": context, "compression": None, "max_size": None}
        self.server = serve(self.echo, "127.0.0.1", 0, **options)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.port = self.server.socket.getsockname()[1]

    @staticmethod
    def echo(connection):
        for message in connection:
            connection.send(message)


def exchange(url, ca, length):
    """What a client of WebSockets gets back of a text and of so many bytes."""
    context = ssl.create_default_context(cafile=ca) if ca else None
    with connect(url, ssl=context, compression=None, max_size=None) as connection:
        connection.send("text")
        text = connection.recv()
        much = bytes(range(256)) * (length // 256)
        connection.send(much)
        return [text, connection.recv() == much]


open_ones = []
kinds = {"QPython": QPython, "Kola": Kola}


def carry_out(call):
    match call["call"]:
        case "connect":
            keys = ("host", "port", "user", "password", "ca")
            open_ones.append(kinds[call["client"]](*(call[key] for key in keys)))
            return {"number": len(open_ones) - 1}
        case "do":
            method = getattr(open_ones[call["number"]], call["method"])
            return {"answer": method(*call["arguments"])}
        case "serve websockets":
            open_ones.append(WebSockets(call["keyfile"]))
            return {"port": open_ones[-1].port}
        case "exchange":
            return {"answer": exchange(call["url"], call["ca"], call["length"])}


for line in sys.stdin:
    try:
        result = carry_out(json.loads(line))
    except Exception as error:
        result = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(result), flush=True)
