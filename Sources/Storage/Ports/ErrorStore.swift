public import Domain

/// The errors of failed jobs, and how often each cause was seen. They come with the end of a job
/// (``JobFields/errors``), in its commit, with all counts; so reading a count costs the same however many jobs there are.
///
/// `vines` limits what is counted and shown to these vines, as if there were no others; nil is all.
public protocol ErrorStore: Sendable {
    /// The errors of the job, in the order in which they were reported.
    func errors(of job: JobID) async throws -> [StoredError]

    /// Causes, open ones first, then those of the most jobs, then those seen last.
    func errorCauses(_ query: ErrorQuery, limit: Int, cursor: String?) async throws -> Page<ErrorCause>

    /// Those of `fingerprints` that were seen in `vines`.
    func errorCauses(
        _ fingerprints: [ErrorFingerprint], in vines: Set<VineID>?
    ) async throws -> [ErrorFingerprint: ErrorCause]

    /// The vines in which the cause was seen, open ones first, then those seen last; at most `limit`.
    func errorVines(
        of fingerprint: ErrorFingerprint, in vines: Set<VineID>?, limit: Int
    ) async throws -> [ErrorVine]

    /// The jobs in which the cause was seen, newest first.
    func errorSightings(
        of fingerprint: ErrorFingerprint, in vines: Set<VineID>?, limit: Int, cursor: String?
    ) async throws -> Page<ErrorSighting>

    /// In how many jobs each cause was seen on each day from `first` on; days are counted from 1970, in UTC.
    func errorDays(
        of fingerprints: [ErrorFingerprint], in vines: Set<VineID>?, from first: Int64
    ) async throws -> [ErrorFingerprint: [Int64: Int]]
}

/// Which causes a list shows; nil fields do not matter.
public struct ErrorQuery: Hashable, Sendable {
    public var vines: Set<VineID>?
    /// Seen at this time or later.
    public var since: Timestamp?
    /// A part of the cause, the address or the file, whatever the case. A page of such a list may have fewer causes than
    /// its limit, even none, although another page follows: what is checked for one page is bounded.
    public var text: String?
    /// Only causes that are open, or only those that are not.
    public var isOpen: Bool?

    public init(
        vines: Set<VineID>? = nil, since: Timestamp? = nil, text: String? = nil, isOpen: Bool? = nil
    ) {
        self.vines = vines
        self.since = since
        self.text = text
        self.isOpen = isOpen
    }
}

/// An error as it is stored with its job.
public struct StoredError: Hashable, Sendable {
    public var fingerprint: ErrorFingerprint
    /// ``Diagnostic/cause``.
    public var cause: String
    public var address: String?
    public var file: String?
    public var line: Int?
    /// The number of the line that names it, in the job's log.
    public var logLine: Int64?

    public init(
        fingerprint: ErrorFingerprint, cause: String, address: String? = nil, file: String? = nil, line: Int? = nil,
        logLine: Int64? = nil
    ) {
        self.fingerprint = fingerprint
        self.cause = cause
        self.address = address
        self.file = file
        self.line = line
        self.logLine = logLine
    }

    public init(_ reported: Diagnostic) {
        // Not every database keeps U+0000 in a text.
        var error = reported.mapTexts { $0.replacing("\0", with: "\u{FFFD}") }.fitted()
        error.detail = error.detail.shortened(toBytes: Diagnostic.listedDetailBytes)
        self.init(
            fingerprint: ErrorFingerprint(of: error), cause: error.cause, address: error.address, file: error.file,
            line: error.line, logLine: error.logLine)
    }

    /// The errors of one job to store: each cause once, ``Diagnostic/maximumCount`` at most. Those without a text are
    /// left out.
    public static func list(_ reported: [Diagnostic]) -> [StoredError] {
        var seen: Set<ErrorFingerprint> = []
        let errors = reported.prefix(Diagnostic.maximumCount).map(StoredError.init)
        return errors.filter { !$0.cause.isEmpty && seen.insert($0.fingerprint).inserted }
    }
}

/// A job, and when something happened in it.
public struct JobMoment: Hashable, Sendable {
    public var job: JobID
    public var at: Timestamp

    public init(job: JobID, at: Timestamp) {
        self.job = job
        self.at = at
    }
}

/// What errors with the same fingerprint have in common.
public struct ErrorCause: Hashable, Sendable {
    /// As it was seen last.
    public var error: StoredError
    public var jobs: Int
    public var vines: Int
    /// The vines in which no job has solved it yet.
    public var openVines: Int
    public var first: JobMoment
    public var last: JobMoment
    /// The job that solved it last, in any vine.
    public var solved: JobMoment?

    public init(
        error: StoredError, jobs: Int, vines: Int, openVines: Int, first: JobMoment, last: JobMoment,
        solved: JobMoment?
    ) {
        self.error = error
        self.jobs = jobs
        self.vines = vines
        self.openVines = openVines
        self.first = first
        self.last = last
        self.solved = solved
    }

    public var isOpen: Bool { openVines > 0 }
}

/// A cause in one vine.
///
/// It is solved by the vine's first successful job after the last one that showed it; an error of a DEPLOY or DESTROY
/// only by a DEPLOY or DESTROY.
public struct ErrorVine: Hashable, Sendable {
    public var vine: VineID
    /// As the last job that showed it was called.
    public var projectName: String
    public var environmentStage: String
    public var jobs: Int
    public var first: JobMoment
    public var last: JobMoment
    public var isOpen: Bool
    /// The job that solved it last.
    public var solved: JobMoment?

    /// As ``VineSettings/title``.
    public var title: String { "\(projectName) / \(environmentStage)" }

    public init(
        vine: VineID, projectName: String, environmentStage: String, jobs: Int, first: JobMoment, last: JobMoment,
        isOpen: Bool, solved: JobMoment?
    ) {
        self.vine = vine
        self.projectName = projectName
        self.environmentStage = environmentStage
        self.jobs = jobs
        self.first = first
        self.last = last
        self.isOpen = isOpen
        self.solved = solved
    }
}

/// A job in which a cause was seen.
public struct ErrorSighting: Hashable, Sendable {
    public var job: JobID
    public var type: JobType
    public var vine: VineID
    public var projectName: String
    public var environmentStage: String
    public var at: Timestamp
    public var error: StoredError

    /// As ``VineSettings/title``.
    public var title: String { "\(projectName) / \(environmentStage)" }

    public init(
        job: JobID, type: JobType, vine: VineID, projectName: String, environmentStage: String, at: Timestamp,
        error: StoredError
    ) {
        self.job = job
        self.type = type
        self.vine = vine
        self.projectName = projectName
        self.environmentStage = environmentStage
        self.at = at
        self.error = error
    }
}
