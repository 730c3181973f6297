import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// What browsers get beside the pages themselves.
@Suite struct PagesTests {
    private static let html: HTTPFields = [.accept: "text/html,application/xhtml+xml,*/*;q=0.8"]

    @Test func anUnknownPathIsAPageForBrowsersAndJSONForPrograms() async throws {
        try await TrellisHarness.run { _, api async throws in
            for path in ["/nope", "/dashboard/nope", "/dashboard/jobs/1/2", "/a/b/c?d=e"] {
                for client in [api, api.stranger] {
                    let page = try await client.call(.get, path, headers: Self.html)
                    #expect(page.status == 404, "\(path)")
                    #expect(page.headers[.contentType]?.hasPrefix("text/html") == true, "\(path)")
                    #expect(page.text.contains("Page not found."), "\(path)")
                }
            }
            // Somebody who is signed in keeps the navigation.
            #expect(try await api.call(.get, "/nope", headers: Self.html).text.contains("href=\"/dashboard/vines\""))
            let stranger = try await api.stranger.call(.get, "/nope", headers: Self.html).text
            #expect(stranger.contains("href=\"/sign-in\"") && !stranger.contains("data-sign-out"))
            #expect(try await api.get("/nope").error == "Page not found.")
            for path in ["/api/nope", "/assets/nope.css"] {
                let reply = try await api.call(.get, path, headers: Self.html)
                #expect(reply.status == 404 && reply.error != nil, "\(path)")
            }
            #expect(try await api.call(.get, "/assets/app.css", headers: Self.html).status == 200)
            let missing = try await api.call(.get, "/dashboard/jobs/\(AuthorizationTests.id)", headers: Self.html)
            #expect(missing.status == 404 && missing.text.contains("Job not found."))
        }
    }

    @Test func theBeginningOfAnIDLeadsToTheJob() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let vine = try await api.makeVine()
            let made = try await api.makeJob(on: vine.id)
            let known = try #require(try await harness.store.job(made.id))
            for id in ["abcd1234-0000-4000-8000-000000000001", "abcd1234-0000-4000-8000-000000000002"] {
                var job = known
                job = Job(
                    id: try #require(JobID(id)), type: .plan, vine: job.vine, snapshot: job.snapshot,
                    createdBy: "ana", createdAt: job.createdAt)
                try await harness.store.createJob(job, secrets: VineSecrets(), systemLines: [])
            }
            let short = try await api.get("/dashboard/jobs/\(made.id.short)?view=log")
            #expect(short.status == 302 && short.headers[.location] == "/dashboard/jobs/\(made.id)?view=log")
            let upper = try await api.get("/dashboard/jobs/ABCD1234-0000-4000-8000-000000000002".dropLastID)
            #expect(upper.status == 409)
            let both = try await api.get("/dashboard/jobs/abcd1234")
            #expect(both.status == 409 && both.text.contains("2 jobs have an ID that starts with"))
            #expect(both.text.components(separatedBy: "href=\"/dashboard/jobs/abcd1234-").count == 3)
            for wrong in ["abc", "ffff0000", "zzzz", "abcd%25", String(repeating: "a", count: 37)] {
                #expect(try await api.get("/dashboard/jobs/\(wrong)").status == 404, "\(wrong)")
            }
            #expect(try await api.stranger.get("/dashboard/jobs/abcd1234").status == 302)
            #expect(
                try await api.stranger.get("/dashboard/jobs/abcd1234?status=FAILED").headers[.location]
                    == "/sign-in?next=/dashboard/jobs/abcd1234%3Fstatus%3DFAILED")
        }
    }
}

extension String {
    fileprivate var dropLastID: String { String(dropLast()) }
}
