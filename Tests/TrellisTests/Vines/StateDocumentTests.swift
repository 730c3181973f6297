import Domain
import Foundation
import Testing
import Wire

@testable import Trellis

/// What is read of a state, and what of it people see.
@Suite struct StateDocumentTests {
    private typealias Instance = StateFixture.Instance

    @Test func addressesAreTheEngines() throws {
        let state = StateFixture.state([
            Instance(address: ("aws_vpc", "main")), Instance(module: "module.a", index: "2"),
            Instance(module: "module.a[\"k\"].module.b", index: #""we\"b ${x} %{y} ü""#),
            Instance(more: #", "deposed": "ab12cd34""#), Instance(more: #", "status": "tainted""#),
        ])
        let document = try StateDocument(state)
        #expect(
            document.instances.map(\.key.address) == [
                "aws_vpc.main", "module.a.x.a[2]", #"module.a["k"].module.b.x.a["we\"b $${x} %%{y} ü"]"#, "x.a", "x.a",
            ])
        #expect(document.instances[3].key.deposed == "ab12cd34" && document.instances[4].isTainted)
        #expect(document.instances[2].module == #"module.a["k"].module.b"# && document.instances[0].type == "aws_vpc")
    }

    @Test func dataSourcesAreNotResources() throws {
        let data = #"{"mode": "data", "type": "d", "name": "e", "instances": [{"attributes": {}}]}"#
        let state = Data(#"{"version": 4, "serial": 1, "lineage": "l", "resources": [\#(data)]}"#.utf8)
        #expect(try StateDocument(state).instances.isEmpty)
    }

    @Test(arguments: [
        ("", StateProblem.unreadable), ("{", .unreadable), ("plain text", .unreadable),
        (#"{"version": 4, "resources": [}"#, .unreadable), ("{}", .version(nil)), ("[]", .version(nil)),
        (#"{"version": 5, "resources": []}"#, .version(5)), (#"{"version": "4"}"#, .version(nil)),
        (#"{"version": 3, "modules": []}"#, .version(3)),
    ]) func anUnknownFormIsAProblem(_ text: String, _ problem: StateProblem) {
        #expect(throws: problem) { try StateDocument(Data(text.utf8)) }
        #expect(StateView(Data(text.utf8), secrets: VineSecrets()).problem == problem)
        #expect(problem.sentence.hasSuffix("."))
    }

    @Test func theNumberOfInstancesIsBounded() throws {
        func document(_ count: Int) throws -> StateDocument {
            let instances = Array(repeating: #"{"index_key": 0, "attributes": {}}"#, count: count).joined(
                separator: ",")
            let resource = #"{"mode": "managed", "type": "x", "name": "a", "instances": [\#(instances)]}"#
            return try StateDocument(Data(#"{"version": 4, "resources": [\#(resource), \#(resource)]}"#.utf8))
        }
        let half = StateDocument.instanceLimit / 2
        let most = try document(half)
        #expect(most.instances.count == StateDocument.instanceLimit && !most.isCut)
        let more = try document(half + 1)
        #expect(more.instances.count == StateDocument.instanceLimit && more.isCut)
    }

    /// Terraform decides how deep values nest; what is too deep or too large is left out.
    @Test func depthAndSizeAreBounded() throws {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        let large = "\"" + String(repeating: "x", count: StateDocument.valueBytes) + "\""
        let outputs = #"{"deep": {"value": \#(deep)}, "large": {"value": \#(large)}, "ok": {"value": [1]}}"#
        let state = StateFixture.state(
            [
                Instance(attributes: #"{"d": \#(deep)}"#),
                Instance(address: ("x", "b"), attributes: #"{"l": \#(large)}"#),
            ],
            outputs: outputs)
        let view = StateView(state, secrets: VineSecrets())
        #expect(view.problem == nil && view.resources.count == 2)
        #expect(view.outputs.map(\.name) == ["deep", "large", "ok"])
        #expect(view.outputs[1].value == nil && view.outputs[1].isCut == true)
        #expect(view.outputs[2].value == [1] && view.outputs[2].isCut == nil)
        let document = try StateDocument(state)
        let comparison = StateComparison(document, try StateDocument(StateFixture.state([])), secrets: VineSecrets())
        #expect(comparison.summary().counts["delete"] == 2)
        #expect(comparison.resource("x.b", deposed: nil)?.isCut == true)
        #expect(comparison.resource("x.a", deposed: nil)?.action == .delete)
    }

    @Test(arguments: [
        (#"[]"#, "{}"), (#"null"#, "{}"), (#"{}"#, "true"), (#"["a"]"#, "true"), (#"[[]]"#, "true"),
        (#"[[{"type": "get_attr", "value": "p"}]]"#, #"{"p": true}"#),
        (
            #"[[{"type": "get_attr", "value": "t"}, {"type": "index", "value": {"type": "string", "value": "k"}}]]"#,
            #"{"t": {"k": true}}"#
        ),
        (
            #"[[{"type": "get_attr", "value": "l"}, {"type": "index", "value": {"type": "number", "value": 1}}]]"#,
            #"{"l": [false, true]}"#
        ),
        // What is not understood hides what it is in.
        (#"[[{"type": "get_attr", "value": "l"}, {"type": "index", "value": {"value": 99999999}}]]"#, #"{"l": true}"#),
        (#"[[{"type": "get_attr", "value": "l"}, {"type": "splat"}]]"#, #"{"l": true}"#),
        (#"[[{"type": "get_attr", "value": 7}]]"#, "true"),
    ]) func pathsBecomeATree(_ paths: String, _ tree: String) throws {
        let found = Sensitivity(statePaths: try JSONValue(parsing: paths.utf8))
        let wanted = Sensitivity(try JSONValue(parsing: tree.utf8))
        #expect(found.isAny == wanted.isAny && found.isWhole == wanted.isWhole)
        if wanted.isAny { #expect(found == wanted) }
    }

    /// Terraform writes a value of a dynamic type with its type around it, and its paths leave that out.
    @Test(arguments: [
        (
            #"{"input": {"hidden": true}}"#, #"{"input": {"value": {"hidden": "x", "p": 1}, "type": ["object", {}]}}"#,
            #"{"input": {"value": {"hidden": true}}}"#
        ),
        (
            #"{"input": [false, true]}"#, #"{"input": {"value": ["a", "b"], "type": ["tuple", []]}}"#,
            #"{"input": {"value": [false, true]}}"#
        ),
        (
            #"{"input": {"type": true}}"#, #"{"input": {"value": {"type": "x"}, "type": "t"}}"#,
            #"{"input": {"type": true, "value": {"type": true}}}"#
        ),
        (#"{"a": {"b": true}}"#, #"{"a": {"b": "x"}}"#, #"{"a": {"b": true}}"#),
        (#"{"l": [true]}"#, #"{"l": ["x", "y"]}"#, #"{"l": [true]}"#),
        // A mark that fits nowhere.
        (#"{"a": {"b": true}}"#, #"{"a": {"c": "x"}}"#, #"{"a": true}"#),
        (#"{"a": {"b": true}}"#, #"{"a": "x"}"#, #"{"a": true}"#), (#"{"a": true}"#, #"{"c": "x"}"#, "true"),
        (#"{"l": [false, true]}"#, #"{"l": ["x"]}"#, #"{"l": true}"#),
    ]) func marksFitTheFormOfTheState(_ marks: String, _ value: String, _ wanted: String) throws {
        let fitted = Sensitivity(try JSONValue(parsing: marks.utf8)).fitted(to: try JSONValue(parsing: value.utf8))
        #expect(fitted.tree == (try JSONValue(parsing: wanted.utf8)))
    }

    @Test func namesTellWhereNothingIsMarked() {
        for name in ["password", "db_password", "Secret", "private_key_pem", "client_secret", "auth_token"] {
            #expect(SecretNames.isTelling(name), "\(name)")
        }
        for name in ["password_length", "secret_arn", "token_id", "name", "key", "result", "secret_name"] {
            #expect(!SecretNames.isTelling(name), "\(name)")
        }
    }

    // MARK: - Secrets

    /// The secret stands in every place that can be marked, and in one where a provider copied it.
    @Test func nothingSensitiveIsSeen() throws {
        let secret = StateFixture.secret
        let before = StateFixture.state(
            [
                Instance(
                    attributes:
                        #"{"password": "\#(secret)-old", "tags": {"k": "\#(secret)-2"}, "copy": "see \#(secret)-2"}"#,
                    marks: "[" + StateFixture.mark("password") + ","
                        + #"[{"type": "get_attr", "value": "tags"}, {"type": "index", "value": {"value": "k"}}]]"#)
            ], outputs: #"{"o": {"value": ["\#(secret)-old"], "sensitive": true}}"#)
        let after = StateFixture.state(
            [
                Instance(
                    attributes:
                        #"{"password": "\#(secret)-new", "tags": {"k": "\#(secret)-2"}, "copy": "{\"p\": \"\#(secret)-new\"}"}"#,
                    marks: "[" + StateFixture.mark("password") + "]"),
                Instance(
                    address: ("random_password", "r"), attributes: #"{"result": "\#(secret)-3", "length": 16}"#),
                Instance(
                    address: ("terraform_data", "d"),
                    attributes:
                        #"{"input": {"value": {"h": "\#(secret)-5"}, "type": ["object", {"h": "string"}]}, "output": {"value": {"h": "\#(secret)-5"}, "type": ["object", {"h": "string"}]}}"#,
                    marks: "[" + StateFixture.mark("input", "h") + "]"),
                Instance(address: ("x", "b"), attributes: #"{"auth": [{"admin_password": "\#(secret)-4"}]}"#),
                Instance(address: ("x", "c"), attributes: #"{"v": "vine-secret-9\#(secret)"}"#),
            ],
            outputs:
                #"{"o": {"value": ["\#(secret)-new"], "sensitive": true}, "p": {"value": "x \#(secret)-new"}, "n": {"value": 3}}"#
        )
        let secrets = VineSecrets(variables: ["v": .string("vine-secret-9\(secret)")])
        let comparison = StateComparison(try StateDocument(before), try StateDocument(after), secrets: secrets)
        let summary = comparison.summary()
        #expect(summary.counts == ["create": 4, "update": 1, "delete": 0, "no-op": 0])
        var shown = "\(summary)"
        for item in summary.resources {
            let detail = try #require(comparison.resource(item.address, deposed: nil))
            shown += String(decoding: try WireJSON.encode(detail), as: UTF8.self)
        }
        for state in [before, after] {
            let view = StateView(state, secrets: secrets)
            shown += "\(view)"
            #expect(view.outputs.first { $0.name == "o" }?.sensitive == true)
        }
        #expect(!shown.contains(secret), "\(shown)")
        // It is said that the password changes.
        let changed = try #require(comparison.resource("x.a", deposed: nil))
        let leaf = try #require(changed.diff.first { $0["path"] == "password" })
        #expect(leaf["action"] == "update" && leaf["sensitive"] == true && leaf["before"] == nil)
    }

    // MARK: - Comparisons

    @Test func whatIsDifferentIsFound() throws {
        let before = try StateDocument(
            StateFixture.state(
                [
                    Instance(address: ("x", "same"), attributes: #"{"a": 1, "b": [1, 2]}"#),
                    Instance(address: ("x", "layout"), attributes: #"{"a": 1, "b": [1, 2]}"#),
                    Instance(address: ("x", "changed"), attributes: #"{"a": 1}"#),
                    Instance(address: ("x", "gone")), Instance(address: ("x", "tainted")),
                ], outputs: #"{"kept": {"value": 1}, "gone": {"value": "x"}, "new_value": {"value": {"a": 1}}}"#))
        let after = try StateDocument(
            StateFixture.state(
                [
                    Instance(address: ("x", "added")), Instance(address: ("x", "changed"), attributes: #"{"a": 2}"#),
                    Instance(address: ("x", "same"), attributes: #"{"a": 1, "b": [1, 2]}"#),
                    Instance(address: ("x", "layout"), attributes: #"{"b":[1,2],"a":1}"#),
                    Instance(address: ("x", "tainted"), more: #", "status": "tainted""#),
                ], outputs: #"{"kept": {"value":  1}, "new_value": {"value": {"a": 2}}, "added": {"value": true}}"#))
        let comparison = StateComparison(before, after, secrets: VineSecrets())
        let summary = comparison.summary()
        #expect(
            summary.resources.map { "\($0.action.rawValue) \($0.address)" } == [
                "delete x.gone", "update x.changed", "update x.tainted", "create x.added",
            ])
        #expect(summary.counts == ["create": 1, "update": 2, "delete": 1, "no-op": 2])
        #expect(
            summary.outputs.map { "\($0.action.rawValue) \($0.name)" } == [
                "create added", "delete gone", "update new_value",
            ])
        let changed = try #require(comparison.resource("x.changed", deposed: nil))
        #expect(changed.diff.first?["before"] == 1 && changed.diff.first?["after"] == 2 && !changed.isCut)
        #expect(comparison.resource("x.layout", deposed: nil)?.action == .noOp)
        #expect(comparison.resource("x.none", deposed: nil) == nil)
        #expect(comparison.resource("x.changed", deposed: "ab") == nil)
    }

    /// Malformed states are problems, never crashes, and reveal nothing.
    @Test(arguments: 0..<4) func damagedStatesAreHarmless(_ batch: UInt64) throws {
        var random = SplitMix(state: batch)
        let whole = [UInt8](
            StateFixture.state(
                [
                    Instance(
                        attributes: #"{"password": "\#(StateFixture.secret)", "l": [1, {"a": null}]}"#,
                        marks: "[" + StateFixture.mark("password") + "]")
                ], outputs: #"{"o": {"value": "\#(StateFixture.secret)", "sensitive": true}}"#))
        for _ in 0..<300 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] =
                    [0x20, 0x7b, 0x7d, 0x5b, 0x5d, 0x2c, 0x22, 0xff]
                    .randomElement(using: &random) ?? 0
            }
            let view = StateView(Data(bytes), secrets: VineSecrets())
            #expect(view.problem != nil || view.resources.count <= 1)
            guard let damaged = try? StateDocument(Data(bytes)) else { continue }
            let comparison = StateComparison(try StateDocument(Data(whole)), damaged, secrets: VineSecrets())
            _ = comparison.summary()
            _ = comparison.resource("x.a", deposed: nil)
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            return mixed ^ (mixed >> 31)
        }
    }
}
