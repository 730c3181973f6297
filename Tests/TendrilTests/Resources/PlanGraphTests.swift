import Domain
import Foundation
import Testing

@testable import Tendril

/// What a plan's JSON says about order.
@Suite struct PlanGraphTests {
    private func dependencies(_ graph: RunGraph, of block: String) -> [String] {
        guard let group = graph.groups.firstIndex(of: block) else { return [] }
        return graph.dependencies[group].map { graph.groups[$0] }.sorted()
    }

    private func change(_ address: String, _ actions: String = #"["create"]"#) -> String {
        #"{"address": \#(String(decoding: (try? JSONEncoder().encode(address)) ?? Data(), as: UTF8.self)), "change": {"actions": \#(actions)}}"#
    }

    @Test func followsReferencesThroughModules() throws {
        let json = """
            {"configuration": {"root_module": {
               "resources": [
                 {"address": "a.one", "expressions": {"x": {"constant_value": {"references": ["a.no"]}}}},
                 {"address": "a.two", "expressions": {"block": [{"y": {"references": ["a.one.id", "a.one"]}}]}},
                 {"address": "a.six", "expressions": {"z": {"references": ["module.m.out", "module.m"]}}},
                 {"address": "data.d.read", "depends_on": ["a.two"]},
                 {"address": "a.seven", "for_each_expression": {"references": ["data.d.read.list", "data.d.read"]}}
               ],
               "module_calls": {"m": {
                 "expressions": {"in": {"references": ["a.two.id", "a.two"]}},
                 "depends_on": ["a.one"],
                 "module": {
                   "resources": [
                     {"address": "b.three", "expressions": {"v": {"references": ["var.in"]}},
                      "provisioners": [{"expressions": {"command": {"references": ["b.five[0].id", "b.five[0]", "b.five"]}}}]},
                     {"address": "b.four"}, {"address": "b.five"}
                   ],
                   "outputs": {"out": {"expression": {"references": ["b.four.id", "b.four"]}}}
                 }}}}},
             "resource_changes": [
               \(change("a.one")), \(change("a.two")), \(change("module.m.b.three[\"x\"]")), \(change("module.m.b.three[\"y\"]")),
               \(change("module.m.b.four")), \(change("module.m.b.five[0]")), \(change("a.six")), \(change("a.seven")),
               \(change("a.same", "[\"no-op\"]"))]}
            """
        let graph = try PlanGraph.read(Data(json.utf8))
        #expect(graph.nodes.count == 8)
        #expect(dependencies(graph, of: "a.one") == [])
        #expect(dependencies(graph, of: "a.two") == ["a.one"])
        #expect(dependencies(graph, of: "module.m.b.three") == ["a.one", "a.two", "module.m.b.five"])
        #expect(dependencies(graph, of: "module.m.b.four") == ["a.one"])
        // The output alone, not the whole module.
        #expect(dependencies(graph, of: "a.six") == ["module.m.b.four"])
        // Through a data source that changes nothing.
        #expect(dependencies(graph, of: "a.seven") == ["a.two"])
    }

    @Test func actionsAndDestroyedDependencies() throws {
        let json = """
            {"prior_state": {"values": {"root_module": {"resources": [
               {"address": "a.x[0]", "values": {"depends_on": ["no"]}, "depends_on": ["module.q.a.y"]}],
               "child_modules": [{"resources": [{"address": "module.q.a.y"}]}]}}},
             "resource_changes": [\(change("a.x[0]", #"["delete"]"#)), \(change("module.q.a.y", #"["delete"]"#)),
               \(change("a.r", #"["delete","create"]"#)), \(change("a.s", #"["create","delete"]"#)),
               \(change("a.f", #"["forget"]"#)), \(change("a.u", #"["update"]"#)), \(change("data.d.r", #"["read"]"#)),
               {"address": "a.i", "change": {"actions": ["no-op"], "importing": {"id": "7"}}},
               {"address": "a.m", "previous_address": "a.old", "change": {"actions": ["no-op"]}}]}
            """
        let graph = try PlanGraph.read(Data(json.utf8))
        #expect(
            graph.nodes.map(\.action) == [
                .delete, .delete, .replaceDeleteFirst, .replaceCreateFirst, .update, .read, .import,
            ])
        #expect(dependencies(graph, of: "a.x") == ["module.q.a.y"])
    }

    @Test func hostilePlansAreBounded() throws {
        #expect(throws: (any Error).self) { try PlanGraph.read(Data("[".utf8)) }
        var json = #"{"configuration": {"root_module": "#
        json += String(repeating: #"{"module_calls": {"m": {"module": "#, count: 300) + "{}"
        json += String(repeating: "}}}", count: 300) + "}}"
        #expect(try PlanGraph.read(Data(json.utf8)).nodes.isEmpty)
        let many = (0...RunResource.maximumCount).map { change("a.b[\($0)]") }.joined(separator: ",")
        let graph = try PlanGraph.read(Data(#"{"resource_changes": [\#(many)]}"#.utf8))
        #expect(graph.nodes.count == RunResource.maximumCount && graph.omitted == 1)
        let cycle = """
            {"configuration": {"root_module": {"resources": [
              {"address": "a.b", "depends_on": ["a.c"]}, {"address": "a.c", "depends_on": ["a.b", "a.c", "", "."]}]}},
             "resource_changes": [\(change("a.b")), \(change("a.c")), \(change("")), {}, 3]}
            """
        let cyclic = try PlanGraph.read(Data(cycle.utf8))
        #expect(dependencies(cyclic, of: "a.b") == ["a.c"])
        #expect(RunTimeline(seen: [], graph: cyclic, isRunning: true).items.count == 2)
    }
}
