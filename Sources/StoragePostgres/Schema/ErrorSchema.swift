extension PostgresSchema {
    /// The errors of failed jobs, and how often each cause was seen: in all, by vine, and by day and vine. The counts are
    /// kept in the commit of a job's end, so that no list counts jobs.
    ///
    /// `needs_apply`: the last job that showed the error was a DEPLOY or DESTROY, so only such a job solves it.
    static let errors = [
        """
        CREATE TABLE job_errors (
            job_id uuid NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            fingerprint text COLLATE "C" NOT NULL CHECK (length(fingerprint) = 32),
            vine_id uuid NOT NULL,
            position integer NOT NULL,
            at bigint NOT NULL,
            cause text NOT NULL,
            address text,
            file text,
            line bigint CHECK (line >= 1),
            log_line bigint CHECK (log_line >= 1),
            PRIMARY KEY (job_id, fingerprint)
        )
        """,
        "CREATE INDEX job_errors_by_cause ON job_errors (fingerprint, at, job_id)",
        """
        CREATE TABLE error_causes (
            fingerprint text COLLATE "C" PRIMARY KEY,
            jobs bigint NOT NULL CHECK (jobs >= 1),
            vines bigint NOT NULL,
            open_vines bigint NOT NULL CHECK (open_vines BETWEEN 0 AND vines),
            first_at bigint NOT NULL,
            first_job uuid NOT NULL,
            last_at bigint NOT NULL,
            last_job uuid NOT NULL,
            solved_at bigint,
            solved_by uuid,
            is_open bigint NOT NULL GENERATED ALWAYS AS (CASE WHEN open_vines > 0 THEN 1 ELSE 0 END) STORED
        )
        """,
        "CREATE INDEX error_causes_order ON error_causes (is_open, jobs, last_at, fingerprint)",
        """
        CREATE TABLE error_vines (
            fingerprint text COLLATE "C" NOT NULL REFERENCES error_causes (fingerprint),
            vine_id uuid NOT NULL,
            jobs bigint NOT NULL CHECK (jobs >= 1),
            first_at bigint NOT NULL,
            first_job uuid NOT NULL,
            last_at bigint NOT NULL,
            last_job uuid NOT NULL,
            is_open integer NOT NULL CHECK (is_open IN (0, 1)),
            needs_apply integer NOT NULL CHECK (needs_apply IN (0, 1)),
            solved_at bigint,
            solved_by uuid,
            PRIMARY KEY (fingerprint, vine_id)
        )
        """,
        "CREATE INDEX error_vines_by_vine ON error_vines (vine_id, fingerprint)",
        "CREATE INDEX error_vines_open ON error_vines (vine_id) WHERE is_open = 1",
        """
        CREATE TABLE error_days (
            fingerprint text COLLATE "C" NOT NULL REFERENCES error_causes (fingerprint),
            day bigint NOT NULL,
            vine_id uuid NOT NULL,
            jobs bigint NOT NULL CHECK (jobs >= 1),
            PRIMARY KEY (fingerprint, day, vine_id)
        )
        """,
    ]
}
