import Domain
import Foundation
import NIOCore
import Testing

@testable import LiveFeed

@Suite struct RealtimeMessageTests {
    @Test func bothFormsAreRead() throws {
        let old = #"{"event":"phx_join","payload":{"a":1},"topic":"realtime:x","ref":"1","join_ref":"1"}"#
        let new = #"["1","1","realtime:x","phx_join",{"a":1}]"#
        let message = RealtimeMessage(
            joinRef: "1", ref: "1", topic: "realtime:x", event: "phx_join", payload: ["a": 1])
        #expect(RealtimeMessage(old, version: .v1) == message)
        #expect(RealtimeMessage(new, version: .v2) == message)
        let heartbeat = #"{"event":"heartbeat","payload":{},"topic":"phoenix","ref":null,"join_ref":null}"#
        #expect(RealtimeMessage(heartbeat, version: .v1)?.ref == nil)
        #expect(RealtimeMessage(#"[null,7,"phoenix","heartbeat",{}]"#, version: .v2)?.ref == "7")
    }

    @Test(arguments: [
        "", "null", "7", "[]", "{}", #"["1","1","t","e"]"#, #"["1","1","t","e",{},{}]"#, #"["1","1",7,"e",{}]"#,
        #"{"topic":"t"}"#, "{", "[[[[",
    ])
    func rejectsInvalidMessages(_ text: String) {
        #expect(RealtimeMessage(text, version: .v1) == nil)
        #expect(RealtimeMessage(text, version: .v2) == nil)
    }

    @Test func repliesHaveTheMembersThatClientsNeed() {
        let join = RealtimeMessage(joinRef: "3", ref: "4", topic: "realtime:x", event: "phx_join", payload: [:])
        #expect(
            String(buffer: RealtimeMessage.reply(to: join).encoded(.v1))
                == #"{"event":"phx_reply","payload":{"response":{},"status":"ok"},"ref":"4","topic":"realtime:x"}"#)
        #expect(
            String(buffer: RealtimeMessage.reply(to: join).encoded(.v2))
                == #"["3","4","realtime:x","phx_reply",{"response":{},"status":"ok"}]"#)
        #expect(
            String(
                buffer: RealtimeMessage.system("realtime:x", joinRef: "3", isFine: true, "Subscribed to PostgreSQL")
                    .encoded(.v1))
                == #"{"event":"system","payload":{"channel":"x","extension":"postgres_changes","message":"Subscribed to PostgreSQL","status":"ok"},"ref":null,"topic":"realtime:x"}"#
        )
        #expect(
            String(buffer: RealtimeMessage.close("realtime:x", joinRef: "3").encoded(.v2))
                == #"["3","3","realtime:x","phx_close",{}]"#)
    }

    @Test func aChangeIsValidJSONInBothForms() throws {
        let topic = "realtime:\"quoted\"\n"
        let row = MemorySource.row(5)
        let old = row.frame(.realtime(RealtimeEnvelope(version: .v1, topic: topic, ids: [1, 2])))
        let new = row.frame(.realtime(RealtimeEnvelope(version: .v2, topic: topic, ids: [1, 2])))
        let object = try JSONValue(parsing: old.readableBytesView)
        let array = try JSONValue(parsing: new.readableBytesView)
        guard case .object(let members) = object, case .array(let items) = array else {
            Issue.record("of another shape")
            return
        }
        #expect(Set(members.keys) == ["topic", "event", "payload", "ref"])
        #expect(members["topic"] == .string(topic))
        #expect(members["ref"] == .null)
        #expect(items == [.null, .null, .string(topic), "postgres_changes", members["payload"] ?? .null])
        let data = try #require(members["payload"]?["data"])
        #expect(members["payload"]?["ids"] == [1, 2])
        #expect(data["type"] == "INSERT")
        #expect(data["errors"] == .null)
        #expect(data["commit_timestamp"] == "1970-01-01T00:00:00.005Z")
        #expect(data["record"]?["seq"] == 5)
        #expect(data["old_record"] == nil)
    }

    @Test func onlyTheSelectedColumnsTravel() throws {
        let envelope = RealtimeEnvelope(version: .v2, topic: "t", ids: [1], columns: ["seq"])
        let frame = try JSONValue(
            parsing: MemorySource.row(5).frame(.realtime(envelope)).readableBytesView)
        guard case .array(let items) = frame, let data = items.last?["data"] else { Issue.record("no data"); return }
        #expect(data["record"] == ["seq": 5])
        #expect(data["columns"] == [["name": "seq", "type": "int8"]])
    }

    @Test func equalEnvelopesShareAFrame() {
        let row = MemorySource.row(5, bytes: 1000)
        let envelope = FrameFormat.realtime(RealtimeEnvelope(version: .v2, topic: "t", ids: [1]))
        func address(_ buffer: ByteBuffer) -> UnsafeRawPointer? { buffer.withUnsafeReadableBytes(\.baseAddress) }
        #expect(address(row.frame(envelope)) == address(row.frame(envelope)))
    }
}

