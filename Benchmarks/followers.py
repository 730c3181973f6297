"""The feed under followers: what they add in memory, how late they are, how much the feed delivers at most."""

import json
import pathlib
import subprocess
import sys
import threading
import time

from crowd import DRAIN

HERE = pathlib.Path(__file__).resolve().parent


class Crowd:
    """Followers of one job in a process of their own, `stuck` of which never read."""

    def __init__(self, server, job, count, stuck=0):
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "crowd.py"), server.url, server.token, job, str(count), str(stuck)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        assert line == "ready\n", line

    def result(self):
        self.process.stdin.write("\n")
        self.process.stdin.close()
        line = self.process.stdout.readline()
        self.process.wait(30)
        assert self.process.returncode == 0, "a follower was cut off"
        return json.loads(line)


def memory(server):
    """Resident bytes of `vintner trellis`."""
    for line in pathlib.Path(f"/proc/{server.trellis}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise SystemExit("vintner trellis is gone")


def processor_seconds(server):
    fields = pathlib.Path(f"/proc/{server.trellis}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


class Writer:
    """A Tendril that is only a client, with one running job to write to."""

    def __init__(self, server, api, tendril, name):
        self.connection = tendril.again()
        server.beat(tendril)  # without a sign of life it would be taken for dead
        self.job = server.start_job(api, tendril, name)
        self.number = 0

    def write(self, size=100):
        self.number += 1
        text = f"stamp={time.time():.6f} ".ljust(size - 1, "x") + "\n"
        chunk = {"stream_type": "STDOUT", "log_chunk": text, "times": [[1, int(time.time() * 1000)]]}
        self.connection.post(f"/api/jobs/{self.job}/logs", {"epoch": 1, "n": self.number, "chunks": [chunk]})


def paced(server, api, tendril, count, stuck, seconds, rate=20, size=100):
    """A line at a time to `count` followers: their delays, the memory they add, the server's share of one core."""
    writer = Writer(server, api, tendril, f"paced-{count}")
    before = memory(server)
    crowd = Crowd(server, writer.job, count, stuck)
    busy, begin = processor_seconds(server), time.time()
    for number in range(seconds * rate):
        pause = begin + number / rate - time.time()
        if pause > 0:
            time.sleep(pause)
        writer.write(size=size)
    share = (processor_seconds(server) - busy) / (time.time() - begin)
    time.sleep(0.5)
    added = memory(server) - before
    result = crowd.result()
    assert result["fewest"] == result["most"] == writer.number, (result["fewest"], result["most"], writer.number)
    return {"delays": result["delays"], "memory": added, "share": share}


def saturated(server, api, tendril, count, seconds, size=100):
    """As fast as it is acknowledged: deliveries per second to `count` followers, all of whom get all of it."""
    writer = Writer(server, api, tendril, f"saturated-{count}")
    crowd = Crowd(server, writer.job, count)
    stop = threading.Event()

    def write():
        while not stop.is_set():
            writer.write(size=size)

    thread = threading.Thread(target=write)
    begin = time.time()
    thread.start()
    time.sleep(seconds)
    stop.set()
    thread.join()
    elapsed = time.time() - begin
    result = crowd.result()
    assert result["fewest"] == result["most"] == writer.number, (result["fewest"], result["most"], writer.number)
    # Everybody gets everything; the time that the crowd has for the rest counts.
    return {"rate": result["frames"] / (elapsed + DRAIN), "lag": max(result["delays"])}
