public import Domain
public import Wire

/// The OpenAPI 3.1 document of the API, made from its ``Endpoint`` values and the types of their messages.
public enum OpenAPIDocument {
    /// - Parameter version: of the program; part of `info`.
    public static func make(of endpoints: [EndpointDescription], version: String) -> JSONValue {
        let schemas = SchemaCollection()
        let error = schemas.schema(of: ErrorResponse.self) ?? [:]
        var paths: [String: [String: JSONValue]] = [:]
        // OpenAPI has no word for the methods LOCK and UNLOCK; both are spellings of calls that it has.
        for endpoint in endpoints where ![.lock, .unlock].contains(endpoint.method) {
            paths[endpoint.path, default: [:]][endpoint.method.rawValue.lowercased()] = .object(
                operation(endpoint, schemas))
        }
        paths[AccessEndpoints.signIn.description.path]?["get"] = signInPage
        return [
            "openapi": "3.1.0",
            "info": [
                "title": "Vintner", "version": .string(version),
                "description": .string(
                    "The API of Trellis. Fields of requests that are not listed are refused by name; nil fields of "
                        + "responses are left out. Times are RFC 3339 in UTC."),
            ],
            "security": [["token": []]],
            "paths": .object(paths.mapValues(JSONValue.object)),
            "components": [
                "schemas": .object(schemas.objects),
                "responses": .object(self.errors(error)),
                "securitySchemes": [
                    "token": [
                        "type": "http", "scheme": "bearer", "description": "An API token, or a Tendril's token.",
                    ],
                    "session": [
                        "type": "apiKey", "in": "cookie", "name": "vintner_session_PORT",
                        "description": .string(
                            "A browser's session. A call that changes something needs the page's X-CSRF-Token header."),
                    ],
                ],
            ],
        ]
    }

    /// The page at the path of a call.
    private static let signInPage: JSONValue = [
        "operationId": "showSignIn", "summary": "The sign-in page", "tags": ["sign-in"], "security": [],
        "responses": [
            "200": ["description": "The page.", "content": ["text/html": [:]]],
            "400": reference(to: .invalid), "421": reference(to: .misdirected), "5XX": serverError,
        ],
    ]

    private static func operation(
        _ endpoint: EndpointDescription, _ schemas: SchemaCollection
    ) -> [String: JSONValue] {
        var operation: [String: JSONValue] = [
            "operationId": .string(endpoint.operation),
            "summary": .string(summary(of: endpoint.operation)),
            "tags": [.string(tag(of: endpoint.path))],
            "responses": .object(responses(of: endpoint, schemas)),
        ]
        switch endpoint.caller {
        case .user: operation["security"] = [["token": []], ["session": []]]
        case .tendril: operation["description"] = "For Tendrils."
        case .userOrTendril: operation["security"] = [["token": []], ["session": []]]
        case .anyone: operation["security"] = []
        }
        if let about = endpoint.about {
            let caller = endpoint.caller == .tendril ? " For Tendrils." : ""
            operation["description"] = .string(about + caller)
        }
        if let permission = endpoint.caller.permission { operation["x-permission"] = .string(permission.rawValue) }
        let path = endpoint.parameters.map { parameter($0.name, $0.kind, in: "path") }
        let parameters =
            path + endpoint.query.map { parameter($0.name, $0.kind, in: "query", $0.expectation) }
            + endpoint.headers.map(header)
        if !parameters.isEmpty { operation["parameters"] = .array(parameters) }
        if let body = requestBody(of: endpoint, schemas) { operation["requestBody"] = body }
        return operation
    }

    // MARK: - Errors

    private static let serverError: JSONValue = ["$ref": "#/components/responses/ServerError"]

    private static func reference(to error: CallError) -> JSONValue {
        ["$ref": .string("#/components/responses/\(name(of: error))")]
    }

    /// `leaseLost` as "LeaseLost".
    private static func name(of error: CallError) -> String {
        let name = "\(error)"
        return name.prefix(1).uppercased() + name.dropFirst()
    }

    /// `components/responses`.
    private static func errors(_ schema: JSONValue) -> [String: JSONValue] {
        func response(_ description: String) -> JSONValue {
            ["description": .string(description), "content": ["application/json": ["schema": schema]]]
        }
        var responses = Dictionary(
            uniqueKeysWithValues: CallError.allCases.map { (name(of: $0), response($0.meaning)) })
        responses["ServerError"] = response("Something is wrong with the server or its database. Try again later.")
        return responses
    }

    // MARK: - Parts of an operation

    private static func responses(
        of endpoint: EndpointDescription, _ schemas: SchemaCollection
    ) -> [String: JSONValue] {
        var responses = ["5XX": serverError]
        for error in endpoint.errors { responses[String(error.rawValue)] = reference(to: error) }
        let success = String(endpoint.success)
        switch endpoint.response {
        case is NoContent.Type:
            responses[success] = ["description": "Done."]
        // The lock was taken; or somebody else's information.
        case is RawBody<LockInfo>.Type:
            responses[success] = ["description": "Done."]
            responses["423"] = [
                "description": "Locked.", "content": .object(RawBody<LockInfo>.content(schemas)),
            ]
        case let written as any DescribedBody.Type:
            responses[success] = ["description": "Success.", "content": .object(written.content(schemas))]
            if written.mayBeAbsent { responses["204"] = ["description": "There is none."] }
        case let optional as any OptionalMessage.Type:
            responses[success] = content(schemas.schema(of: optional.wrapped))
            responses["204"] = ["description": "There is none."]
        default:
            responses[success] = content(schemas.schema(of: endpoint.response))
        }
        return responses
    }

