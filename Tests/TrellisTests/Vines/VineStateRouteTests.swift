import Crypto
import Domain
import Foundation
import HTTPTypes
import Storage
import Testing
import Wire

@testable import Trellis

/// What a vine's state holds, through the API.
@Suite struct VineStateRouteTests {
    private typealias Instance = StateFixture.Instance

    private func store(_ state: Data, on path: String, _ api: API) async throws {
        let reply = try await api.post("\(path)/state", String(decoding: state, as: UTF8.self))
        #expect(reply.status == 200, "\(reply.text)")
    }

    private func error(_ reply: Reply, _ status: Int, saying text: String) {
        #expect(reply.status == status && reply.error?.contains(text) == true, "\(reply.status) \(reply.text)")
    }

    @Test func aVineWithoutAStateIsEmpty() async throws {
        try await TrellisHarness.run { _, api async throws in
            let path = "/api/vines/\(try await api.makeVine().id)"
            let outputs = try await api.get("\(path)/outputs").decode(VineOutputsResponse.self)
            #expect(outputs.state == nil && outputs.items.isEmpty)
            let resources = try await api.get("\(path)/resources").decode(VineResourcesResponse.self)
            #expect(resources.state == nil && resources.total == 0)
            let states = try await api.get("\(path)/states").decode(ListResponse<StateVersionResponse>.self)
            #expect(states.items.isEmpty && states.nextCursor == nil)
            for call in ["states/1", "states/2/compare?with=1", "states/2/compare/resource?with=1&address=x.a"] {
                #expect(try await api.get("\(path)/\(call)").status == 404, "\(call)")
            }
            #expect(try await api.get("/api/vines/\(AuthorizationTests.id)/outputs").status == 404)
            let page = try await api.get("/dashboard/vines/\(path.dropFirst("/api/vines/".count))")
            #expect(page.status == 200 && page.text.contains("orchard"))
            for unknown in [AuthorizationTests.id, "x"] {
                #expect(try await api.get("/dashboard/vines/\(unknown)").status == 404)
            }
        }
    }

