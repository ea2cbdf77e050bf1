"""A server of WebSockets in TLS. A line of JSON names its certificate, a line of JSON its port."""

import asyncio
import json
import ssl
import sys

from websockets.asyncio.server import serve


async def pieces(socket, message):
    for letter in message:
        yield letter
        await (await socket.ping())


async def treat(socket):
    await socket.send("welcome")
    async for message in socket:
        if message == "pieces":
            await socket.send(pieces(socket, message))
        else:
            await socket.send(message)


async def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(json.loads(sys.stdin.readline())["keyfile"])
    async with serve(treat, "127.0.0.1", 0, ssl=context, max_size=None) as server:
        port = server.sockets[0].getsockname()[1]
        print(json.dumps({"port": port}), flush=True)
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(main())
