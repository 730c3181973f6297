/// The resources of a job as they are shown: what the log says of each, what is still to come, and what it waits for.
/// Pure.
public struct RunTimeline: Hashable, Sendable {
    public struct Item: Hashable, Codable, Sendable {
        public var address: String
        public var action: PlanAction
        public var state: RunResource.State
        public var startedAt: Timestamp?
        public var endedAt: Timestamp?
        public var firstLine: Int64?
        /// Of a replacement: its operations that have begun.
        public var parts: [RunResource.Part]?
        /// Resources that are not done and must be before this one starts; ``RunTimeline/maximumWaits`` at most.
        public var waitsFor: [String]
        /// The job could not have ended earlier, or can't end earlier, than this one and those that wait for it.
        public var critical: Bool
    }

    public private(set) var items: [Item]

    /// Addresses that one item names in ``Item/waitsFor``.
    public static let maximumWaits = 10

    /// - Parameters:
    ///   - seen: what the log says.
    ///   - graph: of the plan that the job applies; nil for a job that plans, or if none was reported.
    ///   - isRunning: the engine may still do something.
    public init(seen: [RunResource], graph: RunGraph?, isRunning: Bool) {
        var items = seen.map { Item($0, isRunning: isRunning) }
        guard let graph else {
            self.items = items
            return
        }
        var indices = Dictionary(
            items.enumerated().map { ($1.address, $0) }, uniquingKeysWith: { first, _ in first })
        for node in graph.nodes {
            guard let index = indices[node.address] else {
                indices[node.address] = items.count
                let planned = RunResource(address: node.address, action: node.action, state: .waiting)
                items.append(Item(planned, isRunning: isRunning))
                continue
            }
            // A replacement is two operations, which the log names one after the other.
            if node.action.isReplacement, !items[index].action.isReplacement {
                items[index].parts = items[index].parts ?? items[index].asResource.asPart.map { [$0] }
                if items[index].state == .done, isRunning {
                    items[index].state = .waiting
                    items[index].endedAt = nil
                }
                if items[index].state != .done { items[index].action = node.action }
            }
        }
        let order = RunOrder(graph, items)
        for node in graph.nodes {
            guard let index = indices[node.address] else { continue }
            if items[index].state == .waiting { items[index].waitsFor = order.unfinished(before: node, items) }
        }
        for index in order.criticalPath(items) { items[index].critical = true }
        self.items = items
    }
}

extension RunTimeline.Item {
    fileprivate init(_ resource: RunResource, isRunning: Bool) {
        address = resource.address
        action = resource.action
        state = resource.state
        // The engine is gone: nothing runs, whatever was said last.
        if !isRunning, state == .running || state == .refreshing { state = .unknown }
        startedAt = resource.startedAt
        endedAt = resource.endedAt
        firstLine = resource.firstLine
        parts = resource.parts
        waitsFor = []
        critical = false
    }

    fileprivate var asResource: RunResource {
        RunResource(
            address: address, action: action, state: state, startedAt: startedAt, endedAt: endedAt,
            firstLine: firstLine)
    }

    var isUnfinished: Bool { state == .waiting || state == .running || state == .refreshing }

    /// When it ended; in the future for what has not.
    var end: Int64 {
        switch state {
        case .waiting: .max
        case .running, .refreshing: .max - 1
        case .done, .failed, .unknown: endedAt?.milliseconds ?? startedAt?.milliseconds ?? 0
        }
    }

    var order: Int64 { startedAt?.milliseconds ?? .max }
}
