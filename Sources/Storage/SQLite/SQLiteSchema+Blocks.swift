extension SQLiteSchema {
    /// Sealed logs: a row takes the place of some hundred rows of `provision_job_logs`, in one transaction.
    ///
    /// All numbers say where the log stands at the block's end; it begins where the one before ends. The large columns
    /// stand last, so that what is read without them does not touch their pages.
    static let blocks = """
        CREATE TABLE provision_job_log_blocks (
            job_id TEXT NOT NULL REFERENCES provision_jobs (id),
            number INTEGER NOT NULL CHECK (number >= 1),
            last_seq INTEGER NOT NULL CHECK (last_seq >= number),
            bytes INTEGER NOT NULL,
            stdout_lines INTEGER NOT NULL,
            stderr_lines INTEGER NOT NULL,
            system_lines INTEGER NOT NULL,
            state BLOB NOT NULL,
            marks BLOB NOT NULL,
            visible BLOB NOT NULL,
            rest BLOB NOT NULL,
            PRIMARY KEY (job_id, number)
        ) STRICT;
        """
}
