internal import Domain
internal import Postgres
internal import Storage

/// Writes what a job's end says about errors, inside the commit of that end.
///
/// Rows of causes are locked in the order of their fingerprints, so that two ends never wait for each other.
enum ErrorRows {
    static func update(
        _ record: JobRow, from before: JobRow, errors: [StoredError]?, at now: Timestamp, _ db: Database
    ) throws {
        if record.state.status == .success, before.state.status != .success {
            solve(by: record, at: now, db)
        }
        // Once: a report may come again.
        guard record.state.status == .failed, let errors, !errors.isEmpty,
            try !db.exists("SELECT 1 FROM job_errors WHERE job_id = $1", record.id)
        else { return }
        let ordered = errors.enumerated().sorted { $0.element.fingerprint.rawValue < $1.element.fingerprint.rawValue }
        for (position, error) in ordered { try insert(error, position, of: record, at: now, db) }
    }

    private static func insert(
        _ error: StoredError, _ position: Int, of job: JobRow, at now: Timestamp, _ db: Database
    ) throws {
        let fingerprint = error.fingerprint.rawValue
        db.run(
            """
            INSERT INTO job_errors
                (job_id, fingerprint, vine_id, position, at, cause, address, file, line, log_line)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
            """, job.id, fingerprint, job.vine, position, now, error.cause, error.address, error.file, error.line,
            error.logLine)
        db.run(
            """
            INSERT INTO error_causes AS stored
                (fingerprint, jobs, vines, open_vines, first_at, first_job, last_at, last_job)
            VALUES ($1, 1, 0, 0, $2, $3, $2, $3)
            ON CONFLICT (fingerprint) DO UPDATE SET jobs = stored.jobs + 1, last_at = excluded.last_at,
                last_job = excluded.last_job
            """, fingerprint, now, job.id)
        let known = try db.row(
            "SELECT is_open FROM error_vines WHERE fingerprint = $1 AND vine_id = $2", fingerprint, job.vine)
        db.run(
            """
            INSERT INTO error_vines AS stored
                (fingerprint, vine_id, jobs, first_at, first_job, last_at, last_job, is_open, needs_apply)
            VALUES ($1, $2, 1, $3, $4, $3, $4, 1, $5)
            ON CONFLICT (fingerprint, vine_id) DO UPDATE SET jobs = stored.jobs + 1, last_at = excluded.last_at,
                last_job = excluded.last_job, is_open = 1, needs_apply = excluded.needs_apply
            """, fingerprint, job.vine, now, job.id, job.type == .plan ? 0 : 1)
        let wasOpen = try known?.int("is_open") == 1
        if !wasOpen {
            db.run(
                "UPDATE error_causes SET vines = vines + $1, open_vines = open_vines + 1 WHERE fingerprint = $2",
                known == nil ? 1 : 0, fingerprint)
        }
        db.run(
            """
            INSERT INTO error_days AS stored (fingerprint, day, vine_id, jobs) VALUES ($1, $2, $3, 1)
            ON CONFLICT (fingerprint, day, vine_id) DO UPDATE SET jobs = stored.jobs + 1
            """, fingerprint, now.day, job.vine)
    }

    private static func solve(by job: JobRow, at now: Timestamp, _ db: Database) {
        // It tries nothing of the vine out but its identity.
        guard job.type != .connectionTest else { return }
        let isApply = job.type == .plan ? 0 : 1
        let solved = "SELECT fingerprint FROM error_vines WHERE vine_id = $1 AND is_open = 1 AND needs_apply <= $2"
        db.run(
            "SELECT 1 FROM error_causes WHERE fingerprint IN (\(solved)) ORDER BY fingerprint FOR UPDATE", job.vine,
            isApply)
        db.run(
            """
            UPDATE error_causes SET open_vines = open_vines - 1, solved_at = $3, solved_by = $4
            WHERE fingerprint IN (\(solved))
            """, job.vine, isApply, now, job.id)
        db.run(
            """
            UPDATE error_vines SET is_open = 0, solved_at = $3, solved_by = $4
            WHERE vine_id = $1 AND is_open = 1 AND needs_apply <= $2
            """, job.vine, isApply, now, job.id)
    }
}

extension StoredError {
    init(_ row: Row) throws {
        guard let fingerprint = ErrorFingerprint(try row.text("fingerprint")) else {
            throw StorageError(.corrupt, "The column fingerprint has an invalid value.")
        }
        self.init(
            fingerprint: fingerprint, cause: try row.text("cause"), address: try row.optionalText("address"),
            file: try row.optionalText("file"), line: try row.optionalInt("line"),
            logLine: try row.optionalInteger("log_line"))
    }
}

extension Row {
    /// The moment in the columns `NAME_at` and `job`.
    func moment(_ name: String, _ job: String) throws -> JobMoment {
        JobMoment(job: try id(job), at: try time("\(name)_at"))
    }

    /// The last solution; nil if there was none.
    func solution() throws -> JobMoment? {
        guard let at = try optionalTime("solved_at"), let job: JobID = try optionalID("solved_by") else { return nil }
        return JobMoment(job: job, at: at)
    }
}
