"""A Vintner of the benchmark's own: a release build, a folder of its own, loopback."""

import http.client
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
BINARY = os.environ.get("VINTNER_BIN", str(ROOT / ".build/release/vintner"))


class Server:
    def __init__(self, tendrils: int):
        self.data = tempfile.mkdtemp(prefix="vintner-bench-")
        environment = dict(os.environ, PATH=f"{os.environ['PATH']}:{ROOT}/.tools/bin")
        self.process = subprocess.Popen(
            [BINARY, "up", "--data", self.data, "--port", "0", "--tendrils", str(tendrils)],
            stdout=subprocess.PIPE, env=environment, text=True)
        for line in self.process.stdout:
            if "/sign-in#token=" in line:
                self.link = line.split()[-1]
                break
        else:
            raise SystemExit("vintner ended before it was ready")
        self.url = pathlib.Path(self.data, "address").read_text().strip()
        self.token = pathlib.Path(self.data, "admin.token").read_text().strip()
        self.trellis = self.child("trellis")

    def child(self, command):
        """The process id of one of the processes that `vintner up` started."""
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                arguments = (folder / "cmdline").read_bytes().split(b"\0")
                parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            except OSError:
                continue
            if parent == self.process.pid and command.encode() in arguments[:2]:
                return int(folder.name)
        raise SystemExit(f"there is no vintner {command}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.data, ignore_errors=True)

    def connect(self, headers=None):
        return Connection(self.url, headers or {"Authorization": f"Bearer {self.token}"})

    def make_vine(self, api, main, name="bench"):
        return api.post("/api/vines", {
            "project_name": name, "environment_stage": "bench",
            "source": {"type": "inline", "files": {"main.tf": main}}})["id"]

    def make_tendril(self, api, name, slots):
        """A Tendril that is only a client: it says what a real one would."""
        worker = api.post("/api/workers", {"name": name})
        tendril = self.connect({"X-Worker-ID": worker["worker_id"], "X-Worker-Token": worker["worker_token"]})
        self.beat(tendril, slots)
        return tendril

    def start_job(self, api, tendril, name):
        """A job of its own vine that `tendril` has claimed and started; its id."""
        self.beat(tendril)  # it may have been silent for long
        vine = self.make_vine(api, "", f"{name}-{time.time_ns()}")
        api.post("/api/jobs", {"job_type": "PLAN", "vine_id": vine})
        job = tendril.post("/api/jobs/claim", {})["job_id"]
        tendril.put(f"/api/jobs/{job}/status", {
            "epoch": 1, "status": "PROCESSING", "run_root": "/bench",
            "engine": {"name": "terraform", "version": "1.0.0", "platform": "linux_amd64"}})
        return job

    def beat(self, tendril, slots=200):
        tendril.post("/api/workers/heartbeat", {
            "version": "bench", "slots": slots, "draining": False, "run_root": "/bench", "leases": [],
            "engines": [{"name": "terraform", "version": "1.0.0", "platform": "linux_amd64"}]})


class Connection:
    def __init__(self, url, headers):
        self.url, self.headers = url, headers
        host, port = url.removeprefix("http://").split(":")
        self.connection = http.client.HTTPConnection(host, int(port), timeout=120)

    def again(self):
        """Another connection with the same credentials."""
        return Connection(self.url, self.headers)

    def send(self, method, path, body=None):
        self.connection.request(method, path, body=body, headers=self.headers)
        response = self.connection.getresponse()
        data = response.read()
        if response.status >= 300:
            raise SystemExit(f"{method} {path}: {response.status} {data[:300]!r}")
        return json.loads(data) if data else None

    def get(self, path):
        return self.send("GET", path)

    def post(self, path, value):
        return self.send("POST", path, json.dumps(value).encode())

    def put(self, path, value):
        return self.send("PUT", path, json.dumps(value).encode())

    def finished(self, job):
        """Waits for the end of the job's stream."""
        self.connection.request("GET", f"/api/jobs/{job}/logs/stream", headers=self.headers)
        self.connection.getresponse().read()
        self.connection.close()
        return self.get(f"/api/jobs/{job}")
