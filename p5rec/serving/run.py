"""Run the service on a port until it is told to stop."""

from __future__ import annotations

import errno
import os
import socket

import torch
import uvicorn

from p5rec.core.errors import P5Error
from p5rec.core.progress import say
from p5rec.serving.http import app
from p5rec.serving.service import Service

LONGEST_LINE = 2**18  # bytes of a request line: an id of 16,384 characters, each up to 12 bytes when url-encoded


def serve(service: Service, host: str = "127.0.0.1", port: int = 8000) -> None:
    """Answer requests until SIGINT or SIGTERM, then finish those that are under way.

    Args:
        service: what answers; closed at the end.
        host: address to listen on; ``0.0.0.0`` is every one.
        port: 0 takes a free one.

    Raises:
        P5Error: the address cannot be listened on.
    """
    leave_a_core()
    listening = listen(host, port)
    address, taken = listening.getsockname()[:2]
    place = f"http://{f'[{address}]' if ':' in address else address}:{taken}"
    say(f"serving {service.version} at {place} (try it: {place}/docs, stop: Ctrl-C)")
    config = uvicorn.Config(
        app(service),
        log_level="warning",
        access_log=False,
        h11_max_incomplete_event_size=LONGEST_LINE,
        timeout_graceful_shutdown=30,
        server_header=False,
    )
    uvicorn.Server(config).run(sockets=[listening])


def leave_a_core() -> None:
    """Torch uses all cores but one, unless ``OMP_NUM_THREADS`` says otherwise.

    With as many threads as cores the web's own thread makes one of them late, and each operation waits for the last.
    """
    if "OMP_NUM_THREADS" not in os.environ:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        torch.set_num_threads(max(1, cores - 1))


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        P5Error: the port is taken or forbidden, or the host is not one of this machine.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # the protocol must be named: asyncio turns off Nagle's delay, 40 ms an answer, only where it is
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2048)
    except OSError as error:
        reasons = {
            errno.EADDRINUSE: "another program listens there; choose another with --port, or 0 for any free one",
            errno.EACCES: "that port needs more rights; choose one above 1023 with --port",
            errno.EADDRNOTAVAIL: "that address is not one of this machine; choose another with --host",
        }
        raise P5Error(f"cannot listen on {host}:{port}: {reasons.get(error.errno or 0, str(error))}") from None
    return listening
