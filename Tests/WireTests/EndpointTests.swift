import Domain
import Foundation
import Testing
import Wire

@Suite struct EndpointTests {
    @Test func everyCallHasANameAndARouteOfItsOwn() {
        let all = Endpoints.all
        #expect(Set(all.map(\.operation)).count == all.count)
        #expect(Set(all.map { "\($0.method.rawValue) \($0.path)" }).count == all.count)
        for endpoint in all {
            let names = endpoint.query.map(\.name)
            #expect(Set(names).count == names.count, "\(endpoint.operation)")
            #expect((200..<300).contains(endpoint.success), "\(endpoint.operation)")
        }
    }

    @Test func aURIHoldsItsParametersEncoded() throws {
        let id = try #require(JobID("5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904"))
        #expect(JobEndpoints.cancel.uri(id) == "/api/jobs/\(id)/cancel")
        let list = JobEndpoints.list.uri(
            NoParameters(),
            query: [
                JobEndpoints.List.text("a b&c=ü/+"), JobEndpoints.List.status(.queued), JobEndpoints.List.cursor(nil),
                JobEndpoints.List.limit(5),
            ])
        #expect(list == "/api/jobs?q=a%20b%26c%3D%C3%BC%2F%2B&status=QUEUED&limit=5")
        #expect(AccessEndpoints.revokeToken.uri(AccessID("a/../b")) == "/api/tokens/a%2F..%2Fb")
    }

    @Test func pathsAreTyped() {
        #expect(JobID(texts: ["nonsense"]) == nil)
        #expect(StateVersionPath(texts: ["5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904", "7"])?.number == 7)
        #expect(StateVersionPath(texts: ["5c1e90b7-4f0e-4f6b-9d53-2a7be1c8d904", "x"]) == nil)
    }

    @Test func whatAParameterWritesItReads() throws {
        func copy<Value>(_ value: Value, _ parameter: QueryParameter<Value>) throws -> Value {
            try parameter.value(of: try #require(parameter(value)).value)
        }
        #expect(try copy([.stderr, .stdout], LogEndpoints.streams) == [.stderr, .stdout])
        #expect(try copy(.failed, JobEndpoints.List.status) == .failed)
        #expect(try JobEndpoints.List.status.value(of: "failed") == .failed)
        #expect(try copy(true, VineEndpoints.List.deleted))
        #expect(try copy(false, LogEndpoints.Page.ansi) == false)
    }

    @Test func otherValuesAreRefusedByName() {
        func refusal<Value>(_ parameter: QueryParameter<Value>, _ text: String) -> String? {
            do throws(Refusal) {
                _ = try parameter.value(of: text)
                return nil
            } catch { return error.reason }
        }
        #expect(refusal(JobEndpoints.List.limit, "201") == "\"limit\" is a number from 1 to 200.")
        #expect(refusal(JobEndpoints.List.limit, "x") != nil)
        #expect(refusal(JobEndpoints.List.status, "SHRUG")?.contains("QUEUED") == true)
        #expect(refusal(LogEndpoints.streams, "STDOUT,x")?.contains("\"streams\"") == true)
        #expect(refusal(LogEndpoints.streams, ",") != nil)
        #expect(refusal(JobEndpoints.List.text, String(repeating: "x", count: 201)) != nil)
        #expect(refusal(JobEndpoints.List.vine, "x") == "\"vine_id\" is the ID of a vine.")
    }
}
