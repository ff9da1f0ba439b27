"""The client of the page benchmark: a process of its own with keep-alive connections.

Reads one JSON document from standard input (port, cookie, seconds, connections, and for each
connection the requests to send in turn), writes one to standard output. No library: what the
client costs, the servers on the same machine lack.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
import time
from typing import Any


class Connection:
    """One keep-alive connection, speaking as much HTTP as the servers here answer."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, request: bytes) -> tuple[int, int]:
        """Send one request; return the status and the bytes of the answer."""
        self.socket.sendall(request)
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, rest = self.buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0] or 0)
        self.buffer = rest
        while len(self.buffer) < length:
            self._more()
        self.buffer = self.buffer[length:]
        return int(head[9:12]), len(head) + 4 + length

    def _more(self) -> None:
        received = self.socket.recv(262_144)
        if not received:
            raise ConnectionError("the server closed a connection that was to stay open")
        self.buffer += received


def request_bytes(method: str, address: str, cookie: str, body: str = "") -> bytes:
    """Return a request as a browser sends it, as far as the servers look at it."""
    lines = [
        f"{method} {address} HTTP/1.1",
        "Host: 127.0.0.1",
        "Accept: text/html",
        "Accept-Encoding: gzip",
        "Accept-Language: vi",
        f"Cookie: {cookie}",
    ]
    if body:
        lines += ["Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


def drive(order: dict[str, Any]) -> dict[str, Any]:
    """Send each connection's steps in turn until the time is over or they run out."""
    took: list[float] = []
    sizes: list[int] = []
    bad: list[int] = []
    lock = threading.Lock()
    ready = threading.Barrier(len(order["connections"]) + 1)
    until = [0.0]

    def work(steps: list[list[Any]], repeat: bool) -> None:
        connection = Connection(order["port"])
        mine: list[float] = []
        ready.wait()
        done = 0
        while time.perf_counter() < until[0] and (repeat or done < len(steps)):
            started = time.perf_counter()
            # A step is one thing that a person does: one request, or a form and the page after.
            for method, address, body, expected in steps[done % len(steps)]:
                status, size = connection.send(
                    request_bytes(method, address, order["cookie"], body)
                )
                if status != expected:
                    bad.append(status)
            mine.append(time.perf_counter() - started)
            done += 1
        with lock:
            took.extend(mine)
            sizes.append(size)
        connection.socket.close()

    threads = [
        threading.Thread(target=work, args=(steps, order["repeat"]))
        for steps in order["connections"]
    ]
    for thread in threads:
        thread.start()
    until[0] = time.perf_counter() + 3600
    ready.wait()
    started = time.perf_counter()
    until[0] = started + order["seconds"]
    for thread in threads:
        thread.join()
    return {
        "elapsed": time.perf_counter() - started,
        "took": took,
        "bytes": max(sizes),
        "bad": sorted(set(bad)),
    }


if __name__ == "__main__":
    json.dump(drive(json.load(sys.stdin)), sys.stdout)
