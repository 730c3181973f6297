"""Queue: from the creation of a job until its first engine process is executed, on an idle Tendril."""


def run(server, api, rounds):
    vine = server.make_vine(api, 'resource "terraform_data" "x" {}', "dispatch")
    waits = []
    for _ in range(rounds):
        job = api.finished(api.post("/api/jobs", {"job_type": "PLAN", "vine_id": vine})["id"])
        assert job["status"] == "SUCCESS", job
        waits.append(job["execution_metadata"]["dispatch_ms"])
    return sorted(waits)
