"""Checks a Vintner evidence file with Python and openssl: verify_evidence.py FILE KEY. See docs/evidence.md."""
import base64, hashlib, json, subprocess, sys, tarfile, tempfile

file, key = sys.argv[1:]
problems, found, log = [], {}, {}
with tarfile.open(file) as archive:
    for member in archive:
        data = archive.extractfile(member).read()
        found[member.name] = data if member.name.startswith("manifest.") else hashlib.sha256(data).hexdigest()
        for line in data.splitlines() if member.name.startswith(("log/", "audit/")) else []:
            row = json.loads(line)
            if member.name.startswith("log/"):
                log.setdefault((row["epoch"], row["stream_type"]), hashlib.sha256()).update(row["log_chunk"].encode())
                continue
            claimed = row.pop("hash")
            canonical = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
            if hashlib.sha256(canonical.encode()).hexdigest() != claimed:
                problems.append(f"{member.name}: event {row['number']} does not match its hash")
text, signature = found.pop("manifest.json"), base64.b64decode(found.pop("manifest.sig"))
with tempfile.NamedTemporaryFile() as a, tempfile.NamedTemporaryFile() as b:
    a.write(text), a.flush(), b.write(signature), b.flush()
    command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-rawin", "-in", a.name, "-sigfile", b.name]
    if subprocess.run(command, capture_output=True).returncode:
        problems.append("manifest.json does not match its signature")
manifest = json.loads(text)
if found != {part["name"]: part["sha256"] for part in manifest["parts"]}:
    problems.append("the parts do not match their digests")
if {k: h.hexdigest() for k, h in log.items()} != {(d["epoch"], d["stream"]): d["sha256"] for d in manifest["log"]["digests"]}:
    problems.append("the log does not match the digests of its streams")
sys.exit("\n".join(problems) or print("Everything matches."))
