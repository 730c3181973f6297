"""The server goes away when it is asked to, whoever is connected."""

from __future__ import annotations

import os
import signal
from typing import Callable

import pytest
from websockets.exceptions import ConnectionClosed

from frames import JOBS, Socket, binding, of_job
from server import Api, Server, Tendril
from test_slow_readers import Deaf, write


@pytest.mark.slow
def test_everybody_is_told(make_server: Callable[..., Server]) -> None:
    """Fifty sockets, ten of which never read and have more waiting than fits: the others are told, and it ends."""
    server = make_server("--tendrils", "0", "--log-level", "trace")
    tendril = Tendril(Api(server))
    job = tendril.start()
    write(job, 8)
    deaf = [Deaf(server, of_job(job.id, "seq=gt.0")) for _ in range(10)]
    joined = [Socket(server.url, server.token) for _ in range(35)]
    for socket in joined:
        socket.joined("realtime:a", of_job(job.id))
        socket.joined("realtime:b", binding(JOBS, event="*"))
    bare = [Socket(server.url, server.token) for _ in range(5)]
    for socket in bare:
        assert socket.heartbeat() == []
    trellis = server.trellis()

    server.process.send_signal(signal.SIGTERM)
    for socket in joined:
        told = [socket.next(), socket.next()]
        assert {m.topic for m in told} == {"realtime:a", "realtime:b"}
        for message in told:
            assert message.event == "system" and message.payload == {
                "extension": "system", "status": "ok", "message": "Server requested disconnect",
                "channel": message.topic.removeprefix("realtime:")}
    for socket in joined + bare:
        with pytest.raises(ConnectionClosed) as caught:
            socket.next()
        assert caught.value.rcvd and caught.value.rcvd.code == 1012
    assert server.stop() < 10
    assert server.process.returncode == 0
    assert trellis and not os.path.exists(f"/proc/{trellis}")
    for item in deaf:
        item.close()
    assert "exited; restarting" not in server.output.read_text()