@Suite struct RowFilterTests {
    private let row: [String: JSONValue] = [
        "seq": 12, "stream_type": "STDERR", "log_chunk": "Error: no, \"really\"", "continued": .bool(true),
        "created_at": "2026-08-22T10:00:00.123Z", "epoch": .null,
    ]

    @Test(arguments: [
        ("", true), ("  ", true), ("seq=eq.12", true), ("seq=eq.12.0", true), ("seq=eq.13", false),
        ("seq=neq.13", true), ("seq=lt.12", false), ("seq=lte.12", true), ("seq=gt.9", true), ("seq=gte.12", true),
        ("seq=not.gte.12", false), ("seq=in.(1,12)", true), ("seq=in.(1,2)", false), ("seq=not.in.(1,2)", true),
        ("stream_type=eq.STDERR,seq=gt.3", true), ("stream_type=eq.STDERR,seq=gt.30", false),
        ("stream_type=in.(STDOUT,\"STDERR\")", true), ("log_chunk=eq.\"Error: no, \\\"really\\\"\"", true),
        ("log_chunk=like.Error%", true), ("log_chunk=like.error%", false), ("log_chunk=ilike.error%", true),
        ("log_chunk=like.*really*", true), ("log_chunk=like.Error", false), ("log_chunk=like._rror%", true),
        ("continued=is.true", true), ("continued=is.false", false), ("continued=eq.t", true),
        ("epoch=is.null", true), ("epoch=not.is.null", false), ("epoch=eq.1", false), ("epoch=not.eq.1", false),
        ("epoch=isdistinct.1", true), ("seq=isdistinct.12", false), ("seq=is.null", false),
        ("created_at=gt.2026-08-22T10:00:00Z", true), ("created_at=lt.2026-08-22T10:00:00.123Z", false),
        ("seq=gt.abc", false),
    ])
    func conditions(_ text: String, _ passes: Bool) throws {
        #expect(try RowFilter(text, of: .logs).passes(row) == passes)
    }

    @Test(arguments: [
        ("seq", "Error parsing `filter` params: [\"seq\"]"),
        ("seq=foo.1", "Error parsing `filter` params: [\"seq\", \"foo\"]"),
        ("seq=1", "Error parsing `filter` params: [\"seq\", \"1\"]"),
        ("seq=eq.1,", "Error parsing `filter` params: [\"\"]"),
        ("secret=eq.1", "invalid column for filter secret"),
        ("seq=in.1,2", "Error parsing `filter` params: [\"seq\", \"in\", \"1\"]"),
        ("seq=is.maybe", "Error parsing `filter` params: [\"seq\", \"is\", \"maybe\"]"),
        ("log_chunk=match.(a+)+b", "the filter operator match is not supported; use like or ilike"),
    ])
    func namesInvalidFilterPart(_ text: String, _ message: String) {
        #expect(throws: FilterError(message: message)) { try RowFilter(text, of: .logs) }
    }

