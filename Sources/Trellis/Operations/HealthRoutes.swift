internal import HTTPTypes
internal import Hummingbird
internal import Storage

/// `/healthz`: the process lives. `/readyz`: it can read and write its database.
struct HealthRoutes: Sendable {
    var store: any Store

    func add(to router: some RouterMethods<TrellisContext>) {
        router.get("healthz") { _, _ in Response.text("ok\n") }
        router.get("readyz") { _, _ in
            do {
                try await store.check()
                return Response.text("ready\n")
            } catch {
                return Response.text("database unavailable\n", status: .serviceUnavailable)
            }
        }
    }
}
