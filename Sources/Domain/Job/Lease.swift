/// The right to run one job, given by a claim.
///
/// The epoch grows with every claim of the job, so messages from an earlier holder are recognized
/// (a fencing token, as in Kleppmann, "How to do distributed locking").
public struct Lease: Hashable, Codable, Sendable {
    public var job: JobID
    public var worker: TendrilID
    /// Counts the claims of this job, from 1.
    public var epoch: Int

    public init(job: JobID, worker: TendrilID, epoch: Int) {
        self.job = job
        self.worker = worker
        self.epoch = epoch
    }
}
