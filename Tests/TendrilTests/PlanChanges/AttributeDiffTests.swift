import Foundation
import Testing
import Wire

@testable import Domain
@testable import Tendril

/// What is shown of the attributes of one resource.
@Suite struct AttributeDiffTests {
    private func update(
        _ before: String, _ after: String, unknown: String = "{}", sensitive: (String, String) = ("{}", "{}"),
        secrets: [String] = []
    ) throws -> [String] {
        try PlanFixture.leaves(
            PlanFixture.plan(
                """
                {"actions": ["update"], "before": \(before), "after": \(after), "after_unknown": \(unknown),
                 "before_sensitive": \(sensitive.0), "after_sensitive": \(sensitive.1)}
                """), secrets: secrets)
    }

    @Test func scalarsNullsAndAbsentMembers() throws {
        #expect(
            try update(
                #"{"same": 1, "n": 1, "unset": null, "gone": "x", "toNull": "x", "m": {"k": "x"}}"#,
                #"{"same": 1, "n": 2, "unset": null, "toNull": null, "set": true, "m": {"k": null}}"#) == [
                    #"gone delete "x" -"#, #"m.k delete "x" null"#, "n update 1 2", "same no-op 1 1",
                    "set create - true",
                    #"toNull delete "x" null"#,
                ])
    }

    @Test func numbersKeepTheirDigits() throws {
        #expect(
            try update(#"{"n": 9007199254740993, "f": 0.10}"#, #"{"n": 9007199254740992, "f": 0.1}"#)
                == ["f update 0.10 0.1", "n update 9007199254740993 9007199254740992"])
    }

    @Test func listsKeepWhatBothHave() throws {
        #expect(
            try update(#"{"l": ["b", "a", "c", "z"]}"#, #"{"l": ["b", "c", "x", "z"]}"#) == [
                #"l[0] no-op "b" "b""#, #"l[1] delete "a" -"#, #"l[1] no-op "c" "c""#, #"l[2] create - "x""#,
                #"l[3] no-op "z" "z""#,
            ])
        // A null in a list is a value.
        #expect(try update(#"{"l": ["a"]}"#, #"{"l": ["a", null]}"#).last == "l[1] create - null")
    }

    @Test func nestedBlocksArePairedWhereTheyChange() throws {
        #expect(
            try update(
                #"{"b": [{"p": 1, "q": "x"}, {"p": 2, "q": "y"}]}"#,
                #"{"b": [{"p": 1, "q": "x"}, {"p": 2, "q": "z"}, {"p": 3, "q": "n"}]}"#) == [
                    "b[0].p no-op 1 1", #"b[0].q no-op "x" "x""#, "b[1].p no-op 2 2", #"b[1].q update "y" "z""#,
                    "b[2].p create - 3", #"b[2].q create - "n""#,
                ])
    }

    @Test func unknownValuesInsideOfLists() throws {
        #expect(
            try update(
                #"{"l": ["a", "b"], "m": {"k": "x"}}"#, #"{"l": ["a", null], "m": {}}"#,
                unknown: #"{"l": [false, true], "m": {"k": true}, "n": [{"deep": true}]}"#) == [
                    #"l[0] no-op "a" "a""#, #"l[1] update "b" - ?"#, #"m.k update "x" - ?"#, "n[0].deep create - - ?",
                ])
        #expect(try update(#"{"l": ["a"]}"#, "{}", unknown: #"{"l": true}"#) == [#"l update ["a"] - ?"#])
    }

    @Test func sensitiveValuesAreNotTakenAlong() throws {
        #expect(
            try update(
                #"{"p": "hunter-2-hunter", "b": [{"k": "never-shown", "o": 1}], "all": {"x": "never-either"}}"#,
                #"{"p": "hunter-3-hunter", "b": [{"k": "never-shown", "o": 2}], "all": {"x": "never-either"}}"#,
                sensitive: (#"{"p": true, "b": [{"k": true}], "all": true}"#, #"{"b": [{}], "all": true}"#)) == [
                    "all no-op - - !", "b[0].k no-op - - !", "b[0].o update 1 2", "p update - - !",
                ])
    }

    @Test func aTreeOfAnotherFormHidesTheValue() throws {
        #expect(
            try update(
                #"{"m": {"k": "value-one"}}"#, #"{"m": {"k": "value-two"}}"#, sensitive: (#"{"m": [true]}"#, "{}"))
                == ["m.k update - - !"])
        #expect(
            try update(#"{"m": "value-one"}"#, #"{"m": {"k": "value-two"}}"#, sensitive: (#"{"m": "odd"}"#, "{}"))
                == ["m update - - !"])
    }

    @Test func copiesOfSensitiveValuesAreMasked() throws {
        let leaves = try update(
            #"{"in": {"p": "correct-horse"}, "out": {"p": "correct-horse"}}"#,
            #"{"in": {"p": "correct-horse"}, "out": {"p": "x correct-horse x", "correct-horse": 1}}"#,
            sensitive: (#"{"in": {"p": true}}"#, #"{"in": {"p": true}}"#))
        #expect(!leaves.joined().contains("horse"), "\(leaves)")
        #expect(leaves.contains(#"out.p update "(sensitive)" "x (sensitive) x""#), "\(leaves)")
    }

    @Test func secretsOfTheJobAreMaskedEverywhere() throws {
        let leaves = try update(
            #"{"s": "a", "t": {"topsecret-1": "v"}, "n": 1}"#, #"{"s": "a topsecret-1", "t": {}, "n": 4815162342}"#,
            secrets: ["topsecret-1", "4815162342"])
        #expect(
            leaves == [
                #"n update 1 "(sensitive)""#, #"s update "a" "a (sensitive)""#, #"t.(sensitive) delete "v" -"#,
            ], "\(leaves)")
    }

    @Test func yamlInStringsIsComparedByStructure() throws {
        let before = #"{"y": "a: 1\nb:\n- x\n- y\n"}"#
        #expect(
            try update(before, ##"{"y": "# new\nb: [x, z]\na: 1\n"}"##) == [
                "y.a no-op 1 1", #"y.b[0] no-op "x" "x""#, #"y.b[1] delete "y" -"#, #"y.b[1] create - "z""#,
            ])
        // Only the layout, or no YAML: as texts.
        #expect(try update(before, #"{"y": "a: 1\nb: [x, y]\n"}"#).count == 1)
        #expect(try update(before, #"{"y": "a: &b 1\nc: *b\n"}"#).count == 1)
        #expect(try update(#"{"y": "one\ntwo\n"}"#, #"{"y": "one\n2\n"}"#).count == 1)
    }

    @Test func documentsHaveListsWhereAttributesHaveBlocks() {
        let before: JSONValue = ["j": #"{"a": [{"b": 1}]}"#, "l": [["b": 1]], "y": "a:\n- b: 1\n"]
        let after: JSONValue = ["j": #"{"a": [{"b": 2}]}"#, "l": [["b": 2]], "y": "a:\n- b: 2\n"]
        let diff = AttributeDiff(.init(before: before, after: after), masker: Masker(secrets: []))
        let kinds = diff.rows.compactMap { row -> String? in
            guard case .heading(let heading) = row.content else { return nil }
            return "\(row.path.text) \(heading.kind.rawValue)"
        }
        #expect(
            kinds == [
                "j json", "j.a list", "j.a[0] map", "l blocks", "l[0] map", "y yaml", "y.a list", "y.a[0] map",
            ])
    }

    @Test func jsonInStringsIsComparedByStructure() throws {
        #expect(
            try update(
                #"{"p": "{\"a\": 1, \"l\": [\"x\"]}", "same": "{\"a\":1}"}"#,
                #"{"p": "{\"a\": 2, \"l\": [\"x\", \"y\"]}", "same": "{ \"a\": 1 }"}"#) == [
                    "p.a update 1 2", #"p.l[0] no-op "x" "x""#, #"p.l[1] create - "y""#,
                    // Only the layout differs.
                    #"same update "{\"a\":1}" "{ \"a\": 1 }""#,
                ])
        // A part of a secret may be too short to be recognized by itself.
        let secret = #"{"pin": 12}"#
        let text = JSONValue.string(secret).text
        #expect(
            try update(#"{"p": "{\"pin\": 11}"}"#, #"{"p": \#(text)}"#, secrets: [secret])
                == [#"p update "{\"pin\": 11}" "(sensitive)""#])
    }

    @Test func typesMayChange() throws {
        #expect(try update(#"{"v": {"a": 1}}"#, #"{"v": "text"}"#) == [#"v update {"a":1} "text""#])
        #expect(try update(#"{"v": []}"#, #"{"v": ["a"]}"#) == [#"v[0] create - "a""#])
        #expect(try update(#"{"v": null}"#, #"{"v": []}"#) == ["v create null []"])
    }

    @Test func writeOnlyAttributesAreNamed() throws {
        let plan = try PlanFixture.read(
            PlanFixture.plan(
                #"{"actions": ["update"], "before": {"p_wo": null, "p_wo_version": 1}, "after": {"p_wo": null, "p_wo_version": 2}}"#
            ))
        #expect(plan.changes[0].detail["diff"].map { $0.text.contains(#""write_only":true"#) } == true)
        #expect(PlanFixture.leaves(of: plan.changes[0]).last == "p_wo_version update 1 2")
    }

    @Test func valuesAndAttributesAreBounded() throws {
        let long = String(repeating: "é", count: PlanChangeLimits.valueBytes)
        let plan = try PlanFixture.read(
            PlanFixture.plan(#"{"actions": ["create"], "before": null, "after": {"a": "\#(long)"}}"#))
        let leaf = try #require(
            plan.changes[0].detail["diff"].flatMap { if case .array(let diff) = $0 { diff.first } else { nil } })
        #expect(leaf["after"]?.stringValue?.utf8.count ?? 0 <= PlanChangeLimits.valueBytes)
        #expect(leaf["cut"] == true && plan.changes[0].detail["cut"] != nil && plan.truncated == ["attributes"])

        let many = (0..<5_000).map { #""k\#($0)": "\#(String(repeating: "v", count: 50))""# }.joined(separator: ",")
        let wide = try PlanFixture.read(
            PlanFixture.plan(#"{"actions": ["create"], "before": null, "after": {\#(many)}}"#))
        #expect(wide.changes[0].detail.bytes.count < PlanChangeLimits.resourceBytes * 5 / 4)
        #expect(wide.truncated == ["attributes"])

        let deep = String(repeating: #"{"a":"#, count: 100) + "1" + String(repeating: "}", count: 100)
        let cut = try PlanFixture.read(PlanFixture.plan(#"{"actions": ["create"], "before": null, "after": \#(deep)}"#))
        #expect(PlanFixture.leaves(of: cut.changes[0]).isEmpty && cut.truncated == ["attributes"])
    }

    @Test func longListsAreAligned() {
        let before = (0..<2_000).map { JSONValue.integer(Int64($0)) }
        var after = before
        after.remove(at: 700)
        after.insert("new", at: 1_500)
        let steps = ListAlignment.steps(before, after) { _ in false }
        #expect(steps.filter { if case .pair = $0 { false } else { true } }.count <= 1_602)
        #expect(steps.contains(.removed(700)) && steps.contains(.inserted(1_500)))
        // Each element once, in order.
        let olds = steps.compactMap {
            if case .pair(let i, _) = $0 { i } else if case .removed(let i) = $0 { i } else { nil }
        }
        let news = steps.compactMap {
            if case .pair(_, let j) = $0 { j } else if case .inserted(let j) = $0 { j } else { nil }
        }
        #expect(olds == Array(0..<2_000) && news == Array(0..<2_000))
    }
}
