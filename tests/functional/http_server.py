"""A server for test_http_server.py: run it with a port's file and perhaps a certificate."""

from __future__ import annotations

import sys
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import globalLogBeginner, textFileLogObserver

from emulator.web.listener import HttpListener, parse_addresses
from emulator.wire.message import HttpRequest, HttpResponse


async def slowly(request: HttpRequest) -> HttpResponse:
    await deferLater(reactor, 1.0)
    return HttpResponse(200, (b"slow but sure",))


def answer(request: HttpRequest):
    if request.path == "/slow":
        return slowly(request)
    if request.path == "/stop":
        reactor.callLater(0.2, stop)
    if request.path == "/large":
        return HttpResponse(200, (b"x" * 5_000_000,))
    return HttpResponse(200, (request.method.encode(), b" ", request.body))


def stop() -> None:
    Deferred.fromCoroutine(listener.stop(5.0)).addBoth(lambda result: reactor.stop())


globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)])
certificate_path = Path(sys.argv[2]) if len(sys.argv) > 2 else None
listener = HttpListener(reactor, answer, certificate_path=certificate_path)
opened = listener.listen(parse_addresses("127.0.0.1:0"))
reactor.callWhenRunning(Path(sys.argv[1]).write_text, str(opened[0].port))
reactor.run()
