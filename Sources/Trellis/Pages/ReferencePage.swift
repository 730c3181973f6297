internal import Contract
internal import Domain
internal import Wire

/// The reference of the API for people, `/dashboard/api`: what the document (``OpenAPIDocument``) says, as one page.
enum ReferencePage {
    /// It does not change while the server runs.
    static let model = make(of: ContractRoutes.contract)

    /// The variables of the template `reference`.
    static func make(of document: JSONValue) -> [String: any Sendable] {
        var groups: [String: [[String: any Sendable]]] = [:]
        for (path, methods) in document["paths"]?.members ?? [] {
            for (method, operation) in methods.members.sorted(by: { order($0.key) < order($1.key) }) {
                let tag = operation["tags"]?.items.first?.stringValue ?? ""
                groups[tag, default: []].append(call(method.uppercased(), path, operation, in: document))
            }
        }
        return [
            "groups": groups.keys.sorted().map { tag in
                ["tag": tag, "calls": groups[tag] ?? []] as [String: any Sendable]
            },
            "schemas": (document["components"]?["schemas"]?.members ?? []).map { name, schema in
                ["name": name, "fields": fields(of: schema)] as [String: any Sendable]
            },
        ]
    }

    /// The order of the methods at one path.
    private static func order(_ method: String) -> Int {
        ["get", "post", "put", "patch", "delete"].firstIndex(of: method) ?? 9
    }

    private static func call(
        _ method: String, _ path: String, _ operation: JSONValue, in document: JSONValue
    ) -> [String: any Sendable] {
        var call: [String: any Sendable] = [
            "id": operation["operationId"]?.stringValue ?? "", "method": method, "path": path,
            "summary": operation["summary"]?.stringValue ?? "",
        ]
        call["about"] = operation["description"]?.stringValue
        call["permission"] = operation["x-permission"]?.stringValue
        call["is_open"] = operation["security"]?.items.isEmpty
        let parameters = (operation["parameters"]?.items ?? []).map(field)
        if !parameters.isEmpty { call["parameters"] = ["rows": parameters] as [String: any Sendable] }
        if let body = operation["requestBody"]?["content"] { call["request"] = content(body, in: document) }
        let responses = operation["responses"]?.members ?? []
        if let (status, response) = responses.first(where: { $0.key.hasPrefix("2") }) {
            call["success"] =
                [
                    "status": status, "content": response["content"].map { content($0, in: document) } ?? [:],
                ] as [String: any Sendable]
        }
        call["errors"] = responses.filter { !$0.key.hasPrefix("2") }.map { status, response in
            ["status": status, "meaning": resolved(response, in: document)["description"]?.stringValue ?? ""]
        }
        return call
    }

    private static func content(_ content: JSONValue, in document: JSONValue) -> [String: any Sendable] {
        let types = content.members
        let schema = types.first { $0.key == "application/json" }?.value["schema"]
        var model: [String: any Sendable] = ["media": types.map(\.key).joined(separator: ", ")]
        if let schema, let link = link(to: schema) {
            model["schema"] = link
            model["fields"] = ["rows": fields(of: resolved(schema, in: document))] as [String: any Sendable]
        }
        return model
    }

    private static func field(_ parameter: JSONValue) -> [String: any Sendable] {
        var row: [String: any Sendable] = [
            "name": parameter["name"]?.stringValue ?? "", "place": parameter["in"]?.stringValue ?? "",
            // A pattern says less than the sentence about it.
            "type": parameter["in"] == "header"
                ? parameter["description"]?.stringValue ?? "" : type(of: parameter["schema"] ?? [:]),
        ]
        if parameter["required"] == true { row["required"] = true }
        return row
    }

    private static func fields(of schema: JSONValue) -> [[String: any Sendable]] {
        let required = Set((schema["required"]?.items ?? []).compactMap(\.stringValue))
        return (schema["properties"]?.members ?? []).map { name, property in
            var row: [String: any Sendable] = ["name": name, "type": type(of: property)]
            row["link"] = link(to: property)
            if required.contains(name) { row["required"] = true }
            return row
        }
    }

    /// A type in words: `text`, `list of job`, `one of PLAN, DEPLOY`.
    private static func type(of schema: JSONValue) -> String {
        if let names = schema["enum"]?.items.compactMap(\.stringValue) {
            return "one of " + names.joined(separator: ", ")
        }
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last { return String(name) }
        if let choices = (schema["anyOf"] ?? schema["oneOf"])?.items {
            return choices.map(type).filter { $0 != "null" }.joined(separator: " or ")
        }
        let names = schema["type"]?.items.compactMap(\.stringValue).filter { $0 != "null" } ?? []
        switch schema["type"]?.stringValue ?? names.first {
        case "array": return "list of \(type(of: schema["items"] ?? [:]))"
        case "string":
            switch schema["format"]?.stringValue {
            case "uuid": return "UUID"
            case "date-time": return "time"
            default: return schema["maxLength"]?.integerValue.map { "text, up to \($0) bytes" } ?? "text"
            }
        case "integer":
            guard let low = schema["minimum"]?.integerValue, let high = schema["maximum"]?.integerValue else {
                return "whole number"
            }
            return high == .max ? "whole number from \(low)" : "whole number from \(low) to \(high)"
        case "object":
            guard let value = schema["additionalProperties"], !value.members.isEmpty else { return "object" }
            return "object of \(type(of: value))"
        case let name?: return name
        case nil: return "any JSON"
        }
    }

    /// The name of the schema that `schema` refers to, itself or in a list.
    private static func link(to schema: JSONValue) -> String? {
        if let name = schema["$ref"]?.stringValue?.split(separator: "/").last { return String(name) }
        if let items = schema["items"] { return link(to: items) }
        return (schema["anyOf"]?.items ?? []).compactMap(link).first
    }

    private static func resolved(_ value: JSONValue, in document: JSONValue) -> JSONValue {
        guard let path = value["$ref"]?.stringValue?.split(separator: "/").dropFirst() else { return value }
        return path.reduce(document) { part, name in part[String(name)] ?? [:] }
    }
}

extension JSONValue {
    /// Of an object, by name; none of another value.
    fileprivate var members: [(key: String, value: JSONValue)] {
        guard case .object(let members) = self else { return [] }
        return members.sorted { $0.key < $1.key }
    }

    /// Of a list; none of another value.
    fileprivate var items: [JSONValue] {
        guard case .array(let items) = self else { return [] }
        return items
    }
}
