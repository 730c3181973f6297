internal import Crypto
internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import Storage
internal import Wire

/// A vine's state and its lock, in the form of Terraform's `http` backend: for Tendrils, and for users' own Terraform.
struct StateRoutes: Sendable {
    var store: any Store
    var ambient: SystemDependencies
    /// Bytes of one state.
    var stateLimit: Int

    func add(to group: APIGroup) {
        group.get("vines/:id/state", use: read)
        group.post("vines/:id/state", taking: ["ID"], use: write)
        for path in ["vines/:id/lock", "vines/:id/state"] as [RouterPath] {
            group.on(path, method: Self.lockMethod, use: lock)
            group.on(path, method: Self.unlockMethod, use: unlock)
        }
        group.get("vines/:id/state/versions", use: versions)
        group.get("vines/:id/state/versions/:number", use: version)
        group.post("vines/:id/break-lock", use: breakLock)
        group.post("vines/:id/lock", use: lock)
        group.delete("vines/:id/lock", use: unlock)
    }

    /// What the `http` backend sends unless it is told otherwise.
    private static let lockMethod = method("LOCK")
    private static let unlockMethod = method("UNLOCK")

    private static func method(_ name: String) -> HTTPRequest.Method {
        guard let method = HTTPRequest.Method(rawValue: name) else { preconditionFailure("not a method: \(name)") }
        return method
    }

    private func read(_ request: Request, context: TrellisContext) async throws -> Response {
        let id: VineID = try context.id("id", of: "vine")
        if case .user = context.principal {
            try await requireAnyVine(id)
        } else {
            try await requireAccess(to: id, context: context)
        }
        let stored = try await StorageError.refusingDamage("The state") { try await store.currentState(of: id) }
        guard let state = stored else { return Response(status: .noContent) }
        return .bytes(state.bytes, contentType: "application/json")
    }

    private func write(_ request: Request, context: TrellisContext) async throws -> Response {
        let id: VineID = try context.id("id", of: "vine")
        let job = try await requireAccess(to: id, context: context)
        let bytes = try await request.bytes(upTo: stateLimit)
        let position = try StateHeader.position(of: bytes)
        let version = try await store.saveState(
            bytes, of: id, position: position, resources: StateHeader.resources(in: bytes),
            sha256: Data(SHA256.hash(data: bytes)).hex, job: job,
            lockID: request.text("ID"), at: ambient.now())
        return try .json(["version": version.number])
    }

