import Domain
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import Trellis

/// Vines over the API: their names, their files, and what is not understood.
@Suite struct VineTests {
    private func body(
        _ project: String, stage: String = "qa", files: String = #"{"main.tf": "x"}"#, more: String = ""
    ) -> String {
        """
        {"project_name": "\(project)", "environment_stage": "\(stage)",
         "source": {"type": "inline", "files": \(files)}\(more)}
        """
    }

    @Test func aSecondVineWithTheSameNameIsRefused() async throws {
        try await TrellisHarness.run { _, api async throws in
            let first = try await api.post("/api/vines", body("vineyard")).decode(VineResponse.self)
            let second = try await api.post("/api/vines", body("Vineyard", stage: "QA"))
            #expect(second.status == 409 && second.error?.contains(first.id.rawValue) == true, "\(second.text)")
            let other = try await api.post("/api/vines", body("vineyard", stage: "prod")).decode(VineResponse.self)
            let renamed = try await api.call(.patch, "/api/vines/\(other.id)", #"{"environment_stage": "qa"}"#)
            #expect(renamed.status == 409)
            #expect(try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items.count == 2)
        }
    }

    @Test(arguments: [
        #"{}"#, #"{"notes.md": "x"}"#, #"{"main.tf": "  \n"}"#, #"{"modules/a/main.tf": "x"}"#,
    ])
    func anEmptyConfigurationIsRefused(files: String) async throws {
        try await TrellisHarness.run { _, api async throws in
            let reply = try await api.post("/api/vines", body("void", files: files))
            #expect(reply.status == 400 && reply.error?.isEmpty == false, "\(reply.text)")
            let vine = try await api.makeVine()
            let patch = #"{"source": {"type": "inline", "files": \#(files)}}"#
            #expect(try await api.call(.patch, "/api/vines/\(vine.id)", patch).status == 400)
            #expect(try await api.get("/api/vines/\(vine.id)").decode(VineResponse.self).source == vine.source)
        }
    }

    @Test func filesTravelWithTheirModeFromTheVineToTheTendril() async throws {
        try await TrellisHarness.run { _, api async throws in
            let made = try await api.post(
                "/api/vines",
                """
                {"project_name": "modes", "environment_stage": "qa", "source": {"type": "inline", "path": "./live/",
                 "files": {"live/main.tf": "x", "live/run.sh": {"content": "#!/bin/sh", "executable": true},
                           "logo": {"content": "/wCA", "encoding": "base64"}}}}
                """)
            #expect(made.status == 201, "\(made.text)")
            let vine = try made.decode(VineResponse.self)
            let expected = VineSource.inline(
                files: [
                    "live/main.tf": "x", "live/run.sh": InlineFile("#!/bin/sh", isExecutable: true),
                    "logo": InlineFile("/wCA", encoding: .base64),
                ], path: "live")
            #expect(vine.source == expected)
            let job = try await api.makeJob(on: vine.id)
            let source = job.configSnapshot["source"]
            #expect(source?["path"] == "live")
            #expect(source?["files"]?["live/main.tf"] == "x")
            #expect(source?["files"]?["live/run.sh"]?["executable"] == true)
            #expect(source?["files"]?["logo"]?["encoding"] == "base64")
            let order = try await api.makeTendril().claim()
            #expect(order.snapshot.settings.source == expected)
        }
    }

    @Test func gitSourcesAreStoredInOneForm() async throws {
        try await TrellisHarness.run { _, api async throws in
            let reply = try await api.post(
                "/api/vines",
                """
                {"project_name": "forms", "environment_stage": "qa", "source": {"type": "git",
                 "url": "git@code.example.org:team/infra.git", "ref": "v2", "path": "./stacks//eu/"}}
                """)
            let vine = try reply.decode(VineResponse.self)
            #expect(
                vine.source
                    == .git(url: "ssh://git@code.example.org/team/infra.git", ref: "v2", path: "stacks/eu"))
            for path in ["../x", "/x", "a/../b"] {
                let bad = try await api.call(
                    .patch, "/api/vines/\(vine.id)",
                    #"{"source": {"type": "git", "url": "https://h/x", "ref": "main", "path": "\#(path)"}}"#)
                #expect(bad.status == 400 && bad.error?.contains("\"path\"") == true, "\(bad.text)")
            }
        }
    }

    @Test func engineRegionAndOriginCanBeChangedAndCleared() async throws {
        try await TrellisHarness.run { _, api async throws in
            let more = #", "engine": "tofu", "region": "eu-9", "origin": "folder:here:/srv/a""#
            let vine = try await api.post("/api/vines", body("clear", more: more)).decode(VineResponse.self)
            #expect(vine.engine == .tofu && vine.region == "eu-9" && vine.origin == "folder:here:/srv/a")
            let path = "/api/vines/\(vine.id)"
            let set = try await api.call(.patch, path, #"{"engine": "terraform", "region": "eu-8"}"#)
            #expect(try set.decode(VineResponse.self).engine == .terraform)
            let reply = try await api.call(.patch, path, #"{"engine": null, "region": null}"#)
            let now = try reply.decode(VineResponse.self)
            #expect(now.engine == nil && now.region == nil && now.origin == vine.origin)
            #expect(try await api.call(.patch, path, #"{"engine": "pulumi"}"#).status == 400)
            #expect(try await api.call(.patch, path, #"{"origin": "a\u0007b"}"#).status == 400)
        }
    }

    @Test func unknownQueryParametersAreRefusedByName() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            for (uri, name) in [
                ("/api/jobs?state=FAILED", "state"), ("/api/jobs?limit=5&vine=x", "vine"),
                ("/api/vines?query=a", "query"), ("/api/vines/\(vine.id)?full=1", "full"),
                ("/api/jobs/\(job.id)/logs?tail=5", "tail"), ("/api/jobs/\(job.id)/logs/lines?form=3", "form"),
                ("/api/jobs/\(job.id)/logs/search?q=x&limit=3", "limit"), ("/api/jobs/\(job.id)?%73tatus=x", "status"),
                ("/api/workers?status=ONLINE", "status"), ("/api/vines/\(vine.id)/state?id=x", "id"),
                ("/api/jobs?STATUS=FAILED", "STATUS"), ("/api/jobs?=x", ""),
            ] {
                let reply = try await api.get(uri)
                #expect(reply.status == 400 && reply.error?.contains("\"\(name)\"") == true, "\(uri): \(reply.text)")
            }
            let lists = try await api.get("/api/jobs?state=FAILED")
            #expect(lists.error?.contains("\"status\"") == true, "it says what there is")
            let twice = try await api.get("/api/jobs?limit=1&limit=2")
            #expect(twice.status == 400 && twice.error?.contains("more than once") == true)
            #expect(try await api.get("/api/jobs?limit=1&status=QUEUED&type=PLAN&q=x&vine_id=\(vine.id)").status == 200)
            #expect(try await api.get("/api/jobs?").status == 200)
            #expect(try await api.stranger.get("/api/jobs?state=FAILED").status == 401)
            // A Tendril may be newer than this server.
            let tendril = try await api.makeTendril()
            #expect(try await tendril.call(.post, "/api/jobs/claim?since=2", "{}").status == 200)
        }
    }

    @Test func unknownFieldsAreRefusedByName() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let job = try await api.makeJob(on: vine.id)
            let cases: [(HTTPRequest.Method, String, String, String)] = [
                (.post, "/api/vines", body("a", more: #", "variable": {}"#), "variable"),
                (.post, "/api/vines", body("a", more: #", "projectName": "b""#), "projectName"),
                (
                    .post, "/api/vines", body("a", files: #"{"a.tf": {"content": "x", "mode": 493}}"#),
                    "source.files.a.tf.mode"
                ),
                (
                    .patch, "/api/vines/\(vine.id)",
                    #"{"source": {"type": "git", "url": "https://h/x", "ref": "r", "subdir": "y"}}"#, "source.subdir"
                ),
                (
                    .patch, "/api/vines/\(vine.id)",
                    #"{"source": {"type": "inline", "files": {"a.tf": "x"}, "ref": "main"}}"#, "source.ref"
                ),
                (.patch, "/api/vines/\(vine.id)", #"{"regoin": "eu"}"#, "regoin"),
                (.post, "/api/jobs", #"{"job_type": "PLAN", "vine_id": "\#(vine.id)", "worker": null}"#, "worker"),
                (.patch, "/api/jobs/\(job.id)", #"{"assigned_worker_id": null, "status": "FAILED"}"#, "status"),
                (.post, "/api/jobs/\(job.id)/apply", #"{"worker_id": "x"}"#, "worker_id"),
                (.post, "/api/jobs/\(job.id)/cancel", #"{"force": true}"#, "force"),
                (.post, "/api/jobs/\(job.id)/rerun", #"{"vine_id": "x"}"#, "vine_id"),
                (.post, "/api/workers", #"{"name": "t", "slots": 4}"#, "slots"),
                (.post, "/api/sign-in-links", #"{"usr": "ana"}"#, "usr"),
                (
                    .post, "/api/vines/\(vine.id)/break-lock", #"{"lock_id": "x", "confirm": "y", "force": true}"#,
                    "force"
                ),
            ]
            for (method, uri, body, name) in cases {
                let reply = try await api.call(method, uri, body)
                #expect(
                    reply.status == 400 && reply.error?.contains("\"\(name)\"") == true, "\(uri) \(body): \(reply.text)"
                )
            }
            #expect(try await api.get("/api/jobs/\(job.id)").decode(JobResponse.self).status == .queued)
            #expect(try await api.get("/api/vines").decode(ListResponse<VineResponse>.self).items.count == 1)
            // Names in maps are the user's own, and a Tendril may be newer than this server.
            let free = body("free", more: #", "variables": {"any": {"deep": [{"er": 1}]}}, "environment": {"X": "y"}"#)
            #expect(try await api.post("/api/vines", free).status == 201)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start + #", "mood": "good""#).status == 200)
        }
    }
}
