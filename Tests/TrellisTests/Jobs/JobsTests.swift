import Domain
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import Trellis

/// A job's way through the API, and every wrong turn.
@Suite struct JobsTests {
    @Test func aPlanIsClaimedRunAndAppliedExactlyOnce() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            #expect(plan.status == .queued && plan.logState == "OPEN" && plan.createdBy == "admin")
            let order = try await tendril.claim()
            #expect(order.jobId == plan.id && order.epoch == 1)
            #expect(order.secrets.variables["db_password"] == "hunter2-hunter2")
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(try await tendril.append(order, n: 1, "Plan: 1 to add\n").status == 200)

            let early = try await tendril.report(order, #""status": "SUCCESS", "engine_state": "GONE""#)
            #expect(early.status == 409 && early.error?.contains("artifact") == true)
            #expect(try await tendril.saveArtifact(order).status == 204)
            #expect(try await tendril.report(order, #""status": "SUCCESS", "engine_state": "GONE""#).status == 200)

            let applied = try await api.post("/api/jobs/\(plan.id)/apply")
            let deploy = try applied.decode(JobResponse.self)
            #expect(applied.status == 201 && deploy.jobType == .deploy && deploy.planJobId == plan.id)
            let second = try await api.post("/api/jobs/\(plan.id)/apply")
            #expect(second.status == 409 && second.error?.contains(deploy.id.short) == true)

            let deployOrder = try await tendril.claim()
            #expect(deployOrder.plan?.jobId == plan.id)
            #expect(deployOrder.requirement.version == "1.15.5" && deployOrder.requirement.runRoot == "/run")
            let artifact = "/api/jobs/\(plan.id)/artifact?for=\(deploy.id)&epoch=1"
            #expect(try await tendril.get(artifact).text == "artifact")
            #expect(try await api.get(artifact).status == 403)
        }
    }

    @Test func badRequestsReturnMessageAndChangeNothing() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let unknown = AuthorizationTests.id
            let cases: [(String, String, Int, String)] = [
                ("/api/jobs", "{", 400, "not valid JSON"),
                ("/api/jobs", "[]", 400, "wrong type"),
                ("/api/jobs", #"{"job_type": "PLAN"}"#, 400, "vine_id"),
                ("/api/jobs", #"{"job_type": "SHRUG", "vine_id": "\#(vine.id)"}"#, 400, "job_type"),
                ("/api/jobs", #"{"job_type": "PLAN", "vine_id": "../../x"}"#, 400, "vine_id"),
                ("/api/jobs", #"{"job_type": "PLAN", "vine_id": "\#(unknown)"}"#, 404, "Vine not found"),
                ("/api/jobs", #"{"job_type": "DEPLOY", "vine_id": "\#(vine.id)"}"#, 400, "plan_job_id"),
                (
                    "/api/jobs", #"{"job_type": "PLAN", "vine_id": "\#(vine.id)", "plan_job_id": "\#(unknown)"}"#, 400,
                    "DEPLOY"
                ),
                (
                    "/api/jobs", #"{"job_type": "DEPLOY", "vine_id": "\#(vine.id)", "plan_job_id": "\#(unknown)"}"#,
                    404, "Job not found"
                ),
                (
                    "/api/jobs",
                    #"{"job_type": "PLAN", "vine_id": "\#(vine.id)", "assigned_worker_id": "\#(unknown)"}"#, 404,
                    "Tendril"
                ),
                ("/api/jobs/\(unknown)/cancel", "{}", 404, "Job not found"),
                ("/api/jobs/nonsense/cancel", "{}", 404, "Job not found"),
                ("/api/jobs/\(unknown)/apply", "{}", 404, "Job not found"),
                ("/api/jobs/\(unknown)/rerun", "{}", 404, "Job not found"),
            ]
            for (uri, body, status, says) in cases {
                let reply = try await api.post(uri, body)
                #expect(reply.status == status && reply.error?.contains(says) == true, "\(uri) \(body): \(reply.text)")
            }
            #expect(try await api.get("/api/jobs").decode(ListResponse<JSONValue>.self).items.isEmpty)
        }
    }

    /// A report of a job's end is accepted whatever it contains, also from a Tendril that cuts nothing itself.
    @Test func anEndWithTooMuchMetadataIsCutAndTakenIn() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            _ = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(try await tendril.saveArtifact(order).status == 204)
            let value = String(repeating: "y", count: 70_000)
            let outputs = (0..<30).map { #""o\#($0)": "\#(value)""# }.joined(separator: ",")
            let reply = try await tendril.report(
                order,
                """
                "status": "SUCCESS", "engine_state": "GONE", "warnings": 2,
                "changes": {"add": 1, "change": 0, "destroy": 0, "import": 2},
                "execution_metadata": {"small": 1, "outputs": {\(outputs)}}
                """)
            #expect(reply.status == 200, "\(reply.text.prefix(200))")
            let job = try await api.get("/api/jobs/\(order.jobId)").decode(JobResponse.self)
            #expect(job.status == .success && job.warnings == 2 && job.changes == PlannedChanges(add: 1, imports: 2))
            #expect(job.executionMetadata["small"] == 1)
            #expect(job.executionMetadata.encodedBytes <= JobMetadata.storedBytes)
            let cut = job.truncated.filter { $0.hasPrefix("outputs.o") }
            #expect(!cut.isEmpty && cut.count < 30 && cut.count == job.truncated.count)
            for name in cut {
                #expect(job.executionMetadata["outputs"]?[String(name.dropFirst(8))] == JobMetadata.tooLarge)
            }
            let row = try #require(await api.get("/api/jobs").decode(ListResponse<JSONValue>.self).items.first)
            #expect(row["warnings"] == 2 && row["changes"]?["import"] == 2)
            #expect(row["changes"]?["forget"] == 0)
        }
    }

    /// The secrets of a job are for the holder of its lease, while there is an engine that needs them.
    @Test func secretsAreGoneWithTheEngine() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let job = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            let work = "/api/jobs/\(job.id)/work?epoch=1"
            #expect(try await tendril.get(work).text.contains("hunter2-hunter2"))
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(try await api.post("/api/jobs/\(job.id)/cancel").status == 200)
            // It stops: a Tendril that was restarted must still mask what it prints.
            #expect(try await tendril.get(work).text.contains("hunter2-hunter2"))
            #expect(try await tendril.report(order, #""engine_state": "GONE""#).status == 200)
            let late = try await tendril.get(work)
            #expect(late.status == 410 && late.error?.contains("secrets") == true && !late.text.contains("hunter2"))
        }
    }

    @Test func anEnvironmentThatDefeatsTheStateIsRefused() async throws {
        try await TrellisHarness.run { _, api async throws in
            for (field, name) in [
                ("environment", "TF_CLI_ARGS_plan"), ("sensitive_environment", "TF_REATTACH_PROVIDERS"),
            ] {
                let body = API.vine.dropLast() + #", "\#(field)": {"\#(name)": "hunter2-hunter2"}}"#
                let reply = try await api.post("/api/vines", String(body))
                #expect(
                    reply.status == 400 && reply.error?.contains("\"\(name)\" is reserved") == true, "\(reply.text)")
            }
            #expect(try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items.isEmpty)
        }
    }

    @Test func whatHappenedAndWhatAJobWaitsForAreFields() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let made = try await api.makeJob(on: vine.id)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            let phases =
                #"[{"name": "init", "started_at": "2026-01-01T00:00:00Z", "ended_at": "2026-01-01T00:00:01Z"}, "#
                + #"{"name": "plan", "started_at": "2026-01-01T00:00:01Z"}]"#
            #expect(try await tendril.report(order, #""phases": \#(phases)"#).status == 200)
            let next = try await api.makeJob(on: vine.id)
            let waiting = try #require(try await api.get("/api/jobs/\(next.id)").decode(JobResponse.self).waitingFor)
            #expect(waiting.kind == "job" && waiting.jobId == made.id)
            var job = try await api.get("/api/jobs/\(made.id)").decode(JobResponse.self)
            #expect(job.phases.map(\.name) == ["init", "plan"])
            #expect(job.phases.map { $0.endedAt == nil } == [false, true])
            let outcome =
                #"{"result": "FAILED", "phase": "plan", "exit_code": 1, "serial_before": 3, "serial_after": 3, "#
                + #""lock_released": true, "unfinished": ["a.b"], "summary": "Any text."}"#
            #expect(
                try await tendril.report(
                    order, #""status": "FAILED", "engine_state": "GONE", "outcome": \#(outcome)"#
                ).status == 200)
            job = try await api.get("/api/jobs/\(made.id)").decode(JobResponse.self)
            let shown = try #require(job.outcome)
            #expect(shown.stateSerialBefore == 3 && shown.stateSerialAfter == 3 && shown.lockReleased == true)
            #expect(shown.unfinished == ["a.b"] && shown.exitCode == 1 && shown.phase == "plan")
            #expect(job.phases.count == 2)
        }
    }

    @Test func theStoredPhasesAreBounded() {
        let phase = JobPhase(name: "plan", startedAt: Timestamp(milliseconds: 0))
        let long = JobPhase(name: String(repeating: "a", count: 65), startedAt: phase.startedAt)
        let most = Array(repeating: phase, count: JobPhase.maximumCount)
        #expect(JobPhase.bounded(most) == most)
        #expect(JobPhase.bounded(most + [long]) == most)
        #expect(JobPhase.bounded([long])[0].name.utf8.count <= JobPhase.nameBytes)
        let edge = JobPhase(name: String(repeating: "a", count: 64), startedAt: phase.startedAt)
        #expect(JobPhase.bounded([edge]) == [edge])
    }

    @Test func aJobThatWaitsForALockNamesIt() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            _ = try await api.makeTendril()
            let lock = #"{"ID": "5d0c7a3e-lock", "Who": "ana@laptop", "Operation": "OperationTypeApply"}"#
            #expect(try await api.post("/api/vines/\(vine.id)/lock", lock).status == 200)
            let made = try await api.makeJob(on: vine.id)
            let waiting = try #require(try await api.get("/api/jobs/\(made.id)").decode(JobResponse.self).waitingFor)
            #expect(waiting.kind == "lock" && waiting.lockId == "5d0c7a3e-lock" && waiting.jobId == nil)
        }
    }

    @Test func runOptionsAreCheckedShownAndKept() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            func create(_ fields: String, _ type: String = "PLAN") async throws -> Reply {
                try await api.post("/api/jobs", #"{"job_type": "\#(type)", "vine_id": "\#(vine.id)", \#(fields)}"#)
            }
            let other = try await api.makeJob(on: vine.id)
            #expect(try await api.post("/api/jobs/\(other.id)/cancel").status == 200)
            for (fields, type, says) in [
                (#""targets": ["-out=x"]"#, "PLAN", "targets"), (#""targets": ["a.b\\nc"]"#, "PLAN", "targets"),
                (#""replace": ["module.net"]"#, "PLAN", "module"), (#""parallelism": 0"#, "PLAN", "parallelism"),
                (#""parallelism": 257"#, "PLAN", "parallelism"), (#""log_level": "LOUD""#, "PLAN", "log_level"),
                (#""refresh_only": true, "replace": ["a.b"]"#, "PLAN", "refresh_only"),
                (#""refresh_only": true"#, "DESTROY", "refresh_only"),
                (#""parallelism": 2, "plan_job_id": "\#(other.id)""#, "DEPLOY", "PLAN"),
            ] {
                let reply = try await create(fields, type)
                #expect(reply.status == 400 && reply.error?.contains(says) == true, "\(fields): \(reply.text)")
            }
            let made = try await create(
                #""targets": ["module.net[\"a\"].aws_x.y[0]"], "parallelism": 3, "log_level": "debug""#)
            let plan = try made.decode(JobResponse.self)
            #expect(made.status == 201 && plan.parallelism == 3 && plan.logLevel == .debug)
            #expect(plan.targets == [#"module.net["a"].aws_x.y[0]"#] && !plan.refreshOnly)
            let order = try await tendril.claim()
            #expect(order.options?.targets == plan.targets)
            try await tendril.finishPlan(order)
            // The DEPLOY applies the plan as it was made; a re-run keeps the options.
            let deploy = try await api.post("/api/jobs/\(plan.id)/apply").decode(JobResponse.self)
            #expect(deploy.parallelism == 3 && deploy.targets == plan.targets)
            let again = try await api.post("/api/jobs/\(plan.id)/rerun").decode(JobResponse.self)
            #expect(again.parallelism == 3 && again.logLevel == .debug)
        }
    }

    @Test func rejectsOversizedBody() async throws {
        try await TrellisHarness.run { _, api async throws in
            let huge = String(repeating: "x", count: 20_000_000)
            let body =
                #"{"project_name": "p", "environment_stage": "s", "source": {"type": "inline", "files": {"main.tf": "\#(huge)"}}}"#
            let reply = try await api.post("/api/vines", body)
            #expect(reply.status == 413 && reply.error?.contains("limit") == true)
            #expect(try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items.isEmpty)
        }
    }

    @Test func pathTricksInInlineFilesAreRefused() async throws {
        try await TrellisHarness.run { _, api async throws in
            for path in ["../x.tf", "/etc/cron.d/x", "a/../../x.tf", ".terraform/x"] {
                let body =
                    #"{"project_name": "p", "environment_stage": "s", "source": {"type": "inline", "files": {"\#(path)": ""}}}"#
                let reply = try await api.post("/api/vines", body)
                #expect(reply.status == 400 && reply.error?.contains("not allowed") == true, "\(path)")
            }
            #expect(try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items.isEmpty)
        }
    }

    @Test func sensitiveValuesAreNeverShown() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            for uri in [
                "/api/vines", "/api/vines/\(vine.id)", "/api/jobs", "/api/jobs/\(job.id)", "/dashboard/jobs/\(job.id)",
            ] {
                #expect(try await !api.get(uri).text.contains("hunter2"), "\(uri)")
            }
            #expect(vine.sensitiveVariables == ["db_password"])
            #expect(job.configSnapshot["variables"]?["db_password"] == "(sensitive)")
        }
    }

    @Test func cancelIsIdempotentAndNotifiesTendril() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            let cancelled = try await api.post("/api/jobs/\(plan.id)/cancel").decode(JobResponse.self)
            #expect(
                cancelled.status == .cancelled && cancelled.engineState == .stopping && cancelled.cancelledBy == "admin"
            )
            #expect(try await api.post("/api/jobs/\(plan.id)/cancel").status == 200)
            let lease = #"[{"job_id": "\#(plan.id)", "epoch": 1}]"#
            let beat = try await tendril.beat(leases: lease).decode(HeartbeatResponse.self)
            #expect(beat.stop == [plan.id] && beat.lost.isEmpty)
            // The vine is held until the engine is gone.
            let next = try await api.makeJob(on: vine.id)
            #expect(try await tendril.post("/api/jobs/claim").status == 204)
            #expect(try await api.get("/api/jobs/\(next.id)").decode(JobResponse.self).waitingFor?.jobId == plan.id)
            #expect(try await tendril.report(order, #""status": "SUCCESS", "engine_state": "GONE""#).status == 409)
            let outcome = #"{"result": "INTERRUPTED", "summary": "Stopped."}"#
            let told = try await tendril.report(
                order, #""engine_state": "GONE", "outcome": \#(outcome), "log": {"digest": {}}"#)
            #expect(told.status == 200)
            let ended = try await api.get("/api/jobs/\(plan.id)").decode(JobResponse.self)
            #expect(ended.status == .cancelled && ended.engineState == .gone && ended.outcome?.result == .interrupted)
            #expect(ended.logState == "COMPLETE")
            #expect(try await tendril.post("/api/jobs/claim").status == 200)
        }
    }

    @Test func anEndedJobCannotBeCancelledAndARunningOneNotRepeated() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            #expect(try await api.post("/api/jobs/\(plan.id)/rerun").status == 409)
            #expect(try await api.post("/api/jobs/\(plan.id)/apply").status == 409)
            try await tendril.finishPlan(tendril.claim())
            #expect(try await api.post("/api/jobs/\(plan.id)/cancel").status == 409)
            let again = try await api.post("/api/jobs/\(plan.id)/rerun").decode(JobResponse.self)
            #expect(again.rerunOf == plan.id && again.jobType == .plan)
            #expect(try await api.get("/api/jobs/\(plan.id)").decode(JobResponse.self).reruns == [again.id])
        }
    }

    @Test func aChangedVineMakesThePlanStale() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            try await tendril.finishPlan(tendril.claim())
            #expect(try await api.get("/api/jobs/\(plan.id)/apply-check").text.contains(#""valid":true"#))
            let patch = try await api.call(
                .patch, "/api/vines/\(vine.id)", #"{"sensitive_variables": {"db_password": "another-one"}}"#)
            #expect(patch.status == 200)
            let check = try await api.get("/api/jobs/\(plan.id)/apply-check").text
            #expect(check.contains(#""valid":false"#) && check.contains("vine changed after this plan"))
            #expect(try await api.post("/api/jobs/\(plan.id)/apply").status == 409)
        }
    }

    @Test func aStateThatMovedMakesThePlanStale() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            try await tendril.finishPlan(tendril.claim())
            let state = #"{"version": 4, "lineage": "l", "serial": 1}"#
            #expect(try await api.post("/api/vines/\(vine.id)/state", state).status == 200)
            let reply = try await api.post("/api/jobs/\(plan.id)/apply")
            #expect(reply.status == 409 && reply.error?.contains("state moved") == true)
        }
    }

    @Test func queuedJobCanBeReassigned() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let away = try await api.post("/api/workers", #"{"name": "away"}"#).decode(RegisterWorkerResponse.self)
                .workerId
            let tendril = try await api.makeTendril()
            let job = try await api.post(
                "/api/jobs", #"{"job_type": "PLAN", "vine_id": "\#(vine.id)", "assigned_worker_id": "\#(away)"}"#
            ).decode(JobResponse.self)
            let path = "/api/jobs/\(job.id)"
            let waiting = try await api.get(path).decode(JobResponse.self).waitingFor
            #expect(waiting?.message == "Waiting for away, which is OFFLINE" && waiting?.workerId == away)
            #expect(try await tendril.post("/api/jobs/claim").status == 204)
            // What says nothing changes nothing.
            let empty = try await api.call(.patch, path, "{}")
            #expect(empty.status == 400 && empty.error?.contains("assigned_worker_id") == true)
            #expect(try await api.get(path).decode(JobResponse.self).assignedWorkerId == away)

            let moved = try await api.call(.patch, path, #"{"assigned_worker_id": null}"#).decode(JobResponse.self)
            #expect(moved.assignedWorkerId == nil && moved.status == .queued && moved.waitingFor?.kind == "nothing")
            let log = try await api.get("\(path)/logs?after=0").text
            #expect(log.contains("Changed to any available Tendril by admin"))
            #expect(try await tendril.claim().jobId == job.id)
            let late = try await api.call(.patch, path, #"{"assigned_worker_id": null}"#)
            #expect(late.status == 409 && late.error?.contains("CLAIMED") == true)
        }
    }

    @Test func theListOfTendrilsSaysWhatEachLacksForAJob() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril("one")
            let plan = try await api.makeJob(on: vine.id)
            try await tendril.finishPlan(tendril.claim())
            let other = try await api.makeTendril("other")
            let beat = """
                {"version": "test", "slots": 1, "draining": false, "run_root": "/run", "leases": [],
                 "engines": [{"name": "terraform", "version": "1.9.0", "platform": "linux_amd64"}]}
                """
            #expect(try await other.post("/api/workers/heartbeat", beat).status == 200)
            func shortfalls(_ query: String) async throws -> [String: String?] {
                let page = try await api.get("/api/workers\(query)").decode(ListResponse<WorkerResponse>.self)
                return Dictionary(uniqueKeysWithValues: page.items.map { ($0.name, $0.shortfall) })
            }
            #expect(try await shortfalls("") == ["one": nil, "other": nil])
            #expect(
                try await shortfalls("?plan_job_id=\(plan.id)")
                    == ["one": nil, "other": "has terraform 1.9.0, not 1.15.5"])
            #expect(try await shortfalls("?vine_id=\(vine.id)") == ["one": nil, "other": nil])
            let tofu = try await api.call(.patch, "/api/vines/\(vine.id)", #"{"engine": "tofu"}"#)
            #expect(tofu.status == 200)
            #expect(
                try await shortfalls("?vine_id=\(vine.id)") == ["one": "has no tofu", "other": "has no tofu"])
            #expect(try await api.get("/api/workers?plan_job_id=\(AuthorizationTests.id)").status == 404)
            #expect(try await api.get("/api/workers?vine_id=nonsense").status == 404)
        }
    }

    @Test func rerunPreviewMatchesResult() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let plan = try await api.makeJob(on: vine.id)
            try await tendril.finishPlan(tendril.claim())
            func check(_ id: JobID) async throws -> ApplyCheckResponse {
                try await api.get("/api/jobs/\(id)/apply-check").decode(ApplyCheckResponse.self)
            }
            // A DEPLOY that never started leaves its plan as good as it was.
            let first = try await api.post("/api/jobs/\(plan.id)/apply").decode(JobResponse.self)
            #expect(try await check(plan.id).deployId == first.id)
            _ = try await api.post("/api/jobs/\(first.id)/cancel")
            #expect(try await check(plan.id).valid)
            #expect(try await check(first.id).rerun == .deploy)
            let again = try await api.post("/api/jobs/\(first.id)/rerun").decode(JobResponse.self)
            #expect(again.jobType == .deploy && again.planJobId == plan.id && again.rerunOf == first.id)
            // One that started has used it up.
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(try await tendril.report(order, #""status": "FAILED", "engine_state": "GONE""#).status == 200)
            let after = try await check(again.id)
            #expect(after.rerun == .plan && after.rerunNote?.contains("a saved plan applies once") == true)
            #expect(try await check(plan.id).remedy == .rerun)
            #expect(try await api.post("/api/jobs/\(again.id)/rerun").decode(JobResponse.self).jobType == .plan)
            // The old configuration planned again would be as stale.
            _ = try await api.call(.patch, "/api/vines/\(vine.id)", #"{"region": "us-east-1"}"#)
            #expect(try await check(plan.id).remedy == .planVine)
        }
    }

    @Test func rejectsReportOfOldLease() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let (one, two) = (try await api.makeTendril("one"), try await api.makeTendril("two"))
            _ = try await api.makeJob(on: vine.id)
            let order = try await one.claim()
            #expect(try await two.report(order, API.start).status == 410)
            #expect(try await two.append(order, n: 1, "x\n").status == 410)
            var stale = order
            stale.epoch = 2
            #expect(try await one.report(stale, API.start).status == 410)
            #expect(try await one.report(order, API.start).status == 200)
            #expect(try await one.report(order, API.start).status == 200, "a lost answer may be asked for again")
        }
    }
}
