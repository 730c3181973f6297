internal import Domain
internal import Foundation
internal import Hummingbird
internal import Prometheus
internal import Storage
internal import Wire

/// `GET /metrics`, for Prometheus. The values of the store are read when they are asked for: they cost the same
/// whatever is stored, because only what has not ended is counted.
struct MetricsRoutes: Sendable {
    var store: any Store
    var registry: PrometheusRegistry
    var ambient: SystemDependencies
    /// Connections that follow jobs now, by transport.
    var followers: @Sendable () -> [(transport: String, count: Int)]

    func add(to api: APIRouter) {
        api.on(MetricsEndpoints.read) { _ in
            let text = registry.text(adding: try await gauges())
            return .bytes(Data(text.utf8), contentType: "text/plain; version=0.0.4; charset=utf-8")
        }
    }

    private func gauges() async throws -> [GaugeValue] {
        var gauges = [
            GaugeValue(ServerMetrics.buildInfo.name, [("version", VintnerVersion.current)], 1)
        ]
        let active = try await store.unendedJobs()
        for type in JobType.allCases {
            for status in JobStatus.allCases where !status.isTerminal {
                let count = active.counts[UnendedJobs.Kind(type, status)] ?? 0
                gauges.append(
                    GaugeValue(
                        ServerMetrics.jobs.name, [("type", type.rawValue), ("status", status.rawValue)], Double(count)))
            }
        }
        if let oldest = active.oldestQueued {
            gauges.append(GaugeValue(ServerMetrics.oldestQueued.name, [], Double(oldest.milliseconds) / 1000))
        }
        let now = ambient.now()
        let byStatus = Dictionary(grouping: try await store.tendrils()) { $0.status(at: now) }
        for status in Tendril.Status.allCases {
            gauges.append(
                GaugeValue(
                    ServerMetrics.tendrils.name, [("status", status.rawValue)], Double(byStatus[status]?.count ?? 0)))
        }
        for (transport, count) in followers() {
            gauges.append(GaugeValue(ServerMetrics.followers.name, [("transport", transport)], Double(count)))
        }
        return gauges
    }
}
