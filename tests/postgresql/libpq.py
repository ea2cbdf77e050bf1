"""PostgreSQL's client library at the end of two pipes: a line of JSON is a call, a line of JSON is what came of it."""

import itertools
import json
import select
import sys

from psycopg import pq

connections = {}
numbers = itertools.count()


def text(raw):
    return raw.decode(errors="replace").strip()


def outcome(connection, result):
    """What a query has brought: rows of text, or the server's words."""
    if result is None:
        return {"error": text(connection.error_message) or "no result"}
    if result.status in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        value = lambda row, column: (result.get_value(row, column) or b"").decode()
        return {"rows": [[value(row, column) for column in range(result.nfields)] for row in range(result.ntuples)]}
    return {"error": text(result.error_message or connection.error_message)}


def last_result(connection):
    last = None
    while (result := connection.get_result()) is not None:
        last = result
    return outcome(connection, last)


def version(call):
    return {"version": pq.version()}


def connect(call):
    connection = pq.PGconn.connect(call["conninfo"].encode())
    if connection.status != pq.ConnStatus.OK:
        return {"error": text(connection.error_message)}
    number = next(numbers)
    connections[number] = connection
    return {"number": number, "tls": bool(connection.ssl_in_use)}


def query(call):
    connection = connections[call["number"]]
    return outcome(connection, connection.exec_(call["sql"].encode()))


def begin(call):
    connection = connections[call["number"]]
    connection.send_query(call["sql"].encode())
    return {}


def end(call):
    return last_result(connections[call["number"]])


def cancel(call):
    """As libpq did up to 16: always in the clear."""
    connections[call["number"]].get_cancel().cancel()
    return {}


def cancel_encrypted(call):
    """As it does since 17: encrypted where the connection is."""
    connections[call["number"]].cancel_conn().blocking()
    return {}


def notification(call):
    connection = connections[call["number"]]
    while (notify := connection.notifies()) is None:
        if not select.select([connection.socket], [], [], call["seconds"])[0]:
            return {"error": "no notification in time"}
        connection.consume_input()
    return {"rows": [[text(notify.relname), text(notify.extra)]]}


def close(call):
    connections.pop(call["number"]).finish()
    return {}


for line in sys.stdin:
    call = json.loads(line)
    try:
        answer = globals()[call["call"]](call)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
