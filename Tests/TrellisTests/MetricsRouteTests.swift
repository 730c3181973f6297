import Foundation
import HTTPTypes
import Prometheus
import Testing
import Wire

@testable import Trellis

/// `GET /metrics`.
@Suite struct MetricsRouteTests {
    private func text(_ reply: Reply) -> String { String(decoding: reply.body, as: UTF8.self) }

    @Test func itNeedsItsOwnPermission() async throws {
        try await TrellisHarness.run(metrics: PrometheusRegistry(ServerMetrics.families)) { _, api in
            #expect(try await api.stranger.get("/metrics").status == 401)
            let made = try await api.post("/api/tokens", #"{"name": "monitor", "scopes": ["metrics:read"]}"#)
            let token = try JSONDecoder().decode(Token.self, from: made.body).token
            let monitor = API(client: api.client, token: token)
            let reply = try await monitor.get("/metrics")
            #expect(reply.status == 200)
            #expect(reply.headers[.contentType]?.hasPrefix("text/plain; version=0.0.4") == true)
            #expect(try await monitor.get("/api/jobs").status == 403)
        }
    }

    private struct Token: Decodable { var token: String }

    @Test func itShowsWhatThereIs() async throws {
        try await TrellisHarness.run(metrics: PrometheusRegistry(ServerMetrics.families)) { _, api in
            let id = try JSONDecoder().decode(
                Created.self, from: try await api.post("/api/vines", API.vine).body
            ).id
            let job = try await api.post("/api/jobs", #"{"vine_id": "\#(id)", "job_type": "PLAN"}"#)
            #expect(job.status == 201, "\(text(job))")
            _ = try await api.get("/api/vines/none")
            let metrics = text(try await api.get("/metrics"))
            for line in [
                "vintner_build_info{version=\"\(VintnerVersion.current)\"} 1",
                "vintner_jobs{type=\"PLAN\",status=\"QUEUED\"} 1",
                "vintner_jobs{type=\"DEPLOY\",status=\"PROCESSING\"} 0",
                "vintner_oldest_queued_job_timestamp_seconds 1800000000",
                "vintner_tendrils{status=\"ONLINE\"} 0",
                "vintner_jobs_finished_total{type=\"PLAN\",status=\"SUCCESS\",log=\"COMPLETE\"} 0",
                "vintner_http_request_duration_seconds_count{operation=\"createJob\",class=\"2xx\"} 1",
                "vintner_http_request_duration_seconds_count{operation=\"getVine\",class=\"4xx\"} 1",
                "vintner_feed_followers{transport=\"realtime\"} 0",
            ] { #expect(metrics.contains(line + "\n"), "\(line)") }

            let created = try JSONDecoder().decode(Created.self, from: job.body).id
            _ = try await api.post("/api/jobs/\(created)/cancel")
            let after = text(try await api.get("/metrics"))
            #expect(after.contains("vintner_cancel_escalations_total{step=\"cancel\"} 1\n"))
            #expect(
                after.contains(
                    "vintner_jobs_finished_total{type=\"PLAN\",status=\"CANCELLED\",log=\"COMPLETE\"} 1\n"))
            #expect(!after.contains("vintner_oldest_queued_job_timestamp_seconds "))
        }
    }

    private struct Created: Decodable { var id: String }

    /// Names end in their unit, and no label has an unbounded number of values.
    @Test func namesFollowTheRules() {
        for family in ServerMetrics.families {
            #expect(family.name.hasPrefix("vintner_"))
            #expect((family.kind == .counter) == family.name.hasSuffix("_total"), "\(family.name)")
            if case .histogram(let bounds) = family.kind {
                #expect(family.name.hasSuffix("_seconds") && bounds == bounds.sorted())
            }
            #expect(family.help.hasSuffix("."))
        }
        #expect(Set(ServerMetrics.families.map(\.name)).count == ServerMetrics.families.count)
    }
}
