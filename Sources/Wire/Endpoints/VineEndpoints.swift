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

    /// Changes the vine only if it is what the caller has seen.
    public static let ifMatch = HeaderParameterDescription(
        name: "If-Match", pattern: #"^"[0-9]+"$|^\*$"#,
        expectation:
            "\"If-Match\" is a revision of the vine in quotes, such as \"7\"; the change is refused with 412 if the vine has another one."
    )

    public static let create = Endpoint<NoParameters, CreateVineRequest, VineResponse>(
        .post, "/api/vines", "createVine", for: .user(.vinesWrite), success: 201)
    public static let list = Endpoint<NoParameters, NoFields, ListResponse<VineResponse>>(
        .get, "/api/vines", "listVines", for: .user(.vinesRead),
        query: [List.text.description, List.limit.description, List.cursor.description, List.deleted.description])
    public static let show = OfVine<NoFields, VineResponse>(.get, "/api/vines/{id}", "getVine", for: .user(.vinesRead))
    public static let update = OfVine<PatchVineRequest, VineResponse>(
        .patch, "/api/vines/{id}", "updateVine", for: .user(.variablesWrite), headers: [ifMatch],
        errors: [.outdated])
    public static let delete = OfVine<NoFields, NoContent>(
        .delete, "/api/vines/{id}", "deleteVine", for: .user(.vinesWrite), query: [confirm.description], success: 204)
    public static let breakLock = OfVine<BreakLockRequest, VineResponse>(
        .post, "/api/vines/{id}/break-lock", "breakStateLock", for: .user(.locksBreak))

    static let all = [
        create.description, list.description, show.description, update.description, delete.description,
        breakLock.description,
    ]
}

/// What a vine's state holds, for people. No sensitive value is in a response; only ``download`` has them.
public enum VineStateEndpoints {
    public typealias OfVine<Request, Response> = Endpoint<VineID, Request, Response>

    public static let limit = QueryParameter<Int>.number("limit", in: 1...1000)
    public static let cursor = QueryParameter<String>.text("cursor")

    /// The query of ``resources``.
    public enum Resources {
        /// Text in the address.
        public static let text = QueryParameter<String>.text("q")
        public static let type = QueryParameter<String>.text("type")
    }

    public static let outputs = OfVine<NoFields, VineOutputsResponse>(
        .get, "/api/vines/{id}/outputs", "listVineOutputs", for: .user(.vinesRead),
        errors: [.conflict, .tooMany])
    public static let resources = OfVine<NoFields, VineResourcesResponse>(
        .get, "/api/vines/{id}/resources", "listVineResources", for: .user(.vinesRead),
        query: [Resources.text.description, Resources.type.description, limit.description, cursor.description],
        errors: [.conflict, .tooMany],
        "Managed resources of the newest state, by type.")
    public static let versions = OfVine<NoFields, ListResponse<StateVersionResponse>>(
        .get, "/api/vines/{id}/states", "listVineStates", for: .user(.vinesRead),
        query: [limit.description, cursor.description],
        "Versions of the state, newest first.")
    public static let download = Endpoint<StateVersionPath, NoFields, RawBody<StateFileContent>>(
        .get, "/api/vines/{id}/states/{number}", "downloadVineState", for: .user(.stateRead),
        errors: [.conflict],
        "A version of the state as Terraform wrote it, with its sensitive values.")

    /// The earlier version of a comparison.
    public static let with = QueryParameter<Int>.number("with", in: 1...Int.max)
    public static let compare = Endpoint<StateVersionPath, NoFields, StateComparisonResponse>(
        .get, "/api/vines/{id}/states/{number}/compare", "compareVineStates", for: .user(.vinesRead),
        query: [with.description, limit.description, cursor.description], errors: [.conflict, .tooMany])

    /// The query of ``compareResource``.
    public enum Resource {
        public static let address = QueryParameter<String>.text("address", upTo: 4096)
        /// The key of a deposed object.
        public static let deposed = QueryParameter<String>.text("deposed")
    }

    public static let compareResource = Endpoint<StateVersionPath, NoFields, StateResourceResponse>(
        .get, "/api/vines/{id}/states/{number}/compare/resource", "compareVineStateResource", for: .user(.vinesRead),
        query: [with.description, Resource.address.description, Resource.deposed.description],
        errors: [.conflict, .tooMany])

    static let all = [
        outputs.description, resources.description, versions.description, download.description, compare.description,
        compareResource.description,
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

    public static let read = OfVine<NoFields, RawBody<StateFileContent>>(
        .get, "/api/vines/{id}/state", "readState", for: .userOrTendril(.stateRead),
        errors: [.conflict],
        "204 if there is no state.")
    public static let write = OfVine<RawBody<StateFileContent>, StateWriteResponse>(
        .post, "/api/vines/{id}/state", "writeState", for: .userOrTendril(.stateWrite),
        query: [lockID.description], errors: [.locked])
    public static let versions = OfVine<NoFields, ListResponse<StateVersionResponse>>(
        .get, "/api/vines/{id}/state/versions", "listStateVersions", for: .user(.vinesRead))
    public static let version = Endpoint<StateVersionPath, NoFields, RawBody<StateFileContent>>(
        .get, "/api/vines/{id}/state/versions/{number}", "readStateVersion", for: .user(.stateRead),
        errors: [.conflict])

    public static let lock = Lock(
        .post, "/api/vines/{id}/lock", "lockState", for: .userOrTendril(.stateWrite), errors: [.locked])
    public static let unlock = Unlock(
        .delete, "/api/vines/{id}/lock", "unlockState", for: .userOrTendril(.stateWrite), errors: [.locked])
    /// The other spellings of ``lock``. Terraform's `http` backend uses one of them, depending on its configuration.
    public static let lockSpellings = [
        lock,
        Lock(.lock, "/api/vines/{id}/lock", "lockStateWithLOCK", for: .userOrTendril(.stateWrite), errors: [.locked]),
        Lock(.lock, "/api/vines/{id}/state", "lockStateAtItsPath", for: .userOrTendril(.stateWrite), errors: [.locked]),
    ]
    /// The other spellings of ``unlock``.
    public static let unlockSpellings = [
        unlock,
        Unlock(
            .unlock, "/api/vines/{id}/lock", "unlockStateWithUNLOCK", for: .userOrTendril(.stateWrite),
            errors: [.locked]),
        Unlock(
            .unlock, "/api/vines/{id}/state", "unlockStateAtItsPath", for: .userOrTendril(.stateWrite),
            errors: [.locked]),
    ]

    static let all =
        [read.description, write.description, versions.description, version.description]
        + lockSpellings.map(\.description) + unlockSpellings.map(\.description)
}

/// A Terraform state file.
public enum StateFileContent {}
