import Domain
import Testing

/// When a job will probably end.
@Suite struct RunForecastTests {
    private let start = Timestamp(milliseconds: 1_000_000)

    /// A run of `graph` with real durations and ten slots: what its log says.
    private func run(_ graph: RunGraph, _ durations: [String: Int64], slots: Int = 10) -> [RunResource] {
        var ends: [String: Int64] = [:]
        var free = Array(repeating: Int64(0), count: slots)
        let members = Dictionary(grouping: graph.nodes, by: \.group)
        return graph.nodes.map { node in
            let before = graph.dependencies[node.group].flatMap { members[$0] ?? [] }.compactMap { ends[$0.address] }
            let slot = free.indices.min { free[$0] < free[$1] } ?? 0
            let begin = max(before.max() ?? 0, free[slot])
            let end = begin + (durations[node.address] ?? 0)
            free[slot] = end
            ends[node.address] = end
            return RunResource(
                address: node.address, action: node.action, state: .done, startedAt: start.advanced(by: begin),
                endedAt: start.advanced(by: end))
        }
    }

    /// What the log of `run` said at a moment.
    private func seen(_ run: [RunResource], at moment: Timestamp) -> [RunResource] {
        run.compactMap { resource in
            guard let began = resource.startedAt, let ended = resource.endedAt, began <= moment else { return nil }
            var resource = resource
            if ended > moment {
                resource.state = .running
                resource.endedAt = nil
            }
            return resource
        }
    }

    private func samples(_ run: [RunResource]) -> [RunHistory.Sample] {
        run.map { resource in
            let (began, ended) = (resource.startedAt ?? start, resource.endedAt ?? start)
            return RunHistory.Sample(
                address: resource.address, action: resource.action, milliseconds: ended.milliseconds(since: began))
        }
    }

    /// Layers of resources, each of which needs some of the layer before.
    private func layers(_ count: Int, of size: Int) -> RunGraph {
        let nodes = (0..<count * size).map { index in
            RunGraph.Node(
                address: "module.l\(index / size).x_t\(index % 7).r[\(index % size)]", action: .create,
                group: index / size)
        }
        return RunGraph(
            nodes: nodes, groups: (0..<count).map { "module.l\($0).x.r" },
            dependencies: (0..<count).map { $0 == 0 ? [] : [$0 - 1] })
    }

    @Test(arguments: [1, 2, 3]) func halfWayThroughItIsWithinAQuarter(_ seed: Int) throws {
        let graph = layers(10, of: 50)
        func durations(_ round: Int) -> [String: Int64] {
            Dictionary(
                uniqueKeysWithValues: graph.nodes.enumerated().map { index, node in
                    let usual = Int64(2000 + (index * 7919 * seed) % 40_000)
                    // Up to 20 % more or less in each run.
                    return (node.address, usual * Int64(80 + (index * 31 + round * 17) % 41) / 100)
                })
        }
        let history = RunHistory((1...2).flatMap { samples(run(graph, durations($0))) })
        let real = run(graph, durations(3))
        let end = try #require(real.compactMap(\.endedAt).max())
        let length = end.milliseconds(since: start)
        let half = start.advanced(by: length / 2)
        let items = RunTimeline(seen: seen(real, at: half), graph: graph, isRunning: true).items
        let progress = RunProgress(items, graph: graph, history: history, at: half)
        let forecast = try #require(progress.forecast)
        let error = abs(forecast.endsAt.milliseconds(since: half) - length / 2)
        #expect(error * 4 < length / 2, "\(error) of \(length / 2) ms")
        #expect(forecast.p90EndsAt >= forecast.endsAt)
        #expect(progress.total == 500 && progress.left > 0 && progress.left < 500)
        let waiting = try #require(items.first { $0.address == forecast.waitingOn })
        #expect(waiting.state == .running)
        #expect(forecast.basis == "earlier durations of \(progress.left) of \(progress.left) resources")
    }

    private let chain = RunGraph(
        nodes: [
            .init(address: "x_db.main", action: .create, group: 0),
            .init(address: "x_app.web", action: .create, group: 1),
        ], groups: ["x_db.main", "x_app.web"], dependencies: [[], [0]])

    private func progress(
        _ history: [RunHistory.Sample], elapsed: Int64 = 10_000, slots: Int = 10
    ) -> RunProgress {
        let db = RunResource(address: "x_db.main", action: .create, state: .running, startedAt: start)
        let items = RunTimeline(seen: [db], graph: chain, isRunning: true).items
        return RunProgress(
            items, graph: chain, history: RunHistory(history), slots: slots, at: start.advanced(by: elapsed))
    }

    @Test func noHistoryIsNoForecast() {
        let none = progress([])
        #expect(none.forecast == nil && none.left == 2 && none.total == 2)
        #expect(progress([.init(address: "x_db.main", action: .delete, milliseconds: 5)]).forecast == nil)
    }

    @Test func theAddressCountsMoreThanTheType() throws {
        let history: [RunHistory.Sample] = [
            .init(address: "x_db.other", action: .create, milliseconds: 900_000),
            .init(address: "x_db.main", action: .create, milliseconds: 60_000),
            .init(address: "module.a.x_app.else[0]", action: .create, milliseconds: 20_000),
        ]
        let forecast = try #require(progress(history).forecast)
        #expect(forecast.endsAt == start.advanced(by: 80_000))
        #expect(forecast.waitingOn == "x_db.main" && forecast.usualMs == 60_000)
        // One slot more or less changes nothing in a chain.
        #expect(progress(history, slots: 1).forecast == forecast)
    }

    @Test func whatTakesLongerThanUsualIsNotOverYet() throws {
        let history: [RunHistory.Sample] = [
            .init(address: "x_db.main", action: .create, milliseconds: 60_000),
            .init(address: "x_app.web", action: .create, milliseconds: 20_000),
        ]
        let forecast = try #require(progress(history, elapsed: 300_000).forecast)
        #expect(forecast.endsAt == start.advanced(by: 350_000))
    }

    @Test func hostileInputsEnd() {
        let cycle = RunGraph(
            nodes: chain.nodes, groups: chain.groups, dependencies: [[1], [0]])
        let items = RunTimeline(seen: [], graph: cycle, isRunning: true).items
        let history = RunHistory([.init(address: "x_db.main", action: .create, milliseconds: -7)])
        _ = RunProgress(items, graph: cycle, history: history, slots: -1, at: start)
        _ = RunProgress([], graph: RunGraph(), history: RunHistory([]), at: start)
    }
}
