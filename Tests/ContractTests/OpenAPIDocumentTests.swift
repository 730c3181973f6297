import Domain
import Testing
import Wire

@testable import Contract

@Suite struct OpenAPIDocumentTests {
    private let document = OpenAPIDocument.make(of: Endpoints.all, version: "1.2.3")

    private func schema(_ name: String) -> JSONValue? { document["components"]?["schemas"]?[name] }

    @Test func everyCallIsAnOperationOfItsOwn() throws {
        let documented = Endpoints.all.filter { ![.lock, .unlock].contains($0.method) }
        for endpoint in documented {
            let operation = try #require(document["paths"]?[endpoint.path]?[endpoint.method.rawValue.lowercased()])
            #expect(operation["operationId"] == .string(endpoint.operation))
            #expect(operation["responses"]?[String(endpoint.success)] != nil)
            #expect(operation["responses"]?["5XX"] != nil)
            for error in endpoint.errors {
                #expect(operation["responses"]?[String(error.rawValue)] != nil)
            }
            #expect(endpoint.errors.contains(.unauthorized))
        }
        #expect(Set(documented.map(\.operation)).count == documented.count)
    }

    @Test func everyReferenceLeadsToASchema() {
        func references(_ value: JSONValue) -> [String] {
            switch value {
            case .array(let items): items.flatMap(references)
            case .object(let members):
                members.flatMap { name, value in
                    name == "$ref" ? [value.stringValue ?? ""] : references(value)
                }
            default: []
            }
        }
        let found = Set(references(document))
        #expect(found.count > 20)
        for reference in found {
            let parts = reference.dropFirst(2).split(separator: "/").map(String.init)
            #expect(parts.reduce(document) { $0[$1] ?? .null } != .null, "\(reference)")
        }
    }

    @Test func aMessageSaysWhatItsDecoderAsksFor() throws {
        let token = try #require(schema("CreateTokenRequest"))
        #expect(token["required"] == ["name"])
        #expect(token["properties"]?["name"] == ["type": "string"])
        #expect(token["additionalProperties"] == false)

        let job = try #require(schema("CreateJobRequest"))
        #expect(job["required"] == ["job_type"])
        #expect(
            job["properties"]?["job_type"] == [
                "type": "string", "enum": ["PLAN", "DEPLOY", "DESTROY", "CONNECTION_TEST"],
            ])
        #expect(job["properties"]?["parallelism"]?["type"] == ["null", "integer"])
        #expect(job["properties"]?["targets"]?["type"] == ["null", "array"])
    }

    /// Null and absence differ in these two.
    @Test func aFieldThatMayBeNullIsNotOneThatMayBeAbsent() throws {
        let assign = try #require(schema("AssignJobRequest"))
        #expect(assign["required"] == ["assigned_worker_id"])
        #expect(assign["properties"]?["assigned_worker_id"]?["type"] == ["null", "string"])
        let patch = try #require(schema("PatchVineRequest"))
        #expect(patch["required"] == nil)
        #expect(patch["properties"]?["region"]?["type"] == ["null", "string"])
    }

    @Test func aListNamesItsItems() throws {
        let list = try #require(schema("ListResponse.JobListItem"))
        #expect(list["properties"]?["items"]?["items"] == ["$ref": "#/components/schemas/JobListItem"])
        // The item has the fields of a job, and one more.
        let item = try #require(schema("JobListItem")?["properties"])
        #expect(item["vine_title"] != nil && item["log_state"] != nil)
    }

    @Test func parametersStateTheirValues() throws {
        let list = try #require(document["paths"]?["/api/jobs"]?["get"]?["parameters"])
        guard case .array(let parameters) = list else { return }
        let limit = try #require(parameters.first { $0["name"] == "limit" })
        #expect(limit["schema"] == ["type": "integer", "minimum": 1, "maximum": 200])
        guard case .array(let path)? = document["paths"]?["/api/jobs/{id}"]?["get"]?["parameters"] else { return }
        #expect(
            path == [["name": "id", "in": "path", "required": true, "schema": ["type": "string", "format": "uuid"]]])
    }

    @Test func onlySignInNeedsNoCredential() throws {
        guard case .object(let paths)? = document["paths"] else { return }
        let open = paths.flatMap { path, operations -> [String] in
            guard case .object(let operations) = operations else { return [] }
            return operations.values.filter { $0["security"] == [] }.map { _ in path }
        }
        #expect(Set(open) == ["/sign-in", "/sign-in/invitation", "/sign-in/code"])
    }

    @Test func aCallNamesItsHeaderFields() throws {
        guard case .array(let parameters) = document["paths"]?["/api/vines/{id}"]?["patch"]?["parameters"] else {
            Issue.record("no parameters")
            return
        }
        let field = try #require(parameters.first { $0["in"] == "header" })
        #expect(field["name"] == "If-Match" && field["required"] == nil)
        let pattern = try Regex(#require(field["schema"]?["pattern"]?.stringValue))
        #expect("\"7\"".wholeMatch(of: pattern) != nil && "*".wholeMatch(of: pattern) != nil)
        #expect("7".wholeMatch(of: pattern) == nil)
    }
}
