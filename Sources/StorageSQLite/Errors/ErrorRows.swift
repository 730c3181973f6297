internal import Domain
internal import GRDB
internal import Storage

/// Writes what a job's end says about errors, inside the commit of that end.
enum ErrorRows {
    static func update(
        _ record: JobRow, from before: JobRow, errors: [StoredError]?, at now: Timestamp, _ db: Database
    ) throws {
        if record.state.status == .success, before.state.status != .success {
            try solve(by: record, at: now, db)
        }
        // Once: a report may come again.
        guard record.state.status == .failed, let errors, !errors.isEmpty,
            try !db.exists("SELECT 1 FROM job_errors WHERE job_id = ?", record.id.rawValue)
        else { return }
        for (position, error) in errors.enumerated() { try insert(error, position, of: record, at: now, db) }
    }

    private static func insert(
        _ error: StoredError, _ position: Int, of job: JobRow, at now: Timestamp, _ db: Database
    ) throws {
        let (id, vine, fingerprint) = (job.id.rawValue, job.vine.rawValue, error.fingerprint.rawValue)
        let at = now.milliseconds
        try db.run(
            "INSERT INTO job_errors VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", id, fingerprint, vine, position, at,
            error.cause, error.address, error.file, error.line, error.logLine)
        try db.run(
            """
            INSERT INTO error_causes (fingerprint, jobs, vines, open_vines, first_at, first_job, last_at, last_job)
            VALUES (?1, 1, 0, 0, ?2, ?3, ?2, ?3)
            ON CONFLICT DO UPDATE SET jobs = jobs + 1, last_at = excluded.last_at, last_job = excluded.last_job
            """, fingerprint, at, id)
        let known = try db.row(
            "SELECT is_open FROM error_vines WHERE fingerprint = ? AND vine_id = ?", fingerprint, vine)
        try db.run(
            """
            INSERT INTO error_vines
                (fingerprint, vine_id, jobs, first_at, first_job, last_at, last_job, is_open, needs_apply)
            VALUES (?1, ?2, 1, ?3, ?4, ?3, ?4, 1, ?5)
            ON CONFLICT DO UPDATE SET jobs = jobs + 1, last_at = excluded.last_at, last_job = excluded.last_job,
                is_open = 1, needs_apply = excluded.needs_apply
            """, fingerprint, vine, at, id, job.type == .plan ? 0 : 1)
        let wasOpen = try known?.flag("is_open") ?? false
        if !wasOpen {
            try db.run(
                "UPDATE error_causes SET vines = vines + ?, open_vines = open_vines + 1 WHERE fingerprint = ?",
                known == nil ? 1 : 0, fingerprint)
        }
        try db.run(
            """
            INSERT INTO error_days (fingerprint, day, vine_id, jobs) VALUES (?, ?, ?, 1)
            ON CONFLICT DO UPDATE SET jobs = jobs + 1
            """, fingerprint, now.day, vine)
    }

    private static func solve(by job: JobRow, at now: Timestamp, _ db: Database) throws {
        // It tries nothing of the vine out but its identity.
        guard job.type != .connectionTest else { return }
        let isApply = job.type == .plan ? 0 : 1
        try db.run(
            """
            UPDATE error_causes SET open_vines = open_vines - 1, solved_at = ?1, solved_by = ?2
            WHERE fingerprint IN (SELECT fingerprint FROM error_vines INDEXED BY error_vines_open
                WHERE vine_id = ?3 AND is_open = 1 AND needs_apply <= ?4)
            """, now.milliseconds, job.id.rawValue, job.vine.rawValue, isApply)
        try db.run(
            """
            UPDATE error_vines INDEXED BY error_vines_open SET is_open = 0, solved_at = ?1, solved_by = ?2
            WHERE vine_id = ?3 AND is_open = 1 AND needs_apply <= ?4
            """, now.milliseconds, job.id.rawValue, job.vine.rawValue, isApply)
    }
}

extension StoredError {
    init(_ row: Row) throws {
        guard let fingerprint = ErrorFingerprint(try row.text("fingerprint")) else {
            throw StorageError(.corrupt, "The column fingerprint has an invalid value.")
        }
        self.init(
            fingerprint: fingerprint, cause: try row.text("cause"), address: row.optionalText("address"),
            file: row.optionalText("file"), line: row.optionalInt("line"), logLine: row.optionalInteger("log_line"))
    }
}

extension Row {
    /// The moment in the columns `NAME_at` and `job`.
    func moment(_ name: String, _ job: String) throws -> JobMoment {
        JobMoment(job: try id(job), at: try time("\(name)_at"))
    }

    /// The last solution; nil if there was none.
    func solution() throws -> JobMoment? {
        guard let at = optionalTime("solved_at"), let job: JobID = try optionalID("solved_by") else { return nil }
        return JobMoment(job: job, at: at)
    }
}
