internal import HTTPTypes
internal import Hummingbird
internal import Storage

/// `/healthz`: the process lives. `/readyz`: it can write its database, and is not about to stop.
struct HealthRoutes: Sendable {
    var store: any Store
    var drain: Drain

    func add(to router: some RouterMethods<TrellisContext>) {
        router.get("healthz") { _, _ in Response.text("ok\n") }
        router.get("readyz") { _, _ in
            guard !drain.hasBegun else { return Response.text("stopping\n", status: .serviceUnavailable) }
            do {
                try await store.check()
                return Response.text("ready\n")
            } catch {
                return Response.text("database unavailable\n", status: .serviceUnavailable)
            }
        }
    }
}
