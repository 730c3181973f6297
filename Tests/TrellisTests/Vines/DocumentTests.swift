import Domain
import Foundation
import HTTPTypes
import Testing
import Wire

@testable import Trellis

/// What users' documents may look like, and that nothing of them is lost.
@Suite struct DocumentTests {
    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + "0.10" + String(repeating: "]", count: depth)
    }

    private static func vine(_ variables: String) -> String {
        """
        {"project_name": "deep", "environment_stage": "dev", "variables": \(variables),
         "source": {"type": "inline", "files": {"main.tf": "terraform {}"}}}
        """
    }

    @Test func sixtyFourLevelsAreTheEdge() async throws {
        try await TrellisHarness.run { _, api async throws in
            // The body and "variables" are two of them.
            let fits = Self.vine(#"{"v": \#(Self.nested(62))}"#)
            let made = try await api.post("/api/vines", fits)
            #expect(made.status == 201, "\(made.text)")
            let deeper = try await api.post("/api/vines", Self.vine(#"{"v": \#(Self.nested(63))}"#))
            #expect(deeper.status == 400 && deeper.error?.contains("nests deeper than 64 levels") == true)
            let vine = try made.decode(VineResponse.self)
            #expect(vine.variables["v"]?.depth == 62)
            // It comes back whole everywhere, however much is put around it.
            let job = try await api.makeJob(on: vine.id)
            let shown = try JSONValue(parsing: await api.get("/api/jobs/\(job.id)").body, maxDepth: 100)
            #expect(shown["config_snapshot"]?["variables"]?["v"]?.depth == 62)
            let patched = try await api.call(.patch, "/api/vines/\(vine.id)", #"{"variables": \#(Self.nested(200))}"#)
            #expect(patched.status == 400)
            for uri in ["/api/jobs", "/api/workers", "/api/sign-in-links", "/sign-in", "/api/vines/\(vine.id)/lock"] {
                let reply = try await api.post(uri, Self.nested(100_000).prefix(4000) + "")
                #expect(reply.status == 400, "\(uri): \(reply.text)")
            }
        }
    }

    @Test(arguments: [
        (#"{"vine_id": "x", "vine_id": "y"}"#, "twice"), (#"{"a": "\ud800"}"#, "surrogate"),
        ("{\"a\": \"\u{1}\"}", "control"),
        (#"{"a": 01}"#, "unexpected"),
    ])
    func whatIsAmbiguousIsRefused(body: String, says: String) async throws {
        try await TrellisHarness.run { _, api async throws in
            let reply = try await api.post("/api/jobs", body)
            #expect(reply.status == 400 && reply.error?.contains(says) == true, "\(reply.text)")
        }
    }

    @Test func numbersKeepTheirDigitsAllTheWay() async throws {
        let numbers = #"{"a":98765432109876543210987,"b":-0.10000000000000000001,"c":1.50e+400,"d":7}"#
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.post("/api/vines", Self.vine(numbers)).decode(VineResponse.self)
            let shown = try await api.get("/api/vines/\(vine.id)").decode(VineResponse.self)
            #expect(JSONValue.object(shown.variables).text == numbers)
            let job = try await api.makeJob(on: vine.id)
            #expect(job.configSnapshot["variables"]?.text == numbers)
            let tendril = try await api.makeTendril()
            let order = try await tendril.claim()
            #expect(JSONValue.object(order.snapshot.settings.variables).text == numbers)
            let report = #""execution_metadata": {"outputs": \#(numbers)}"#
            #expect(try await tendril.report(order, API.start).status == 200)
            #expect(try await tendril.report(order, report).status == 200)
            let ended = try await api.get("/api/jobs/\(job.id)").decode(JobResponse.self)
            #expect(ended.executionMetadata["outputs"]?.text == numbers)
        }
    }

    /// Whatever depth Terraform writes is stored: a state is scanned, never decoded.
    @Test func aStateOfAnyDepthIsStored() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            for (serial, depth) in [(1, 480), (2, 5_000)] {
                let state = #"{"version":4,"serial":\#(serial),"lineage":"l","outputs":{"o":\#(Self.nested(depth))}}"#
                #expect(try await api.post("/api/vines/\(vine.id)/state", state).status == 200)
                #expect(try await api.get("/api/vines/\(vine.id)/state").text == state)
            }
            for state in [#"{"serial":3}"#, #"{"serial":-1,"lineage":"l"}"#, #"{"serial":3,"lineage":"l""#, "[]"] {
                #expect(try await api.post("/api/vines/\(vine.id)/state", state).status == 400, "\(state)")
            }
        }
    }
}