    @Test func outputsAndResourcesAreShownWithoutSecrets() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            let path = "/api/vines/\(vine.id)"
            let secret = StateFixture.secret
            let state = StateFixture.state(
                [
                    Instance(
                        address: ("y", "b"), attributes: #"{"p": "\#(secret)", "q": "copied \#(secret)"}"#,
                        marks: "[" + StateFixture.mark("p") + "]"),
                    Instance(module: "module.m", index: "1"), Instance(index: "0"),
                ],
                outputs:
                    #"{"url": {"value": "https://x"}, "token": {"value": "\#(secret)", "sensitive": true}, "leak": {"value": "hunter2-hunter2"}}"#
            )
            try await store(state, on: path, api)
            let reply = try await api.get("\(path)/outputs")
            let outputs = try reply.decode(VineOutputsResponse.self)
            #expect(outputs.items.map(\.name) == ["leak", "token", "url"] && outputs.state?.serial == 1)
            #expect(outputs.items[0].value == "(sensitive)", "the vine's own secret")
            #expect(
                outputs.items[1].sensitive && outputs.items[1].value == nil && outputs.items[2].value == "https://x")
            let list = try await api.get("\(path)/resources")
            let resources = try list.decode(VineResourcesResponse.self)
            #expect(resources.items.map(\.address) == ["x.a[0]", "module.m.x.a[1]", "y.b"])
            #expect(resources.total == 3 && resources.types == ["x": 2, "y": 1] && resources.nextCursor == nil)
            for text in [reply.text, list.text] { #expect(!text.contains(secret) && !text.contains("hunter2")) }
            // The download has everything.
            let download = try await api.get("\(path)/states/1")
            #expect(download.body == state && download.text.contains(secret))
            #expect(
                download.headers[.contentDisposition] == #"attachment; filename="orchard-dev-1.tfstate""#)
            #expect(download.headers[.cacheControl] == "no-store")
        }
    }

    @Test func resourcesAreFilteredAndPaged() async throws {
        try await TrellisHarness.run { _, api async throws in
            let path = "/api/vines/\(try await api.makeVine().id)"
            try await store(
                StateFixture.state(
                    (8..<13).map { Instance(index: "\($0)") } + [Instance(address: ("y", "web"))]), on: path, api)
            func page(_ query: String) async throws -> VineResourcesResponse {
                try await api.get("\(path)/resources\(query)").decode(VineResourcesResponse.self)
            }
            let first = try await page("?limit=2")
            #expect(first.items.map(\.address) == ["x.a[8]", "x.a[9]"] && first.matching == 6)
            // A new state in between does not mix with the list.
            try await store(StateFixture.state([Instance()], serial: 2), on: path, api)
            let cursor = try #require(first.nextCursor)
            let second = try await page("?limit=4&cursor=\(cursor)")
            #expect(second.items.map(\.address) == ["x.a[10]", "x.a[11]", "x.a[12]", "y.web"])
            #expect(second.nextCursor == nil && second.state?.number == 1)
            #expect(try await page("").state?.number == 2)
            try await store(
                StateFixture.state([Instance(), Instance(address: ("y", "web"))], serial: 3), on: path, api)
            #expect(try await page("?q=WEB").items.map(\.address) == ["y.web"])
            #expect(try await page("?type=x").items.map(\.address) == ["x.a"])
            let none = try await page("?q=none")
            #expect(none.items.isEmpty && none.total == 2 && none.matching == 0)
            for wrong in ["?cursor=x", "?cursor=1:-1", "?cursor=9:1", "?limit=0", "?limit=1001", "?o=1"] {
                #expect(try await api.get("\(path)/resources\(wrong)").status == 400, "\(wrong)")
            }
        }
    }

    @Test func aResourceNamesTheJobThatChangedItLast() async throws {
        try await TrellisHarness.run { harness, api async throws in
            let vine = try await api.makeVine()
            let tendril = try await api.makeTendril()
            _ = try await api.makeJob(.destroy, on: vine.id)
            let order = try await tendril.claim()
            #expect(try await tendril.report(order, API.start).status == 200)
            let reply = try await tendril.put(
                "/api/jobs/\(order.jobId)/resources",
                """
                {"epoch": 1, "items": [
                  {"address": "x.a", "action": "update", "state": "done", "started_at": "2027-01-15T08:00:00.000Z",
                   "ended_at": "2027-01-15T08:00:01.000Z"},
                  {"address": "x.b", "action": "create", "state": "failed", "started_at": "2027-01-15T08:00:00.000Z"}]}
                """)
            #expect(reply.status == 204, "\(reply.text)")
            let state = StateFixture.state([
                Instance(), Instance(address: ("x", "b")), Instance(address: ("x", "c")),
            ])
            _ = try await harness.store.saveState(
                state, of: vine.id, position: StateHeader.position(of: state), resources: 3,
                sha256: SHA256.hash(data: state).hexadecimal, job: order.jobId, lockID: nil, at: harness.clock.now)
            let found = try await api.get("/api/vines/\(vine.id)/resources").decode(VineResourcesResponse.self)
            #expect(found.items.map(\.jobId) == [order.jobId, order.jobId, nil])
            #expect(found.items[0].action == .update && found.items[0].failed == nil)
            #expect(found.items[0].changedAt?.description == "2027-01-15T08:00:01.000Z")
            #expect(found.items[1].action == .create && found.items[1].failed == true)
            let states = try await api.get("/api/vines/\(vine.id)/states").decode(
                ListResponse<StateVersionResponse>.self)
            #expect(states.items.first?.jobId == order.jobId && states.items.first?.resources == 3)
            #expect(states.items.first?.size == state.count)
        }
    }

    @Test func versionsAreComparedWithoutSecrets() async throws {
        try await TrellisHarness.run { _, api async throws in
            let path = "/api/vines/\(try await api.makeVine().id)"
            func state(_ serial: Int, _ value: String, extra: [Instance] = []) -> Data {
                StateFixture.state(
                    [
                        Instance(
                            attributes: #"{"p": "\#(StateFixture.secret)-\#(serial)", "v": "\#(value)"}"#,
                            marks: "[" + StateFixture.mark("p") + "]")
                    ] + extra, outputs: #"{"v": {"value": "\#(value)"}}"#, serial: serial)
            }
            try await store(state(1, "one"), on: path, api)
            try await store(state(2, "two", extra: [Instance(address: ("y", "b"))]), on: path, api)
            let reply = try await api.get("\(path)/states/2/compare?with=1")
            let found = try reply.decode(StateComparisonResponse.self)
            #expect(found.from.serial == 1 && found.to.serial == 2 && found.from.problem == nil)
            #expect(found.items.map { "\($0.action.rawValue) \($0.address)" } == ["update x.a", "create y.b"])
            #expect(found.outputs.map(\.name) == ["v"])
            let detail = try await api.get("\(path)/states/2/compare/resource?with=1&address=x.a")
            let resource = try detail.decode(StateResourceResponse.self)
            #expect(resource.diff.contains { $0["path"] == "v" && $0["before"] == "one" && $0["after"] == "two" })
            #expect(resource.diff.contains { $0["path"] == "p" && $0["sensitive"] == true })
            for text in [reply.text, detail.text] { #expect(!text.contains(StateFixture.secret)) }
            // The other way round.
            let back = try await api.get("\(path)/states/1/compare?with=2").decode(StateComparisonResponse.self)
            #expect(back.items.map { "\($0.action.rawValue) \($0.address)" } == ["delete y.b", "update x.a"])
            let first = try await api.get("\(path)/states/2/compare?with=1&limit=1").decode(
                StateComparisonResponse.self)
            #expect(first.items.count == 1 && first.nextCursor == "1")
            let last = try await api.get("\(path)/states/2/compare?with=1&limit=1&cursor=1").decode(
                StateComparisonResponse.self)
            #expect(last.items.map(\.address) == ["y.b"] && last.nextCursor == nil && last.outputs.isEmpty)
            error(try await api.get("\(path)/states/2/compare?with=2"), 400, saying: "two different versions")
            error(try await api.get("\(path)/states/2/compare"), 400, saying: "\"with\"")
            error(try await api.get("\(path)/states/2/compare/resource?with=1"), 400, saying: "\"address\"")
            #expect(try await api.get("\(path)/states/2/compare?with=1&cursor=x").status == 400)
            #expect(try await api.get("\(path)/states/2/compare/resource?with=1&address=x.z").status == 404)
            for unknown in ["3/compare?with=1", "2/compare?with=9", "0/compare?with=1", "x/compare?with=1"] {
                #expect(try await api.get("\(path)/states/\(unknown)").status == 404, "\(unknown)")
            }
        }
    }

    @Test func aStateOfAnotherFormIsSaidToBeOne() async throws {
        try await TrellisHarness.run { _, api async throws in
            let path = "/api/vines/\(try await api.makeVine().id)"
            try await store(StateFixture.state([Instance()]), on: path, api)
            let newer = StateFixture.state([Instance()], serial: 2, version: "5")
            try await store(newer, on: path, api)
            let outputs = try await api.get("\(path)/outputs").decode(VineOutputsResponse.self)
            #expect(outputs.state?.problem?.contains("version 5") == true && outputs.items.isEmpty)
            let resources = try await api.get("\(path)/resources").decode(VineResourcesResponse.self)
            #expect(resources.state?.problem?.contains("version 5") == true && resources.total == 0)
            let found = try await api.get("\(path)/states/2/compare?with=1").decode(StateComparisonResponse.self)
            #expect(found.from.problem == nil && found.to.problem?.contains("version 5") == true)
            error(
                try await api.get("\(path)/states/2/compare/resource?with=1&address=x.a"), 409, saying: "version 5")
            let states = try await api.get("\(path)/states").decode(ListResponse<StateVersionResponse>.self)
            #expect(states.items.map(\.number) == [2, 1])
            #expect(try await api.get("\(path)/states/2").body == newer)
        }
    }

    @Test func versionsAreListedInPagesAlsoOfADeletedVine() async throws {
        try await TrellisHarness.run { _, api async throws in
            let path = "/api/vines/\(try await api.makeVine().id)"
            for serial in 1...3 { try await store(StateFixture.state([Instance()], serial: serial), on: path, api) }
            #expect(try await api.call(.delete, "\(path)?confirm=orchard/dev").status == 204)
            let first = try await api.get("\(path)/states?limit=2").decode(ListResponse<StateVersionResponse>.self)
            #expect(first.items.map(\.serial) == [3, 2])
            let next = try await api.get("\(path)/states?limit=2&cursor=\(first.nextCursor ?? "")").decode(
                ListResponse<StateVersionResponse>.self)
            #expect(next.items.map(\.serial) == [1] && next.nextCursor == nil)
            #expect(try await api.get("\(path)/states/2").status == 200)
            #expect(try await api.get("\(path)/states?cursor=x").status == 400)
            #expect(try await api.get("\(path)/outputs").status == 404)
        }
    }

    // MARK: - Revisions

    @Test func aChangeOfWhatNobodyHasSeenIsRefused() async throws {
        try await TrellisHarness.run { _, api async throws in
            let vine = try await api.makeVine()
            func patch(_ match: String?, _ region: String) async throws -> Reply {
                var headers: HTTPFields = [:]
                if let match { headers[.ifMatch] = match }
                return try await api.call(
                    .patch, "/api/vines/\(vine.id)", #"{"region": "\#(region)"}"#, headers: headers)
            }
            #expect(try await patch("\"1\"", "eu-1").decode(VineResponse.self).revision == 2)
            let refused = try await patch("\"1\"", "eu-2")
            error(refused, 412, saying: "it has revision 2")
            #expect(try await patch("\"2\"", "eu-3").status == 200)
            #expect(try await patch("*", "eu-4").status == 200)
            #expect(try await patch(nil, "eu-5").decode(VineResponse.self).region == "eu-5")
            for wrong in ["1", "\"\"", "\"x\"", "W/\"1\"", "\"1\", \"2\"", ""] {
                error(try await patch(wrong, "eu-6"), 400, saying: "If-Match")
            }
            #expect(try await api.get("/api/vines/\(vine.id)").decode(VineResponse.self).region == "eu-5")
        }
    }
}
