"""Clients in Python at the end of two pipes: a line of JSON is a call, a line of JSON is what came of it.

PyMySQL is one, MySQL's connector are two: on libmysqlclient, MySQL's client library, and in pure Python.
"""

import itertools
import json
import sys

import mysql.connector
import pymysql

connections = {}
numbers = itertools.count()


class PyMySql:
    def __init__(self, options):
        self.connection = pymysql.connect(**options)

    def cipher(self):
        cipher = getattr(self.connection._sock, "cipher", None)
        return cipher and cipher()[0]


class Connector:
    def __init__(self, options):
        self.connection = mysql.connector.connect(use_pure=False, **options)

    def cipher(self):
        return self.connection._cmysql.get_ssl_cipher() or None


class PureConnector:
    def __init__(self, options):
        self.connection = mysql.connector.connect(use_pure=True, **options)

    def cipher(self):
        cipher = getattr(self.connection._socket.sock, "cipher", None)
        return cipher and cipher()[0]


def connect(call):
    client = globals()[call["client"]](call["options"])
    number = next(numbers)
    connections[number] = client.connection
    return {"number": number, "cipher": client.cipher()}


def rows(cursor):
    found = cursor.fetchall() if cursor.description else []
    return {"rows": [[None if value is None else str(value) for value in row] for row in found]}


def query(call):
    cursor = connections[call["number"]].cursor()
    cursor.execute(call["sql"])
    return rows(cursor)


def prepared(call):
    """The same order with each row of values, in the binary protocol. Only MySQL's connector does that."""
    cursor = connections[call["number"]].cursor(prepared=True)
    found = []
    for values in call["values"]:
        cursor.execute(call["sql"], values)
        found += rows(cursor)["rows"]
    return {"rows": found}


def change_user(call):
    connections[call["number"]].cmd_change_user(call["user"], call["password"])
    return {}


def close(call):
    connections.pop(call["number"]).close()
    return {}


def words(error):
    """As clients print an error of a server's, or what else has failed."""
    if isinstance(error, pymysql.MySQLError):
        return "ERROR {}: {}".format(*error.args)
    if isinstance(error, mysql.connector.Error):
        return f"ERROR {error.errno}: {error.msg}"
    return f"{type(error).__name__}: {error}"


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = globals()[call["call"]](call)
    except Exception as error:
        answer = {"error": words(error)}
    print(json.dumps(answer), flush=True)
