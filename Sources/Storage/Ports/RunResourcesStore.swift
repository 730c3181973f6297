public import Domain

/// What jobs do to resources, as their Tendrils report it. Removed with the job.
public protocol RunResourcesStore: Sendable {
    /// Stores `resources` over those with the same address, and `graph` if there is one, in one commit.
    ///
    /// What is stored is kept where a resource has nil in its place: `startedAt`, unless the resource began again, and
    /// `firstLine`. Resources beyond ``RunResource/maximumCount`` are ignored, as are those that are not
    /// ``RunResource/isValid``.
    ///
    /// What a DEPLOY or DESTROY has changed becomes the vine's last change of the resource (``lastTouches(of:in:)``).
    ///
    /// - Throws: ``Refusal`` `.leaseLost` if `epoch` is not the job's last one, or the job never started; `.notFound`
    ///   without the job.
    func saveResources(_ resources: [RunResource], graph: RunGraph?, of job: JobID, epoch: Int) async throws

    /// What is stored of the job, with resources in the order in which they were first reported.
    func resources(of job: JobID) async throws -> StoredRunResources

    /// The graph of the job's plan; nil if none was reported.
    func runGraph(of job: JobID) async throws -> RunGraph?

    /// What ended well in the last ``RunHistory/maximumJobs`` DEPLOYs and DESTROYs of the vine whose engine is gone,
    /// newest jobs first; ``RunHistory/maximumSamples`` at most.
    func runHistory(of vine: VineID) async throws -> [RunHistory.Sample]

    /// The last change of each of the vine's resources, by address; without those that no job has changed, or that a job
    /// has destroyed. Costs the same however many jobs are stored.
    func lastTouches(of addresses: [String], in vine: VineID) async throws -> [String: ResourceTouch]

    /// Milliseconds from start to end of the last ``RunHistory/maximumJobs`` jobs of this type that succeeded for the
    /// vine, newest first, among its ``RunHistory/searchedJobs`` newest jobs.
    func jobDurations(of vine: VineID, type: JobType) async throws -> [Int64]

    /// The QUEUED jobs before this one, of all vines or of its own, oldest first.
    func queued(before job: Job, ofSameVine: Bool, limit: Int) async throws -> [QueuedJob]

    /// Stores how good a job's forecast was, once. - Throws: ``Refusal`` `.notFound` without the job.
    func saveForecastResult(_ result: ForecastResult) async throws

    /// The results of the jobs that ended last, of some vines (among the last ``ForecastResult/searched`` of all) or of
    /// all.
    func forecastResults(of vines: Set<VineID>?, limit: Int) async throws -> [ForecastResult]

    /// Stores how far the job is, over what was stored before. - Throws: ``Refusal`` `.notFound` without the job.
    func saveProgress(_ progress: RunProgress, of job: JobID) async throws

    /// How far each of `jobs` is, if that is known.
    func progress(of jobs: [JobID]) async throws -> [JobID: RunProgress]
}

/// The resources of one job.
public struct StoredRunResources: Hashable, Sendable {
    public struct Entry: Hashable, Sendable {
        public var resource: RunResource
        /// Grows with each change of the job's resources.
        public var revision: Int64

        public init(resource: RunResource, revision: Int64) {
            self.resource = resource
            self.revision = revision
        }
    }

    public var entries: [Entry]
    /// The last revision; 0 if nothing was reported.
    public var revision: Int64

    public init(entries: [Entry], revision: Int64) {
        self.entries = entries
        self.revision = revision
    }
}

/// What is asked of a job in the queue.
public struct QueuedJob: Hashable, Sendable {
    public var vine: VineID
    public var type: JobType

    public init(vine: VineID, type: JobType) {
        self.vine = vine
        self.type = type
    }
}
