internal import Domain
internal import Foundation
internal import GRDB

/// A row of `provision_job_logs`, its text and times still bytes: readers of the database are few, so what they read
/// is made into values elsewhere.
struct ChunkRow: Sendable {
    var id: Int64
    var epoch: Int
    var seq: Int64
    var firstLine: Int64
    var lineCount: Int
    var stream: LogStream
    var continued: Bool
    var createdAt: Int64
    var times: Data
    var text: Data

    private static let select = """
        SELECT id, epoch, seq, first_line, line_count, stream_type, continued, created_at, times, log_chunk
        FROM provision_job_logs

        """

    /// By position: looking names up costs more than the rest of it.
    private init(_ row: Row) throws {
        id = row[0]
        epoch = row[1]
        seq = row[2]
        firstLine = row[3]
        lineCount = row[4]
        guard let stream = LogStream(rawValue: row[5]) else {
            throw StorageError(.corrupt, "The column stream_type holds no such value.")
        }
        self.stream = stream
        continued = row[6]
        createdAt = row[7]
        times = row[8]
        text = row[9]
    }

    func chunk(of job: JobID) throws -> LogChunk {
        LogChunk(
            id: id, job: job, epoch: epoch, seq: seq, firstLine: firstLine, lineCount: lineCount, stream: stream,
            text: String(decoding: text, as: UTF8.self), continued: continued,
            times: try LineTimes(encoded: times), createdAt: Timestamp(milliseconds: createdAt))
    }

    /// The chunks with `seq` > `after`, as far as the bounds allow; at least one, if there is any.
    static func page(
        of job: JobID, after: Int64, maxBytes: Int, maxRows: Int, _ db: Database
    ) throws -> [ChunkRow] {
        let cursor = try Row.fetchCursor(
            db.cachedStatement(sql: pageSQL), arguments: [job.rawValue, after, maxRows])
        var page: [ChunkRow] = []
        var bytes = 0
        while let row = try cursor.next() {
            let chunk = try ChunkRow(row)
            bytes += chunk.text.count
            if bytes > maxBytes, !page.isEmpty { break }
            page.append(chunk)
        }
        return page
    }

    static let pageSQL = select + "WHERE job_id = ? AND seq > ? ORDER BY seq LIMIT ?"
}
