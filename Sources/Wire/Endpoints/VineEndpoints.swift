public import Domain

/// `/api/vines`.
public enum VineEndpoints {
    public typealias OfVine<Request, Response> = Endpoint<VineID, Request, Response>

    /// The query of ``list``.
    public enum List {
        public static let text = QueryParameter<String>.text("q")
        public static let limit = QueryParameter<Int>.number("limit", in: 1...200)
        public static let cursor = QueryParameter<String>.text("cursor")
        /// Lists the deleted vines instead.
        public static let deleted = QueryParameter<Bool>.boolean("deleted")
    }

    /// The vine's name, to delete it although its state has resources.
    public static let confirm = QueryParameter<String>.text("confirm", upTo: 1000)

    public static let create = Endpoint<NoParameters, CreateVineRequest, VineResponse>(
        .post, "/api/vines", "createVine", for: .user(.vinesWrite), success: 201)
    public static let list = Endpoint<NoParameters, NoFields, ListResponse<VineResponse>>(
        .get, "/api/vines", "listVines", for: .user(.vinesRead),
        query: [List.text.description, List.limit.description, List.cursor.description, List.deleted.description])
    public static let show = OfVine<NoFields, VineResponse>(.get, "/api/vines/{id}", "getVine", for: .user(.vinesRead))
    public static let update = OfVine<PatchVineRequest, VineResponse>(
        .patch, "/api/vines/{id}", "updateVine", for: .user(.variablesWrite))
    public static let delete = OfVine<NoFields, NoContent>(
        .delete, "/api/vines/{id}", "deleteVine", for: .user(.vinesWrite), query: [confirm.description], success: 204)
    public static let breakLock = OfVine<BreakLockRequest, VineResponse>(
        .post, "/api/vines/{id}/break-lock", "breakStateLock", for: .user(.locksBreak))

    static let all = [
        create.description, list.description, show.description, update.description, delete.description,
        breakLock.description,
    ]
}

/// A vine's state and its lock, in the form of Terraform's `http` backend: for Tendrils, and for users' own Terraform.
public enum StateEndpoints {
    public typealias OfVine<Request, Response> = Endpoint<VineID, Request, Response>
    /// 200 with an empty body, or 423 with the information of the lock that is held.
    public typealias Lock = OfVine<RawBody<LockInfo>, RawBody<LockInfo>>
    public typealias Unlock = OfVine<RawBody<LockInfo>, NoContent>

    /// The ID of the lock under which a state is written, as Terraform spells it.
    public static let lockID = QueryParameter<String>.text("ID")

    /// 204 if there is no state.
    public static let read = OfVine<NoFields, RawBody<StateFileContent>>(
        .get, "/api/vines/{id}/state", "readState", for: .userOrTendril(.stateRead))
    public static let write = OfVine<RawBody<StateFileContent>, StateWriteResponse>(
        .post, "/api/vines/{id}/state", "writeState", for: .userOrTendril(.stateWrite), query: [lockID.description])
    public static let versions = OfVine<NoFields, ListResponse<StateVersionResponse>>(
        .get, "/api/vines/{id}/state/versions", "listStateVersions", for: .user(.vinesRead))
    public static let version = Endpoint<StateVersionPath, NoFields, RawBody<StateFileContent>>(
        .get, "/api/vines/{id}/state/versions/{number}", "readStateVersion", for: .user(.stateRead))

    public static let lock = Lock(.post, "/api/vines/{id}/lock", "lockState", for: .userOrTendril(.stateWrite))
    public static let unlock = Unlock(.delete, "/api/vines/{id}/lock", "unlockState", for: .userOrTendril(.stateWrite))
    /// The other spellings of ``lock``. Terraform's `http` backend uses one of them, depending on its configuration.
    public static let lockSpellings = [
        lock, Lock(.lock, "/api/vines/{id}/lock", "lockStateWithLOCK", for: .userOrTendril(.stateWrite)),
        Lock(.lock, "/api/vines/{id}/state", "lockStateAtItsPath", for: .userOrTendril(.stateWrite)),
    ]
    /// The other spellings of ``unlock``.
    public static let unlockSpellings = [
        unlock, Unlock(.unlock, "/api/vines/{id}/lock", "unlockStateWithUNLOCK", for: .userOrTendril(.stateWrite)),
        Unlock(.unlock, "/api/vines/{id}/state", "unlockStateAtItsPath", for: .userOrTendril(.stateWrite)),
    ]

    static let all =
        [read.description, write.description, versions.description, version.description]
        + lockSpellings.map(\.description) + unlockSpellings.map(\.description)
}

/// A Terraform state file.
public enum StateFileContent {}
