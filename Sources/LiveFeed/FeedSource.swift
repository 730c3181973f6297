public import Domain
public import NIOCore

/// What the feed reads: a narrow view of the store, with encoded rows.
public protocol FeedSource: Sendable {
    /// The job's last `seq`; 0 for an empty log. - Throws: ``Refusal`` `.notFound` without the job.
    func logEnd(of job: JobID) async throws -> Int64

    /// The log's rows with `seq` > `after`, in order and without gaps: as many as fit in `maxBytes` of text, at least
    /// one, if there is any.
    func logRows(of job: JobID, after: Int64, maxBytes: Int) async throws -> [FeedRow]

    /// The current row of any table but ``FeedTable/logs``, in JSON; nil for an unknown id.
    func record(of table: FeedTable, id: String) async throws -> ByteBuffer?
}