    @Test func enforcesLimitsAtEdges() throws {
        func list(_ count: Int) -> String { "seq=in.(" + (1...count).map(String.init).joined(separator: ",") + ")" }
        #expect(throws: Never.self) { try RowFilter(list(100), of: .logs) }
        #expect(throws: FilterError.self) { try RowFilter(list(101), of: .logs) }
        func many(_ count: Int) -> String { Array(repeating: "seq=gt.1", count: count).joined(separator: ",") }
        #expect(throws: Never.self) { try RowFilter(many(32), of: .logs) }
        #expect(throws: FilterError.self) { try RowFilter(many(33), of: .logs) }
    }

    @Test(arguments: [
        ("", "", true), ("", "a", false), ("%", "", true), ("a%b%c", "aXbYbZc", true), ("a%b%c", "aXbYc!", false),
        ("_", "ü", true), ("__", "ü", false), ("%ö_", "aöx", true), ("a\\%", "a%", true), ("a\\%", "ab", false),
        ("a\\_b", "a_b", true), ("a\\_b", "axb", false), ("%aab", "aaaab", true), ("*x*", "axb", true),
        ("a%%_%%b", "ab", false), ("a%%_%%b", "axb", true),
    ])
    func patternsMatchAsInSQL(_ pattern: String, _ text: String, _ matches: Bool) throws {
        #expect(try #require(LikePattern(pattern, ignoresCase: false)).matches(text) == matches)
    }

    @Test func patternsHaveTheirEdge() throws {
        let most = LikePattern.maxCharacters
        for (length, place) in [(63, "y"), (64, "y"), (65, "y"), (most - 1, "y"), (most, "y")] {
            let text = String(repeating: "x", count: length - 1) + place
            let pattern = try #require(LikePattern(text, ignoresCase: false))
            #expect(pattern.matches(text))
            #expect(!pattern.matches(String(repeating: "x", count: length)))
        }
        #expect(LikePattern(String(repeating: "_", count: most + 1), ignoresCase: false) == nil)
        #expect(LikePattern(String(repeating: "%", count: 2 * most), ignoresCase: false) != nil)
        #expect(throws: FilterError.self) {
            try RowFilter("log_chunk=eq." + String(repeating: "x", count: RowFilter.maxBytes), of: .logs)
        }
    }

    /// Patterns that make backtracking matchers run for hours.
    @Test func boundsPatternWork() throws {
        let pattern = try #require(LikePattern(String(repeating: "a%", count: 200) + "b", ignoresCase: false))
        #expect(!pattern.matches(String(repeating: "a", count: 5000)))
        #expect(pattern.matches(String(repeating: "a", count: 300) + "b"))
    }
}

@Suite struct ChangeBindingTests {
    private let job = JobID(randomBytes: [UInt8](repeating: 7, count: 16))

