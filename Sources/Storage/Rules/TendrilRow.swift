package import Domain

/// A Tendril as it is stored, without its engines.
package struct TendrilRow: Sendable {
    package var id: TendrilID
    package var name: String
    package var createdAt: Timestamp
    package var lastSeenAt: Timestamp?
    package var draining: Bool
    package var version: String
    package var slots: Int
    package var runRoot: String
    package var revokedAt: Timestamp?

    package init(
        id: TendrilID, name: String, createdAt: Timestamp, lastSeenAt: Timestamp?, draining: Bool, version: String,
        slots: Int, runRoot: String, revokedAt: Timestamp?
    ) {
        self.id = id
        self.name = name
        self.createdAt = createdAt
        self.lastSeenAt = lastSeenAt
        self.draining = draining
        self.version = version
        self.slots = slots
        self.runRoot = runRoot
        self.revokedAt = revokedAt
    }

    package func status(at now: Timestamp) -> Tendril.Status { agent(engines: [], vineyards: []).status(at: now) }

    package func agent(engines: [Engine], vineyards: Set<VineyardID>) -> Tendril {
        Tendril(
            id: id, name: name, createdAt: createdAt, lastSeenAt: lastSeenAt, draining: draining,
            offer: TendrilCapabilities(version: version, slots: slots, engines: engines, runRoot: runRoot),
            vineyards: vineyards)
    }

    /// The leases that a Tendril reported, to be stored: `JOB:EPOCH`, in JSON.
    package static func stored(_ leases: Set<Lease>) throws -> String {
        try StoredJSON.encode(leases.map { "\($0.job):\($0.epoch)" }.sorted())
    }

    /// Reads what ``stored(_:)`` wrote.
    package static func leases(stored text: String, of worker: TendrilID) throws -> Set<Lease> {
        Set(
            try StoredJSON.decode([String].self, from: text).map { text in
                let parts = text.split(separator: ":")
                guard parts.count == 2, let job = JobID(String(parts[0])), let epoch = Int(parts[1]) else {
                    throw StorageError(.corrupt, "The column reported_leases has an invalid value.")
                }
                return Lease(job: job, worker: worker, epoch: epoch)
            })
    }
}
