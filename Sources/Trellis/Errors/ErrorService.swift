internal import Domain
internal import Storage
internal import Wire

/// What errors were seen, where, and which job solved them.
struct ErrorService: Sendable {
    var store: any Store
    var ambient: SystemDependencies

    /// The vines whose errors a request counts and shows; nil is all. Every read of errors goes through here.
    private func scope(_ vine: VineID?, _ visible: VisibleVines) async throws -> Set<VineID>? {
        if visible.isAll { return vine.map { [$0] } }
        let vines = try await store.vines(in: visible)
        return vine.map { vines.intersection([$0]) } ?? vines
    }

    func list(
        vine: VineID?, since: Timestamp?, text: String?, isOpen: Bool?, limit: Int, cursor: String?,
        visible: VisibleVines
    ) async throws -> ListResponse<ErrorCauseResponse> {
        let vines = try await scope(vine, visible)
        let query = ErrorQuery(vines: vines, since: since, text: text, isOpen: isOpen)
        let page = try await store.errorCauses(query, limit: limit, cursor: cursor)
        let now = ambient.now()
        let first = now.day - Int64(ErrorCauseResponse.dayCount) + 1
        let days = try await store.errorDays(of: page.items.map(\.error.fingerprint), in: vines, from: first)
        return ListResponse(
            items: page.items.map { cause in
                let counts = days[cause.error.fingerprint] ?? [:]
                return ErrorCauseResponse(cause, days: (first...now.day).map { counts[$0] ?? 0 }, at: now)
            }, nextCursor: page.next)
    }

    func show(
        _ fingerprint: ErrorFingerprint, vine: VineID?, limit: Int, cursor: String?, visible: VisibleVines
    ) async throws -> ErrorDetailResponse {
        let vines = try await scope(vine, visible)
        guard let cause = try await store.errorCauses([fingerprint], in: vines)[fingerprint] else {
            throw Refusal.notFound("error")
        }
        let jobs = try await store.errorSightings(of: fingerprint, in: vines, limit: limit, cursor: cursor)
        return ErrorDetailResponse(
            error: ErrorCauseResponse(cause, at: ambient.now()),
            vines: try await store.errorVines(of: fingerprint, in: vines, limit: ErrorDetailResponse.vineCount)
                .map(ErrorVineResponse.init),
            jobs: jobs.items.map(ErrorSightingResponse.init), nextCursor: jobs.next)
    }

    func errors(of job: JobID, visible: VisibleVines) async throws -> JobErrorsResponse {
        guard try await store.status(of: job) != nil else { throw Refusal.notFound("job") }
        let vines = try await scope(nil, visible)
        let errors = try await store.errors(of: job)
        let causes = try await store.errorCauses(errors.map(\.fingerprint), in: vines)
        let now = ambient.now()
        var items: [JobErrorsResponse.Item] = []
        for error in errors {
            guard let cause = causes[error.fingerprint] else { continue }
            let found = try await store.errorVines(
                of: error.fingerprint, in: vines, limit: JobErrorsResponse.vineCount)
            items.append(
                JobErrorsResponse.Item(
                    id: error.fingerprint.rawValue, cause: error.cause, address: error.address, file: error.file,
                    line: error.line, logLine: error.logLine, seen: ErrorCauseResponse(cause, at: now),
                    vines: found.map(ErrorVineResponse.init)))
        }
        return JobErrorsResponse(items: items)
    }
}

/// `/api/errors`, and the errors of one job.
struct ErrorRoutes: Sendable {
    var service: ErrorService

    func add(to api: APIRouter) {
        typealias Query = ErrorEndpoints.List
        api.on(ErrorEndpoints.list) { call in
            try await service.list(
                vine: call.query(Query.vine), since: call.query(Query.since), text: call.query(Query.text),
                isOpen: call.query(Query.isOpen), limit: call.query(Query.limit) ?? 50,
                cursor: call.query(Query.cursor), visible: call.rights.visible(.logsRead))
        }
        api.on(ErrorEndpoints.show) { call in
            try await service.show(
                call.path.fingerprint, vine: call.query(Query.vine), limit: call.query(Query.limit) ?? 20,
                cursor: call.query(Query.cursor), visible: call.rights.visible(.logsRead))
        }
        api.on(ErrorEndpoints.ofJob) { call in
            try await service.errors(of: call.path, visible: call.rights.visible(.logsRead))
        }
    }
}

extension ErrorCauseResponse {
    fileprivate init(_ cause: ErrorCause, days: [Int]? = nil, at now: Timestamp) {
        let error = cause.error
        let type = Diagnostic(summary: "", address: error.address).resourceType
        self.init(
            id: error.fingerprint.rawValue, cause: error.cause, address: error.address, resourceType: type,
            file: error.file, line: error.line, jobs: cause.jobs, vines: cause.vines, openVines: cause.openVines,
            first: JobMomentResponse(cause.first), last: JobMomentResponse(cause.last),
            solved: cause.solved.map(JobMomentResponse.init), days: days, serverNow: now)
    }
}

extension JobMomentResponse {
    fileprivate init(_ moment: JobMoment) { self.init(jobId: moment.job, at: moment.at) }
}

extension ErrorVineResponse {
    fileprivate init(_ vine: ErrorVine) {
        self.init(
            vineId: vine.vine, vineTitle: vine.title, jobs: vine.jobs,
            first: JobMomentResponse(vine.first), last: JobMomentResponse(vine.last), isOpen: vine.isOpen,
            solved: vine.solved.map(JobMomentResponse.init))
    }
}

extension ErrorSightingResponse {
    fileprivate init(_ sighting: ErrorSighting) {
        self.init(
            jobId: sighting.job, jobType: sighting.type, vineId: sighting.vine,
            vineTitle: sighting.title, at: sighting.at,
            cause: sighting.error.cause, address: sighting.error.address, logLine: sighting.error.logLine)
    }
}
