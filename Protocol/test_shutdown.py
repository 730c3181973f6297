"""The server shuts down, whoever is connected."""

from __future__ import annotations

import os
import signal
from typing import Callable

import pytest
from websockets.exceptions import ConnectionClosed

from harness import Api, Server, SimulatedTendril
from harness.realtime import JOBS, Socket, binding, of_job
from stalled import NonReadingClient, append_megabytes


@pytest.mark.slow
def test_shutdown_notifies_all_clients(make_server: Callable[..., Server]) -> None:
    """Fifty sockets, of which ten never read and have full buffers: the others are notified, and the server exits."""
    server = make_server("--tendrils", "0", "--log-level", "trace")
    tendril = SimulatedTendril(Api(server))
    job = tendril.start()
    append_megabytes(job, 8)
    stalled = [NonReadingClient(server, of_job(job.id, "seq=gt.0")) for _ in range(10)]
    joined = [Socket(server.url, server.token) for _ in range(35)]
    for socket in joined:
        socket.joined("realtime:a", of_job(job.id))
        socket.joined("realtime:b", binding(JOBS, event="*"))
    bare = [Socket(server.url, server.token) for _ in range(5)]
    for socket in bare:
        assert socket.heartbeat() == []
    trellis = server.trellis()

    server.process.signal(signal.SIGTERM)
    for socket in joined:
        messages = [socket.next(), socket.next()]
        assert {m.topic for m in messages} == {"realtime:a", "realtime:b"}
        for message in messages:
            assert message.event == "system" and message.payload == {
                "extension": "system", "status": "ok", "message": "Server requested disconnect",
                "channel": message.topic.removeprefix("realtime:")}
    for socket in joined + bare:
        with pytest.raises(ConnectionClosed) as caught:
            socket.next()
        assert caught.value.rcvd and caught.value.rcvd.code == 1012
    assert server.stop() < 10
    assert server.process.exit_status == 0
    assert trellis and not os.path.exists(f"/proc/{trellis}")
    for item in stalled:
        item.close()
    assert "exited; restarting" not in server.output.read_text()