    private func lock(_ request: Request, context: TrellisContext) async throws -> Response {
        try context.requireAnybody()
        let id: VineID = try context.id("id", of: "vine")
        let body = try await request.bytes(upTo: 64 << 10)
        let info = try LockInfo.decoded(from: body)
        guard !info.ID.isEmpty, info.ID.utf8.count <= 200 else {
            throw Refusal(.invalid, "A lock's \"ID\" has 1 to 200 bytes.")
        }
        let lease = try lease(in: info.ID, context: context)
        try await requireAccess(to: id, context: context, lease: lease)
        let lock = StateLock(
            vine: id, id: info.ID, job: lease?.job, holder: info.Who ?? "somebody",
            info: String(decoding: body, as: UTF8.self),
            createdAt: ambient.now())
        do {
            try await store.lockState(lock, lease: lease)
        } catch let refusal as Refusal where refusal.kind == .locked {
            // Terraform reads the holder out of the body.
            guard let held = try await store.stateLock(of: id) else { throw refusal }
            return Response(
                status: Refusal.Kind.locked.status, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: .init(string: held.info)))
        }
        return Response(status: .ok)
    }

    private func unlock(_ request: Request, context: TrellisContext) async throws -> Response {
        try context.requireAnybody()
        let id: VineID = try context.id("id", of: "vine")
        let info = try LockInfo.decoded(from: try await request.bytes(upTo: 64 << 10))
        try await requireAccess(to: id, context: context, lease: lease(in: info.ID, context: context))
        try await store.unlockState(of: id, id: info.ID)
        return Response(status: .ok)
    }

    /// Takes the lock from its holder: in so many words, and only the lock that was looked at.
    private func breakLock(_ request: Request, context: TrellisContext) async throws -> Response {
        let user = try context.requireUser()
        let id: VineID = try context.id("id", of: "vine")
        guard let vine = try await store.vine(id) else { throw Refusal(.notFound, "There is no such vine.") }
        let message = try await request.message(BreakLockRequest.self, upTo: 4096)
        guard message.confirm == vine.settings.projectName else {
            throw Refusal(
                .invalid,
                "\"confirm\" must be the vine's project name, \"\(vine.settings.projectName)\": whoever holds the lock may "
                    + "still be changing real infrastructure.")
        }
        let lock = try await store.stateLock(of: id)
        try await store.breakStateLock(of: id, id: message.lockId)
        if let job = lock?.job {
            try await store.appendSystemLines(["\(user) broke the state lock of this job"], to: job, at: ambient.now())
        }
        context.logger.notice("a state lock was broken", metadata: ["vine": "\(id)", "by": "\(user)"])
        return try .json(VineResponse(vine, facts: await store.vineFacts([id])[id]))
    }

    /// All versions, those kept aside too, without their bytes.
    private func versions(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let id: VineID = try context.id("id", of: "vine")
        try await requireAnyVine(id)
        let items = try await store.stateVersions(of: id).map(StateVersionResponse.init)
        return try .json(ListPage(items: items, nextCursor: nil))
    }

    private func version(_ request: Request, context: TrellisContext) async throws -> Response {
        _ = try context.requireUser()
        let number = context.parameters.get("number").flatMap { Int($0) }
        guard let number, let state = try await store.stateBytes(of: context.id("id", of: "vine"), number: number)
        else {
            throw Refusal(.notFound, "There is no such version of the state.")
        }
        return .bytes(state, contentType: "application/json")
    }

    /// A Tendril's lock id is its lease, `JOB:EPOCH`; a user's is anything else.
    private func lease(in lockID: String, context: TrellisContext) throws -> Lease? {
        guard case .tendril(let worker) = context.principal else { return nil }
        let parts = lockID.split(separator: ":")
        guard parts.count == 2, let job = JobID(String(parts[0])), let epoch = Int(parts[1]) else {
            throw Refusal(.invalid, "A Tendril's lock id is \"JOB:EPOCH\".")
        }
        return Lease(job: job, worker: worker, epoch: epoch)
    }

    /// The states of a deleted vine can still be read: what they describe may still exist.
    private func requireAnyVine(_ id: VineID) async throws {
        guard try await store.anyVine(id) != nil else { throw Refusal(.notFound, "There is no such vine.") }
    }

    /// Users may see every state; a Tendril that of a vine on which it has a job. Returns that job.
    @discardableResult
    private func requireAccess(
        to vine: VineID, context: TrellisContext, lease: Lease? = nil
    ) async throws -> JobID? {
        guard case .tendril(let worker) = context.principal else {
            _ = try context.requireUser()
            guard try await store.vine(vine) != nil else { throw Refusal(.notFound, "There is no such vine.") }
            return nil
        }
        if let lease {
            // A job whose lease was taken away still saves what it did: the lock outlives the lease.
            guard let job = try await store.outline(of: lease.job), job.vine == vine, job.state.worker == worker else {
                throw Refusal(.leaseLost, "This Tendril has no job on the vine.")
            }
            return job.id
        }
        if let lock = try await store.stateLock(of: vine), let id = lock.job, let job = try await store.outline(of: id),
            job.state.worker == worker
        {
            return id
        }
        guard let job = try await store.activeJobs(of: worker).first(where: { $0.vine == vine }) else {
            throw Refusal(.leaseLost, "This Tendril has no job on the vine.")
        }
        return job.id
    }
}

/// What Trellis reads of a state file; the rest is the engine's.
enum StateHeader {
    /// Instances of managed resources, as `terraform state list` shows them without data sources; nil if the state
    /// can't be read. Scans it: Terraform decides how deep a state nests.
    static func resources(in bytes: Data) -> Int? {
        var count = 0
        do {
            try JSONCursor.read(bytes) { cursor in
                try cursor.members { name, cursor in
                    guard name == "resources" else { return try cursor.skip() }
                    try cursor.elements { cursor in count += try managedInstances(&cursor) }
                }
            }
        } catch { return nil }
        return count
    }

    private static func managedInstances(_ cursor: inout JSONCursor) throws -> Int {
        var isManaged = false
        var instances = 0
        try cursor.members { name, cursor in
            switch name {
            case "mode": isManaged = try cursor.string() == "managed"
            case "instances":
                try cursor.elements { cursor in
                    instances += 1
                    try cursor.skip()
                }
            default: try cursor.skip()
            }
        }
        return isManaged ? instances : 0
    }

    /// Scans the state instead of decoding it: Terraform decides how deep a state nests, and all it writes is stored.
    ///
    /// - Throws: ``Refusal`` `.invalid` for what is no Terraform state.
    static func position(of bytes: Data) throws -> StatePosition {
        var lineage: String?
        var serial: Int64?
        // A document that is cut off is no state, even if it got as far as its serial.
        let isWhole: Void? = try? JSONCursor.read(bytes) { cursor in
            try cursor.members { name, cursor in
                switch name {
                case "lineage": lineage = try cursor.string()
                case "serial": serial = try cursor.integer()
                default: try cursor.skip()
                }
            }
        }
        guard isWhole != nil, let lineage, let serial, !lineage.isEmpty, serial >= 0 else {
            throw Refusal(.invalid, "The body is not a Terraform state: it needs a lineage and a serial.")
        }
        return StatePosition(lineage: lineage, serial: serial)
    }
}
