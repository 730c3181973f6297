import Domain
import Foundation
import Testing
import Wire

@testable import Tendril

/// What leaves the Tendril of a plan.
@Suite struct RedactedPlanTests {
    @Test(arguments: [
        (#"["create"]"#, "create"), (#"["update"]"#, "update"), (#"["delete"]"#, "delete"), (#"["read"]"#, "read"),
        (#"["forget"]"#, "forget"), (#"["delete", "create"]"#, "replace_delete_first"),
        (#"["create", "delete"]"#, "replace_create_first"), (#"["create", "forget"]"#, "replace_create_first"),
        (#"["polish"]"#, "update"),
    ])
    func actions(_ actions: String, _ name: String) throws {
        let plan = try PlanFixture.read(PlanFixture.plan(#"{"actions": \#(actions), "before": null, "after": null}"#))
        #expect(plan.changes.map(\.change.action.rawValue) == [name])
    }

    @Test func movesImportsDeposedObjectsReasonsAndForcingPaths() throws {
        let moved = try PlanFixture.read(
            PlanFixture.plan(#"{"actions": ["no-op"]}"#, more: #""previous_address": "x.b","#))
        #expect(moved.changes[0].change.action == .move && moved.changes[0].change.previousAddress == "x.b")
        let imported = try PlanFixture.read(PlanFixture.plan(#"{"actions": ["no-op"], "importing": {"id": "i-1"}}"#))
        #expect(imported.changes[0].change.action == .import)
        #expect(imported.changes[0].detail["import_id"] == "i-1")
        let replaced = try PlanFixture.read(
            PlanFixture.plan(
                #"""
                {"actions": ["delete", "create"], "before": {"a": [{"b": 1}]}, "after": {"a": [{"b": 2}]},
                 "replace_paths": [["a", 0, "b"]]}
                """#,
                address: "module.m.x.a",
                more: #"""
                    "module_address": "module.m", "deposed": "0abc", "action_reason": "replace_because_cannot_update",
                    """#))
        let change = replaced.changes[0].change
        #expect(change.module == "module.m" && change.deposed == "0abc" && change.type == "x")
        #expect(change.reason == "replace_because_cannot_update" && change.forces == ["a[0].b"])
        #expect(change.attributes == ["a"])
        #expect(replaced.changes[0].detail.text.contains(#""forces":true"#))
        let nothing = try PlanFixture.read(PlanFixture.plan(#"{"actions": ["no-op"]}"#))
        #expect(nothing.changes.isEmpty && nothing.summary["unchanged"] == 1)
    }

    @Test func whatLosesDataComesFirst() throws {
        func entry(_ address: String, _ actions: String, _ module: String = "") -> String {
            #"{"address": "\#(address)", "module_address": "\#(module)", "type": "x", "change": {"actions": \#(actions)}}"#
        }
        let entries = [
            entry("x.c", #"["create"]"#), entry("x.u", #"["update"]"#), entry("x.d[10]", #"["delete"]"#),
            entry("x.d[9]", #"["delete"]"#), entry("module.m.x.r", #"["create", "delete"]"#, "module.m"),
            entry("x.r", #"["delete", "create"]"#),
        ]
        let plan = try PlanFixture.read(Data(#"{"resource_changes": [\#(entries.joined(separator: ","))]}"#.utf8))
        #expect(plan.changes.map(\.change.address) == ["x.r", "module.m.x.r", "x.d[9]", "x.d[10]", "x.u", "x.c"])
        #expect(plan.changes.map(\.change.n) == Array(1...6))
    }

    @Test func onlyDriftThatMattersIsListed() throws {
        let drift = #"""
            "resource_drift": [
              {"address": "x.a[\"k\"]", "type": "x", "change": {"actions": ["update"], "before": {"v": 1}, "after": {"v": 2}}},
              {"address": "x.other", "type": "x", "change": {"actions": ["delete"], "before": {"v": 1}, "after": null}}],
            "relevant_attributes": [{"resource": "x.a", "attribute": ["v"]}]
            """#
        let data = Data(#"{"resource_changes": [], \#(drift)}"#.utf8)
        let plan = try PlanFixture.read(data)
        #expect(plan.changes.map(\.change.address) == [#"x.a["k"]"#] && plan.changes[0].change.drift)
        #expect(plan.summary["hidden_drift"] == 1)
        // A refresh-only plan applies all of it.
        #expect(try PlanFixture.read(data, refreshOnly: true).changes.count == 2)
    }

    @Test func outputsChecksAndDeferredChanges() throws {
        let plan = try PlanFixture.read(
            Data(
                #"""
                {"output_changes": {
                   "url": {"actions": ["update"], "before": "a", "after": "b"}, "same": {"actions": ["no-op"]},
                   "key": {"actions": ["create"], "before": null, "after": "very-hidden", "before_sensitive": true,
                           "after_sensitive": true}},
                 "checks": [
                   {"address": {"kind": "check", "to_display": "check.up"}, "status": "fail",
                    "instances": [{"problems": [{"message": "It is very-hidden."}]}]},
                   {"address": {"kind": "check", "to_display": "check.fine"}, "status": "pass"}],
                 "deferred_changes": [{"reason": "provider_config_unknown", "resource_change":
                   {"address": "x.later", "type": "x", "change": {"actions": ["create"], "before": null, "after": {"a": 1}}}}],
                 "errored": true}
                """#.utf8))
        #expect(plan.changes.map(\.change.deferred) == ["provider_config_unknown"])
        let summary = plan.summary.text
        #expect(summary.contains(#""name":"url""#) && !summary.contains(#""name":"same""#))
        #expect(summary.contains("check.up") && !summary.contains("check.fine") && summary.contains(#""errored":true"#))
        #expect(summary.contains("It is (sensitive).") && !summary.contains("very-hidden"))
    }

    @Test func resourcesBeyondTheLimitsAreCutAndMarked() throws {
        let entries = (0..<30).map {
            #"""
            {"address": "x.a[\#($0)]", "type": "x", "change": {"actions": ["\#($0 < 25 ? "create" : "delete")"],
             "before": {"v": "\#(String(repeating: "b", count: 900))"}, "after": null}}
            """#
        }
        let data = Data(#"{"resource_changes": [\#(entries.joined(separator: ","))]}"#.utf8)
        let few = try PlanFixture.read(data, limits: .init(resources: 20))
        #expect(few.changes.count == 20 && few.truncated == ["resources"])
        #expect(few.changes.prefix(5).allSatisfy { $0.change.action == .delete })
        #expect(few.summary["truncated"] == ["resources"])
        // What loses data has its attributes, the rest as far as they fit.
        let small = try PlanFixture.read(data, limits: .init(totalBytes: 8_000))
        #expect(small.changes.count == 30 && small.truncated == ["attributes"])
        #expect(small.changes.prefix(5).allSatisfy { !PlanFixture.leaves(of: $0).isEmpty })
        #expect(PlanFixture.leaves(of: small.changes.last).isEmpty)
    }

    @Test func piecesAreBoundedAndInOrder() throws {
        let entries = (0..<450).map {
            #"{"address": "x.a[\#($0)]", "type": "x", "change": {"actions": ["create"], "before": null, "after": {"v": 1}}}"#
        }
        let plan = try PlanFixture.read(Data(#"{"resource_changes": [\#(entries.joined(separator: ","))]}"#.utf8))
        let pieces = plan.pieces(epoch: 3)
        #expect(pieces.map(\.changes.count) == [200, 200, 50])
        #expect(pieces.map(\.isFirst) == [true, false, false])
        #expect(pieces.map { $0.summary != nil } == [false, false, true])
        #expect(pieces.flatMap(\.changes).map(\.change.n) == Array(1...450))
        // One resource always fits.
        #expect(plan.pieces(epoch: 3, bytes: 1).count == 450)
        let empty = try PlanFixture.read(Data("{}".utf8)).pieces(epoch: 3)
        #expect(empty.count == 1 && empty[0].isFirst && empty[0].summary != nil)
    }

    @Test func digestsAreEqualWhereTheSameIsDone() throws {
        func digest(_ change: String) throws -> String {
            try PlanFixture.read(PlanFixture.plan(change)).changes[0].digest
        }
        let one = try digest(
            #"{"actions": ["update"], "before": {"a": 1}, "after": {"a": 2, "b": 3}, "after_unknown": {}}"#)
        #expect(
            try one
                == digest(
                    #"{"actions": ["update"], "before": {"a": 0}, "after_unknown": {}, "after": {"b": 3, "a": 2}}"#))
        #expect(
            try one
                != digest(
                    #"{"actions": ["update"], "before": {"a": 1}, "after": {"a": 4, "b": 3}, "after_unknown": {}}"#))
        #expect(
            try one
                != digest(#"{"actions": ["create"], "before": null, "after": {"a": 2, "b": 3}, "after_unknown": {}}"#))
        #expect(
            try one
                != digest(
                    #"{"actions": ["update"], "before": {"a": 1}, "after": {"a": 2, "b": 3}, "after_unknown": {"c": true}}"#
                ))
        // It says nothing about a secret.
        func secret(_ value: String) throws -> String {
            try digest(#"{"actions": ["update"], "after": {"p": "\#(value)"}, "after_sensitive": {"p": true}}"#)
        }
        #expect(try secret("first-password") == secret("other-password"))
    }

    @Test func theRecordedPlanIsRead() throws {
        let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("../../Fixtures/plan-small.json")
        let plan = try PlanFixture.read(try Data(contentsOf: file))
        let summary = try PlanSummary.read(try Data(contentsOf: file))
        #expect(plan.changes.count == summary.resources.count && plan.truncated.isEmpty)
        #expect(Set(plan.changes.map(\.change.address)) == Set(summary.resources.map(\.address)))
        let first = try #require(plan.changes.first { $0.change.address == "null_resource.service[0]" })
        #expect(PlanFixture.leaves(of: first).contains("id create - - ?"))
        // An output that is sensitive in the recorded run.
        #expect(!(try PlanFixture.sent(plan)).contains("not-a-real-secret-0000"))
    }
}
