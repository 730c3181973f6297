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

    func add(to api: APIRouter) {
        api.on(StateEndpoints.read, use: read)
        api.on(StateEndpoints.write, use: write)
        api.on(StateEndpoints.versions, use: versions)
        api.on(StateEndpoints.version, use: version)
        for endpoint in StateEndpoints.lockSpellings { api.on(endpoint, use: lock) }
        for endpoint in StateEndpoints.unlockSpellings { api.on(endpoint, use: unlock) }
    }

    private func read(_ call: APICall<VineID>) async throws -> Response {
        if case .user = call.context.principal {
            try await requireAnyVine(call.path)
        } else {
            try await requireAccess(to: call.path, context: call.context)
        }
        let stored = try await StorageError.refusingCorruptData("The state") {
            try await store.currentState(of: call.path)
        }
        guard let state = stored else { return Response(status: .noContent) }
        try await record(.readState, of: call.path, state.version.facts, call)
        return .bytes(state.bytes, contentType: "application/json")
    }

    private func write(_ call: APICall<VineID>) async throws -> StateWriteResponse {
        let id = call.path
        let job = try await requireAccess(to: id, context: call.context)
        let bytes = try await call.request.bytes(upTo: stateLimit)
        let position = try StateHeader.position(of: bytes)
        let digest = SHA256.hash(data: bytes).hexadecimal
        let audit = try await call.audit(store)
        let event = audit.event(
            .writeState, on: try await resource(of: id), vine: id, job: job,
            changes: ["serial": .integer(position.serial), "sha256": .string(digest)], ambient)
        let version = try await store.recording(event).saveState(
            bytes, of: id, position: position, resources: StateHeader.resources(in: bytes),
            sha256: digest, job: job,
            lockID: call.query(StateEndpoints.lockID), at: ambient.now())
        return StateWriteResponse(version: version.number)
    }

    private func lock(_ call: APICall<VineID>) async throws -> Response {
        let id = call.path
        let body = try await call.request.bytes(upTo: 64 << 10)
        let info = try LockInfo.decoded(from: body)
        guard !info.ID.isEmpty, info.ID.utf8.count <= 200 else {
            throw Refusal(.invalid, "A lock's \"ID\" has 1 to 200 bytes.")
        }
        let lease = try lease(in: info.ID, context: call.context)
        try await requireAccess(to: id, context: call.context, lease: lease)
        let lock = StateLock(
            vine: id, id: info.ID, job: lease?.job, holder: info.Who ?? "unknown holder",
            info: String(decoding: body, as: UTF8.self),
            createdAt: ambient.now())
        do {
            let audit = try await call.audit(store)
            let event = audit.event(
                .takeLock, on: try await resource(of: id), vine: id, job: lease?.job,
                changes: ["lock_id": .string(lock.id)], ambient)
            try await store.recording(event).lockState(lock, lease: lease)
        } catch let refusal as Refusal where refusal.kind == .locked {
            // Terraform reads the holder from the body.
            guard let held = try await store.stateLock(of: id) else { throw refusal }
            return Response(
                status: Refusal.Kind.locked.status, headers: [.contentType: "application/json"],
                body: .init(byteBuffer: .init(string: held.info)))
        }
        return Response(status: .ok)
    }

    private func unlock(_ call: APICall<VineID>) async throws -> NoContent {
        let info = try LockInfo.decoded(from: try await call.request.bytes(upTo: 64 << 10))
        let lease = try lease(in: info.ID, context: call.context)
        try await requireAccess(to: call.path, context: call.context, lease: lease)
        let event = try await call.audit(store).event(
            .releaseLock, on: try await resource(of: call.path), vine: call.path, job: lease?.job,
            changes: ["lock_id": .string(info.ID.shortened(toBytes: 200))], ambient)
        try await store.recording(event).unlockState(of: call.path, id: info.ID)
        return NoContent()
    }

    /// All versions, also those that are kept aside, without their bytes.
    private func versions(_ call: APICall<VineID>) async throws -> ListResponse<StateVersionResponse> {
        try await requireAnyVine(call.path)
        let items = try await store.stateVersions(of: call.path).map(StateVersionResponse.init)
        return ListResponse(items: items, nextCursor: nil)
    }

    private func version(_ call: APICall<StateVersionPath>) async throws -> Response {
        let (vine, number) = (call.path.vine, call.path.number)
        guard let state = try await store.stateBytes(of: vine, number: number) else {
            throw Refusal.notFound(StateVersionPath.noun)
        }
        let sha256 = JSONValue.string(SHA256.hash(data: state).hexadecimal)
        try await record(.readState, of: vine, ["version": .integer(Int64(number)), "sha256": sha256], call)
        return .bytes(state, contentType: "application/json")
    }

    /// Records a read before its response is sent.
    private func record<Path>(
        _ action: AuditAction, of vine: VineID, _ changes: [String: JSONValue], _ call: APICall<Path>
    ) async throws {
        try await store.record(
            call.audit(store).event(action, on: try await resource(of: vine), vine: vine, changes: changes, ambient))
    }

    private func resource(of vine: VineID) async throws -> AuditResource {
        AuditResource("vine", vine.rawValue, name: try await store.anyVine(vine)?.settings.title)
    }

    /// The ID of a Tendril's lock is its lease, `JOB:EPOCH`. A user's lock has any other ID.
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
        guard try await store.anyVine(id) != nil else { throw Refusal.notFound("vine") }
    }

    /// Users may see every state; a Tendril that of a vine on which it has a job. Returns that job.
    @discardableResult
    private func requireAccess(
        to vine: VineID, context: TrellisContext, lease: Lease? = nil
    ) async throws -> JobID? {
        guard case .tendril(let worker) = context.principal else {
            _ = try context.requireUser()
            guard try await store.vine(vine) != nil else { throw Refusal.notFound("vine") }
            return nil
        }
        if let lease {
            // A job whose lease was revoked may still save its state: the lock outlives the lease.
            guard let job = try await store.outline(of: lease.job), job.vine == vine, job.state.worker == worker else {
                throw Refusal(.leaseLost, "This Tendril has no job for this vine.")
            }
            return job.id
        }
        if let lock = try await store.stateLock(of: vine), let id = lock.job, let job = try await store.outline(of: id),
            job.state.worker == worker
        {
            return id
        }
        guard let job = try await store.activeJobs(of: worker).first(where: { $0.vine == vine }) else {
            throw Refusal(.leaseLost, "This Tendril has no job for this vine.")
        }
        return job.id
    }
}

extension StateVersion {
    /// What is recorded of a version.
    fileprivate var facts: [String: JSONValue] {
        ["version": .integer(Int64(number)), "serial": .integer(position.serial), "sha256": .string(sha256)]
    }
}