    private func binding(_ members: [String: JSONValue]) throws -> ChangeBinding {
        let join = try JoinRequest(["config": ["postgres_changes": [.object(members)]]])
        return try ChangeBinding(try #require(join.bindings.first))
    }

    private func logs(_ filter: String, event: String = "INSERT") throws -> ChangeBinding {
        try binding([
            "event": .string(event), "schema": "public", "table": "provision_job_logs", "filter": .string(filter),
        ])
    }

    @Test func aChannelHasSoManyPatterns() throws {
        func channel(_ count: Int) throws -> [ChangeBinding] {
            let filter = "job_id=eq.\(job),log_chunk=like.a%"
            let one: JSONValue = .object([
                "event": "INSERT", "schema": "public", "table": "provision_job_logs", "filter": .string(filter),
            ])
            let join = try JoinRequest(["config": ["postgres_changes": .array(Array(repeating: one, count: count))]])
            return try ChangeBinding.all(join.bindings)
        }
        #expect(try channel(ChangeBinding.maxPatterns).allSatisfy(\.isFiltered))
        #expect(throws: BindingError.self) { try channel(ChangeBinding.maxPatterns + 1) }
        #expect(try !logs("job_id=eq.\(job),seq=gt.4").isFiltered)
    }

    @Test func jobAndPlaceAreTakenFromTheFilter() throws {
        let binding = try logs("job_id=eq.\(job),seq=gt.41")
        #expect(binding.jobs == [job])
        #expect(binding.after == 41)
        #expect(binding.matches(MemorySource.row(1)))  // what is left of the filter is nothing
        #expect(try logs("job_id=eq.\(job),seq=gte.41").after == 40)
        #expect(try logs("job_id=eq.\(job),seq=gt.-5").after == 0)
        #expect(try logs("job_id=eq.\(job)").after == nil)
        #expect(try logs("job_id=in.(\(job),\(job))").jobs == [job])
    }

    @Test func theRestOfTheFilterIsAskedOfEachRow() throws {
        let binding = try logs("job_id=eq.\(job),stream_type=eq.STDERR")
        #expect(!binding.matches(MemorySource.row(1)))
        #expect(try logs("job_id=eq.\(job),seq=lte.3").matches(MemorySource.row(3)))
        #expect(try !logs("job_id=eq.\(job),seq=lte.3").matches(MemorySource.row(4)))
        #expect(try !logs("job_id=eq.\(job)", event: "DELETE").matches(MemorySource.row(4)))
    }

    @Test func explainsRejectedBindings() {
        func message(_ members: [String: JSONValue]) -> String? {
            do { _ = try binding(members) } catch let error as BindingError { return error.message } catch {}
            return nil
        }
        #expect(
            message(["event": "INSERT", "table": "provision_job_logs"])
                == "provision_job_logs needs the filter job_id=eq.ID")
        #expect(message(["event": "INSERT", "table": "users"])?.hasPrefix("specify a table") == true)
        #expect(message(["event": "INSERT"])?.hasPrefix("specify a table") == true)
        #expect(message(["event": "INSERT", "schema": "auth", "table": "workers"])?.hasPrefix("schema auth") == true)
        #expect(message(["event": "TRUNCATE", "table": "workers"]) == "the event is INSERT, UPDATE, DELETE or *")
        #expect(message(["event": "*", "table": "workers", "select": "id"]) == "select is a list of column names")
        #expect(
            message(["event": "*", "table": "workers", "select": ["token_hash"]])
                == "invalid column for select token_hash")
        #expect(
            message(["event": "INSERT", "table": "provision_job_logs", "filter": "job_id=eq.nonsense"])
                == "there is no job \"nonsense\"")
    }

    /// Clients compare what comes back with what they sent, member by member.
    @Test func echoesBindingWithID() throws {
        let sent: [String: JSONValue] = ["event": "INSERT", "table": "provision_job_logs", "filter": "job_id=eq.x"]
        let join = try JoinRequest(["config": ["postgres_changes": [.object(sent), .object(sent)]]])
        guard case .object(let echo) = join.bindings[0].echo(seq: 7) else { Issue.record("no object"); return }
        #expect(echo.filter { $0.key != "id" && $0.key != "seq" } == sent)
        #expect(echo["seq"] == 7)
        let id = try #require(echo["id"]?.integerValue)
        #expect((1...(1 << 27)).contains(id))
        #expect(join.bindings[1].echo(seq: nil)["id"] == .integer(id))
    }

    @Test func joinsAreBounded() {
        func join(_ count: Int) throws -> JoinRequest {
            try JoinRequest([
                "config": [
                    "postgres_changes": .array(Array(repeating: ["event": "*", "table": "workers"], count: count))
                ]
            ])
        }
        #expect(throws: Never.self) { try join(100) }
        #expect(throws: BindingError.self) { try join(101) }
        #expect(throws: BindingError.self) { try JoinRequest(["config": ["postgres_changes": "all"]]) }
        #expect(throws: Never.self) { try JoinRequest([:]) }
    }
}