    private static func content(_ schema: JSONValue?) -> JSONValue {
        ["description": "Success.", "content": ["application/json": ["schema": schema ?? [:]]]]
    }

    private static func requestBody(
        of endpoint: EndpointDescription, _ schemas: SchemaCollection
    ) -> JSONValue? {
        if let body = endpoint.request as? any DescribedBody.Type {
            return ["required": true, "content": .object(body.content(schemas))]
        }
        guard endpoint.request != NoFields.self, let schema = schemas.schema(of: endpoint.request) else { return nil }
        // An absent body is one without fields.
        let name = SchemaCollection.name(of: endpoint.request)
        let isRequired = schemas.objects[name]?["required"] != nil
        return ["required": .bool(isRequired), "content": ["application/json": ["schema": schema]]]
    }

    private static func parameter(
        _ name: String, _ kind: ParameterKind, in place: String, _ description: String? = nil
    ) -> JSONValue {
        let schema: JSONValue =
            switch kind {
            case .number(let range):
                ["type": "integer", "minimum": .integer(range.lowerBound), "maximum": .integer(range.upperBound)]
            case .text(let limit): ["type": "string", "maxLength": .integer(Int64(limit))]
            case .choice(let names): ["type": "string", "enum": choice(names)]
            case .list(let names):
                ["type": "array", "minItems": 1, "items": ["type": "string", "enum": choice(names)]]
            case .id: ["type": "string", "format": "uuid"]
            case .time: ["type": "string", "format": "date-time"]
            }
        var members: [String: JSONValue] = ["name": .string(name), "in": .string(place), "schema": schema]
        if place == "path" { members["required"] = true }
        if let description { members["description"] = .string(description) }
        // With commas between the values.
        if case .list = kind { (members["style"], members["explode"]) = ("form", false) }
        return .object(members)
    }

    private static func header(_ field: HeaderParameterDescription) -> JSONValue {
        [
            "name": .string(field.name), "in": "header", "description": .string(field.expectation),
            "schema": ["type": "string", "pattern": .string(field.pattern)],
        ]
    }

    private static func choice(_ names: [String]) -> JSONValue { .array(names.map(JSONValue.string)) }

    /// `createSignInLink` as "Create sign in link".
    private static func summary(of operation: String) -> String {
        let words = operation.reduce(into: "") { text, character in
            text += character.isUppercase ? " " + character.lowercased() : String(character)
        }
        return words.prefix(1).uppercased() + words.dropFirst()
    }

    private static func tag(of path: String) -> String {
        let parts = path.split(separator: "/")
        return parts.count > 1 && parts[0] == "api" ? String(parts[1]) : path == "/metrics" ? "metrics" : "sign-in"
    }
}

/// A body that is not one JSON message.
private protocol DescribedBody {
    /// Schemas by media type.
    static func content(_ schemas: SchemaCollection) -> [String: JSONValue]
    /// The answer may also be 204.
    static var mayBeAbsent: Bool { get }
}

extension RawBody: DescribedBody {
    fileprivate static func content(_ schemas: SchemaCollection) -> [String: JSONValue] {
        switch Content.self {
        case is LockInfo.Type: ["application/json": ["schema": lockInfo]]
        case is StateFileContent.Type, is OpenAPIContent.Type: ["application/json": ["schema": ["type": "object"]]]
        case is MetricsContent.Type: ["text/plain": ["schema": ["type": "string"]]]
        default: ["application/octet-stream": [:]]
        }
    }

    fileprivate static var mayBeAbsent: Bool { Content.self is StateFileContent.Type }

    /// Terraform's own form, with capital names; Vintner reads the ID only.
    private static var lockInfo: JSONValue {
        ["type": "object", "properties": ["ID": ["type": "string"]], "required": ["ID"]]
    }
}

extension StreamBody: DescribedBody {
    fileprivate static func content(_ schemas: SchemaCollection) -> [String: JSONValue] {
        Item.self is SearchMessage.Type || Item.self is LogsSearchMessage.Type || Item.self is AuditEventResponse.Type
            ? ["application/x-ndjson": [:]] : ["text/event-stream": [:]]
    }
    fileprivate static var mayBeAbsent: Bool { false }
}

extension MessageOrText: DescribedBody {
    fileprivate static func content(_ schemas: SchemaCollection) -> [String: JSONValue] {
        ["application/json": ["schema": schemas.schema(of: Message.self) ?? [:]], "text/plain": [:]]
    }
    fileprivate static var mayBeAbsent: Bool { false }
}

extension MessageOrLines: DescribedBody {
    fileprivate static func content(_ schemas: SchemaCollection) -> [String: JSONValue] {
        ["application/json": ["schema": schemas.schema(of: Message.self) ?? [:]], "application/x-ndjson": [:]]
    }
    fileprivate static var mayBeAbsent: Bool { false }
}

private protocol OptionalMessage { static var wrapped: Any.Type { get } }
extension Optional: OptionalMessage { fileprivate static var wrapped: Any.Type { Wrapped.self } }
