extension SQLiteSchema {
    /// The errors of failed jobs, and how often each cause was seen: in all, by vine, and by day and vine. The counts are
    /// kept in the commit of a job's end, so that no list counts jobs.
    ///
    /// `needs_apply`: the last job that showed the error was a DEPLOY or DESTROY, so only such a job solves it.
    static let errors = """
        CREATE TABLE job_errors (
            job_id TEXT NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            fingerprint TEXT NOT NULL CHECK (length(fingerprint) = 32),
            vine_id TEXT NOT NULL,
            position INTEGER NOT NULL,
            at INTEGER NOT NULL,
            cause TEXT NOT NULL,
            address TEXT,
            file TEXT,
            line INTEGER CHECK (line >= 1),
            log_line INTEGER CHECK (log_line >= 1),
            PRIMARY KEY (job_id, fingerprint)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX job_errors_by_cause ON job_errors (fingerprint, at, job_id);

        CREATE TABLE error_causes (
            fingerprint TEXT PRIMARY KEY NOT NULL,
            jobs INTEGER NOT NULL CHECK (jobs >= 1),
            vines INTEGER NOT NULL,
            open_vines INTEGER NOT NULL CHECK (open_vines BETWEEN 0 AND vines),
            first_at INTEGER NOT NULL,
            first_job TEXT NOT NULL,
            last_at INTEGER NOT NULL,
            last_job TEXT NOT NULL,
            solved_at INTEGER,
            solved_by TEXT,
            is_open INTEGER NOT NULL GENERATED ALWAYS AS (open_vines > 0) VIRTUAL
        ) STRICT;
        CREATE INDEX error_causes_order ON error_causes (is_open, jobs, last_at, fingerprint);

        CREATE TABLE error_vines (
            fingerprint TEXT NOT NULL REFERENCES error_causes (fingerprint),
            vine_id TEXT NOT NULL,
            jobs INTEGER NOT NULL CHECK (jobs >= 1),
            first_at INTEGER NOT NULL,
            first_job TEXT NOT NULL,
            last_at INTEGER NOT NULL,
            last_job TEXT NOT NULL,
            is_open INTEGER NOT NULL CHECK (is_open IN (0, 1)),
            needs_apply INTEGER NOT NULL CHECK (needs_apply IN (0, 1)),
            solved_at INTEGER,
            solved_by TEXT,
            PRIMARY KEY (fingerprint, vine_id)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX error_vines_by_vine ON error_vines (vine_id, fingerprint);
        CREATE INDEX error_vines_open ON error_vines (vine_id) WHERE is_open = 1;

        CREATE TABLE error_days (
            fingerprint TEXT NOT NULL REFERENCES error_causes (fingerprint),
            day INTEGER NOT NULL,
            vine_id TEXT NOT NULL,
            jobs INTEGER NOT NULL CHECK (jobs >= 1),
            PRIMARY KEY (fingerprint, day, vine_id)
        ) STRICT, WITHOUT ROWID;
        """
}
