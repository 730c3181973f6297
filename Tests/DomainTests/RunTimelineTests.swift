import Domain
import Testing

/// The resources of a job as they are shown.
@Suite struct RunTimelineTests {
    private func at(_ seconds: Int64) -> Timestamp { Timestamp(milliseconds: seconds * 1000) }

    private func done(_ address: String, _ from: Int64, _ to: Int64) -> RunResource {
        RunResource(address: address, action: .create, state: .done, startedAt: at(from), endedAt: at(to))
    }

    /// `app` needs `db`, `db` needs `net`; `dns` needs nothing.
    private let graph = RunGraph(
        nodes: [
            .init(address: "x.net", action: .create, group: 0), .init(address: "x.db", action: .create, group: 1),
            .init(address: "x.app[0]", action: .create, group: 2),
            .init(address: "x.app[1]", action: .create, group: 2),
            .init(address: "x.dns", action: .create, group: 3),
        ], groups: ["x.net", "x.db", "x.app", "x.dns"], dependencies: [[], [0], [1], []])

    private func item(_ timeline: RunTimeline, _ address: String) throws -> RunTimeline.Item {
        try #require(timeline.items.first { $0.address == address })
    }

    @Test func plannedResourcesWait() throws {
        let timeline = RunTimeline(seen: [done("x.net", 0, 5)], graph: graph, isRunning: true)
        #expect(timeline.items.count == 5)
        #expect(try item(timeline, "x.net").state == .done)
        let db = try item(timeline, "x.db")
        #expect(db.state == .waiting && db.waitsFor.isEmpty)
        #expect(try item(timeline, "x.app[1]").waitsFor == ["x.db"])
        #expect(timeline.items.filter(\.critical).map(\.address).sorted() == ["x.app[0]", "x.db", "x.net"])
    }

    @Test func theCriticalPathEndsLast() throws {
        let seen = [
            done("x.net", 0, 5), done("x.dns", 0, 9), done("x.db", 5, 20), done("x.app[0]", 20, 21),
            done("x.app[1]", 20, 24),
        ]
        let timeline = RunTimeline(seen: seen, graph: graph, isRunning: false)
        #expect(timeline.items.filter(\.critical).map(\.address) == ["x.net", "x.db", "x.app[1]"])
    }

    @Test func nothingRunsAfterTheEnd() throws {
        let running = RunResource(address: "x.db", action: .create, state: .running, startedAt: at(5))
        let refreshing = RunResource(address: "x.net", action: .noOp, state: .refreshing, startedAt: at(1))
        let timeline = RunTimeline(seen: [refreshing, running], graph: graph, isRunning: false)
        #expect(timeline.items.prefix(2).map(\.state) == [.unknown, .unknown])
        #expect(timeline.items.dropFirst(2).allSatisfy { $0.state == .waiting })
    }

    @Test func destroyedBlocksTakeTheOppositeOrder() throws {
        var destroy = graph
        for index in destroy.nodes.indices { destroy.nodes[index].action = .delete }
        let timeline = RunTimeline(seen: [], graph: destroy, isRunning: true)
        #expect(try item(timeline, "x.net").waitsFor == ["x.db"])
        #expect(try item(timeline, "x.db").waitsFor == ["x.app[0]", "x.app[1]"])
        #expect(try item(timeline, "x.app[0]").waitsFor.isEmpty)
    }

    @Test func aReplacementWaitsForItsSecondHalf() throws {
        var replacing = graph
        replacing.nodes[0].action = .replaceDeleteFirst
        let half = RunResource(address: "x.net", action: .delete, state: .done, startedAt: at(0), endedAt: at(1))
        let running = try item(RunTimeline(seen: [half], graph: replacing, isRunning: true), "x.net")
        #expect(running.state == .waiting && running.action == .replaceDeleteFirst && running.startedAt == at(0))
        // Its first part is shown while it waits.
        #expect(running.parts == [.init(action: .delete, startedAt: at(0), endedAt: at(1))])
        // It was destroyed, and that is all.
        let ended = try item(RunTimeline(seen: [half], graph: replacing, isRunning: false), "x.net")
        #expect(ended.state == .done && ended.action == .delete)
    }

    @Test func waitsAreBounded() {
        let many = RunGraph(
            nodes: (0..<100).map { .init(address: "x.a[\($0)]", action: .create, group: 0) }
                + [.init(address: "x.b", action: .create, group: 1)],
            groups: ["x.a", "x.b"], dependencies: [[], [0]])
        let timeline = RunTimeline(seen: [], graph: many, isRunning: true)
        #expect(timeline.items.last?.waitsFor.count == RunTimeline.maximumWaits)
    }

    @Test func graphsAreBounded() {
        let broken = RunGraph(
            nodes: [
                .init(address: "x.a", action: .create, group: 7), .init(address: "x.b", action: .create, group: -1),
                .init(address: "x.c", action: .create, group: 0),
                .init(address: String(repeating: "x", count: RunResource.addressBytes + 1), action: .create, group: 0),
            ], groups: ["x.c"], dependencies: [[0, 3, -2], [0]], omitted: -5)
        #expect(broken.bounded.nodes.map(\.address) == ["x.c"])
        #expect(broken.bounded.dependencies == [[]])
        #expect(broken.bounded.omitted == 3)
        #expect(RunTimeline(seen: [], graph: broken, isRunning: true).items.count == 4)
        let dense = RunGraph(
            groups: (0..<300).map { "x.\($0)" }, dependencies: (0..<300).map { row in (0..<300).filter { $0 != row } })
        #expect(dense.bounded.dependencies.reduce(0) { $0 + $1.count } == RunGraph.maximumDependencies)
    }

    /// As large as it may be, in a time that a page may wait for.
    @Test func theLargestGraphIsQuick() {
        let count = RunResource.maximumCount
        let graph = RunGraph(
            nodes: (0..<count).map { .init(address: "x.n\($0)", action: .create, group: $0) },
            groups: (0..<count).map { "x.n\($0)" }, dependencies: (0..<count).map { $0 == 0 ? [] : [$0 - 1] })
        let start = ContinuousClock.now
        let timeline = RunTimeline(seen: [], graph: graph, isRunning: true)
        #expect(timeline.items.count == count)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test(arguments: [
        ("module.a[\"x.y[0]\"].b.c[3]", "module.a.b.c", "b"),
        ("data.aws_ami.u[\"a\\\"]\"]", "data.aws_ami.u", "aws_ami"),
        ("module.m.data.t.n", "module.m.data.t.n", "t"), ("t.n", "t.n", "t"), ("", "", ""), ("x[", "x", "x"),
    ])
    func blocksAndTypes(_ address: String, _ block: String, _ type: String) {
        #expect(RunGraph.block(of: address) == block)
        #expect(RunGraph.type(of: address) == type)
    }
}
