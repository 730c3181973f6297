import Domain
import Foundation
import Storage
import Testing
import Wire

@testable import Trellis

/// `/api/errors` and `/api/jobs/{id}/errors`.
@Suite struct ErrorRouteTests {
    private static let denied =
        #"{"summary": "AccessDenied: no (a)", "address": "aws_a.b", "file": "main.tf", "line": 7, "log_line": 3}"#

    /// A PLAN that failed with these fields.
    private func fail(_ api: API, _ tendril: API, on vine: VineID, _ fields: String) async throws -> JobID {
        let job = try await api.makeJob(on: vine)
        #expect(try await tendril.beat().status == 200)
        let order = try await tendril.claim()
        #expect(try await tendril.report(order, API.start).status == 200)
        let reply = try await tendril.report(order, #""status": "FAILED", "engine_state": "GONE", \#(fields)"#)
        #expect(reply.status == 200, "\(reply.text)")
        return job.id
    }

    private func errors(_ api: API, of job: JobID) async throws -> [JobErrorsResponse.Item] {
        try await api.get("/api/jobs/\(job)/errors").decode(JobErrorsResponse.self).items
    }

    @Test func aJobSaysWhereElseItsErrorsWereSeen() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let (shop, other) = (try await api.makeVine("shop"), try await api.makeVine("other"))
            let tendril = try await api.makeTendril()
            let first = try await fail(api, tendril, on: shop.id, #""errors": [\#(Self.denied)]"#)
            harness.clock.advance(seconds: 60)
            let again = Self.denied.replacing("(a)", with: "(b)").replacing("aws_a.b", with: "module.x.aws_a.c[0]")
            let second = try await fail(
                api, tendril, on: other.id, #""errors": [\#(again), \#(again), {"summary": "Other"}]"#)
            let found = try await errors(api, of: first)
            #expect(found.count == 1)
            let item = try #require(found.first)
            #expect(
                item.cause == "AccessDenied: no (a)" && item.logLine == 3 && item.file == "main.tf" && item.line == 7)
            #expect(item.seen.jobs == 2 && item.seen.vines == 2 && item.seen.openVines == 2)
            #expect(item.seen.first.jobId == first && item.seen.last.jobId == second && item.seen.solved == nil)
            #expect(item.seen.resourceType == "aws_a")
            #expect(item.vines.map(\.vineTitle) == ["other / dev", "shop / dev"])
            #expect(try await errors(api, of: second).map(\.cause) == ["AccessDenied: no (b)", "Other"])

            harness.clock.advance(seconds: 60)
            let solver = try await api.makeJob(on: shop.id)
            #expect(try await tendril.beat().status == 200)
            try await tendril.finishPlan(try await tendril.claim())
            let solved = try #require(try await errors(api, of: first).first)
            #expect(solved.seen.openVines == 1 && solved.seen.solved?.jobId == solver.id)
            #expect(solved.vines.last?.isOpen == false && solved.vines.last?.solved?.jobId == solver.id)

            let list = try await api.get("/api/errors").decode(ListResponse<ErrorCauseResponse>.self)
            #expect(list.items.map(\.jobs) == [2, 1] && list.nextCursor == nil)
            #expect(list.items[0].days == Array(repeating: 0, count: 13) + [2])
            let ofShop = try await api.get("/api/errors?vine=\(shop.id)").decode(ListResponse<ErrorCauseResponse>.self)
            #expect(ofShop.items.map(\.jobs) == [1] && ofShop.items[0].openVines == 0)
            #expect(
                try await api.get("/api/errors?vine=\(shop.id)&open=1").decode(ListResponse<ErrorCauseResponse>.self)
                    .items.isEmpty)
            #expect(
                try await api.get("/api/errors?q=OTHER").decode(ListResponse<ErrorCauseResponse>.self).items.count == 1)
            #expect(
                try await api.get("/api/errors?since=2100-01-01T00:00:00Z").decode(
                    ListResponse<ErrorCauseResponse>.self
                ).items.isEmpty)
            let page = try await api.get("/api/errors?limit=1").decode(ListResponse<ErrorCauseResponse>.self)
            let next = try #require(page.nextCursor)
            let rest = try await api.get("/api/errors?limit=1&cursor=\(next)").decode(
                ListResponse<ErrorCauseResponse>.self)
            #expect(rest.items.map(\.cause) == ["Other"])

            let detail = try await api.get("/api/errors/\(item.id)").decode(ErrorDetailResponse.self)
            #expect(detail.jobs.map(\.jobId) == [second, first] && detail.jobs.map(\.logLine) == [3, 3])
            #expect(detail.vines.count == 2 && detail.error.jobs == 2)
            let part = try await api.get("/api/errors/\(item.id)?vine=\(shop.id)").decode(ErrorDetailResponse.self)
            #expect(
                part.jobs.map(\.jobId) == [first] && part.vines.count == 1 && part.error.cause == "AccessDenied: no (a)"
            )
        }
    }

    @Test func withoutErrorsOfTheLogTheMessageCounts() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let job = try await fail(
                api, tendril, on: vine.id, #""error_message": "The disk is full.\nand 1 more error""#)
            #expect(try await errors(api, of: job).map(\.cause) == ["The disk is full"])
            let outcome =
                #""outcome": {"result": "FAILED", "summary": "s", "diagnostic": {"summary": "Heading", "detail": "It broke. Now.\nMore", "address": "x_y.z", "others": 0}}"#
            let other = try await errors(api, of: try await fail(api, tendril, on: vine.id, outcome))
            #expect(other.map(\.cause) == ["Heading: It broke"] && other.first?.address == "x_y.z")
            #expect(try await errors(api, of: try await fail(api, tendril, on: vine.id, #""errors": []"#)).isEmpty)
        }
    }

    /// Nothing optional decides whether a job ends: the Tendril sends its report again without what is refused.
    @Test func whatATendrilSaysIsBounded() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            let long = String(repeating: "x", count: 100_000)
            let many = (0..<100).map {
                #"{"summary": "Cause\#(String(repeating: "y", count: $0 + 1)): \#(long)", "line": -4, "log_line": 0}"#
            }
            let job = try await fail(api, tendril, on: vine.id, #""errors": [\#(many.joined(separator: ","))]"#)
            let found = try await errors(api, of: job)
            #expect(found.count == Diagnostic.maximumCount)
            #expect(
                found.allSatisfy {
                    $0.cause.utf8.count <= Diagnostic.nameBytes && $0.line == nil && $0.logLine == nil
                })
            let zero = try await fail(
                api, tendril, on: vine.id, #""errors": [{"summary": "a\u0000b"}, {"summary": ""}]"#)
            #expect(try await errors(api, of: zero).count == 1)
        }
    }

    @Test func badRequestsAreRefused() async throws {
        try await TrellisHarness.run { _, api async throws in
            for path in [
                "errors?since=yesterday", "errors?vine=x", "errors?cursor=x", "errors?open=2", "errors?limit=0",
            ] {
                let reply = try await api.get("/api/\(path)")
                #expect(reply.status == 400 && reply.error != nil, "\(path)")
            }
            for path in [
                "errors/x", "errors/\(String(repeating: "0", count: 32))", "jobs/\(AuthorizationTests.id)/errors",
            ] {
                #expect(try await api.get("/api/\(path)").status == 404, "\(path)")
            }
            #expect(try await api.get("/api/errors").decode(ListResponse<ErrorCauseResponse>.self).items.isEmpty)
        }
    }
}
