extension SQLiteSchema {
    /// Jobs and their queue.
    ///
    /// `holds_vine` is ``EngineState/holdsVine`` and a claim together: the single column that claims, the vine's unique
    /// index and the list of active jobs all ask for. The documents, which may be large, stand in a row of their own,
    /// because SQLite writes a row as a whole and every append to the log changes the job's counters.
    static let jobs = """
        CREATE TABLE provision_jobs (
            id TEXT PRIMARY KEY NOT NULL,
            job_type TEXT NOT NULL CHECK (job_type IN ('PLAN', 'DEPLOY', 'DESTROY')),
            vine_id TEXT NOT NULL REFERENCES vines (id),
            status TEXT NOT NULL
                CHECK (status IN ('QUEUED', 'CLAIMED', 'PROCESSING', 'SUCCESS', 'FAILED', 'CANCELLED')),
            engine_state TEXT NOT NULL CHECK (engine_state IN ('NONE', 'RUNNING', 'STOPPING', 'GONE', 'UNKNOWN')),
            log_state TEXT NOT NULL CHECK (log_state IN ('OPEN', 'COMPLETE', 'INCOMPLETE')),
            log_reason TEXT,
            worker_id TEXT REFERENCES workers (id),
            epoch INTEGER NOT NULL CHECK (epoch >= 0),
            lease_held INTEGER NOT NULL CHECK (lease_held IN (0, 1)),
            assigned_worker_id TEXT REFERENCES workers (id),
            plan_job_id TEXT REFERENCES provision_jobs (id),
            rerun_of TEXT REFERENCES provision_jobs (id),
            snapshot_revision INTEGER NOT NULL,
            snapshot_digest TEXT NOT NULL,
            resolved_commit TEXT,
            needs_engine TEXT CHECK (needs_engine IN ('terraform', 'tofu')),
            needs_version TEXT,
            needs_platform TEXT,
            needs_run_root TEXT,
            engine_name TEXT CHECK (engine_name IN ('terraform', 'tofu')),
            engine_version TEXT,
            engine_platform TEXT,
            run_root TEXT,
            planned_state_known INTEGER NOT NULL CHECK (planned_state_known IN (0, 1)),
            planned_lineage TEXT,
            planned_serial INTEGER,
            created_by TEXT NOT NULL,
            cancelled_by TEXT,
            error_message TEXT,
            outcome TEXT,
            created_at INTEGER NOT NULL,
            claimed_at INTEGER,
            started_at INTEGER,
            completed_at INTEGER,
            log_seq INTEGER NOT NULL CHECK (log_seq >= 0),
            log_lines INTEGER NOT NULL,
            stdout_lines INTEGER NOT NULL,
            stderr_lines INTEGER NOT NULL,
            system_lines INTEGER NOT NULL,
            log_time INTEGER,
            holds_vine INTEGER NOT NULL GENERATED ALWAYS AS
                (status IN ('CLAIMED', 'PROCESSING') OR engine_state IN ('RUNNING', 'STOPPING')) VIRTUAL,
            tendril_id TEXT GENERATED ALWAYS AS (ifnull(worker_id, assigned_worker_id)) VIRTUAL,

            CONSTRAINT state_is_consistent CHECK (CASE status
                WHEN 'QUEUED' THEN
                    engine_state = 'NONE' AND log_state = 'OPEN' AND NOT lease_held AND worker_id IS NULL
                WHEN 'CLAIMED' THEN
                    engine_state = 'NONE' AND log_state = 'OPEN' AND lease_held AND worker_id IS NOT NULL
                    AND epoch > 0
                WHEN 'PROCESSING' THEN
                    engine_state = 'RUNNING' AND log_state = 'OPEN' AND lease_held AND worker_id IS NOT NULL
                    AND epoch > 0
                WHEN 'SUCCESS' THEN
                    engine_state = 'GONE' AND NOT lease_held AND worker_id IS NOT NULL AND epoch > 0
                WHEN 'FAILED' THEN
                    engine_state IN ('GONE', 'UNKNOWN') AND NOT lease_held AND worker_id IS NOT NULL AND epoch > 0
                WHEN 'CANCELLED' THEN
                    NOT lease_held AND engine_state <> 'RUNNING'
                    AND (engine_state <> 'NONE' OR log_state = 'COMPLETE')
                    AND (engine_state <> 'STOPPING' OR log_state = 'OPEN')
                ELSE 0 END),
            CONSTRAINT claimed_when_claimed CHECK (CASE
                WHEN status = 'QUEUED' THEN claimed_at IS NULL
                WHEN status = 'CANCELLED' AND engine_state = 'NONE' THEN 1
                ELSE claimed_at IS NOT NULL END),
            CONSTRAINT started_when_started CHECK ((started_at IS NOT NULL) = (engine_state <> 'NONE')),
            CONSTRAINT completed_when_terminal
                CHECK ((completed_at IS NOT NULL) = (status IN ('SUCCESS', 'FAILED', 'CANCELLED'))),
            CONSTRAINT incomplete_with_reason CHECK ((log_reason IS NOT NULL) = (log_state = 'INCOMPLETE')),
            CONSTRAINT deploy_has_plan CHECK (job_type <> 'DEPLOY' OR plan_job_id IS NOT NULL),
            CONSTRAINT lines_add_up CHECK (log_lines = stdout_lines + stderr_lines + system_lines)
        ) STRICT;

        CREATE INDEX provision_jobs_queue ON provision_jobs (
            created_at, id, status, assigned_worker_id, vine_id, needs_engine, needs_version, needs_platform,
            needs_run_root
        ) WHERE status = 'QUEUED';
        CREATE UNIQUE INDEX provision_jobs_holder ON provision_jobs (vine_id) WHERE holds_vine = 1;
        CREATE INDEX provision_jobs_active ON provision_jobs (worker_id, created_at, id) WHERE holds_vine = 1;
        CREATE UNIQUE INDEX provision_jobs_deploy ON provision_jobs (plan_job_id)
            WHERE job_type = 'DEPLOY' AND NOT (status = 'CANCELLED' AND engine_state = 'NONE');
        CREATE INDEX provision_jobs_newest ON provision_jobs (created_at, id);
        CREATE INDEX provision_jobs_by_status ON provision_jobs (status, created_at, id);
        CREATE INDEX provision_jobs_by_vine ON provision_jobs (vine_id, created_at, id);
        CREATE INDEX provision_jobs_by_tendril ON provision_jobs (tendril_id, created_at, id);
        CREATE INDEX provision_jobs_reruns ON provision_jobs (rerun_of, created_at, id) WHERE rerun_of IS NOT NULL;

        CREATE TABLE provision_job_documents (
            job_id TEXT PRIMARY KEY NOT NULL REFERENCES provision_jobs (id),
            config_snapshot TEXT NOT NULL,
            execution_metadata TEXT NOT NULL,
            secrets BLOB NOT NULL
        ) STRICT;
        """

    /// A job whose cancel was forced.
    static let forcedCancels = """
        ALTER TABLE provision_jobs ADD COLUMN forced INTEGER NOT NULL DEFAULT 0
            CONSTRAINT forced_after_cancel CHECK (
                forced IN (0, 1) AND (NOT forced OR status = 'CANCELLED' AND engine_state <> 'NONE'));
        """

    /// How a job runs its engine, and what its end is counted by. Jobs that ended before keep the counts that their
    /// metadata hold.
    static let optionsAndCounts = """
        ALTER TABLE provision_jobs ADD COLUMN run_options TEXT;
        ALTER TABLE provision_jobs ADD COLUMN changes TEXT;
        ALTER TABLE provision_jobs ADD COLUMN warnings INTEGER CHECK (warnings >= 0);
        ALTER TABLE provision_jobs ADD COLUMN truncated TEXT;
        UPDATE provision_jobs SET changes = (
            SELECT json_object(
                'add', json_extract(execution_metadata, '$.changes.add'),
                'change', json_extract(execution_metadata, '$.changes.change'),
                'destroy', json_extract(execution_metadata, '$.changes.destroy'))
            FROM provision_job_documents WHERE job_id = id
                AND CASE WHEN json_valid(execution_metadata) THEN
                    json_type(execution_metadata, '$.changes.add') = 'integer'
                    AND json_type(execution_metadata, '$.changes.change') = 'integer'
                    AND json_type(execution_metadata, '$.changes.destroy') = 'integer'
                ELSE 0 END);
        """

    /// The names in a job's snapshot, beside it: lists show them, and read no documents.
    static let jobNames = """
        ALTER TABLE provision_jobs ADD COLUMN project_name TEXT NOT NULL DEFAULT '';
        ALTER TABLE provision_jobs ADD COLUMN environment_stage TEXT NOT NULL DEFAULT '';
        UPDATE provision_jobs SET
            project_name = ifnull((SELECT json_extract(config_snapshot, '$.settings.projectName')
                FROM provision_job_documents WHERE job_id = provision_jobs.id), ''),
            environment_stage = ifnull((SELECT json_extract(config_snapshot, '$.settings.environmentStage')
                FROM provision_job_documents WHERE job_id = provision_jobs.id), '');
        """

    /// The engine's commands with their times, and when a job was given up. Of jobs that ended before, only the error
    /// message says that they were given up.
    static let jobPhases = """
        ALTER TABLE provision_jobs ADD COLUMN phases TEXT;
        ALTER TABLE provision_jobs ADD COLUMN given_up_at INTEGER;
        UPDATE provision_jobs SET given_up_at = completed_at WHERE error_message LIKE 'Given up%';
        """

    /// Logs. The text is the last column, so that reads without it don't touch its pages.
    ///
    /// `provision_job_log_appends` remembers what each append held, for as long as it may be sent again.
    static let logs = """
        CREATE TABLE provision_job_logs (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            job_id TEXT NOT NULL REFERENCES provision_jobs (id),
            epoch INTEGER NOT NULL CHECK (epoch >= 0),
            seq INTEGER NOT NULL CHECK (seq >= 1),
            first_line INTEGER NOT NULL CHECK (first_line >= 1),
            line_count INTEGER NOT NULL CHECK (line_count >= 1),
            stream_type TEXT NOT NULL CHECK (stream_type IN ('STDOUT', 'STDERR', 'SYSTEM')),
            continued INTEGER NOT NULL CHECK (continued IN (0, 1)),
            created_at INTEGER NOT NULL,
            times BLOB NOT NULL,
            log_chunk TEXT NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX provision_job_logs_seq ON provision_job_logs (job_id, seq);
        CREATE UNIQUE INDEX provision_job_logs_line ON provision_job_logs (job_id, first_line);

        CREATE TABLE provision_job_log_writers (
            job_id TEXT NOT NULL REFERENCES provision_jobs (id),
            epoch INTEGER NOT NULL CHECK (epoch >= 0),
            next_n INTEGER NOT NULL CHECK (next_n >= 1),
            stdout_bytes INTEGER NOT NULL,
            stderr_bytes INTEGER NOT NULL,
            system_bytes INTEGER NOT NULL,
            PRIMARY KEY (job_id, epoch)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE provision_job_log_appends (
            job_id TEXT NOT NULL REFERENCES provision_jobs (id),
            epoch INTEGER NOT NULL CHECK (epoch >= 1),
            n INTEGER NOT NULL CHECK (n >= 1),
            digest BLOB NOT NULL CHECK (length(digest) = 32),
            PRIMARY KEY (job_id, epoch, n)
        ) STRICT, WITHOUT ROWID;
        """
}

extension SQLiteSchema {
    /// Compacted logs: one row replaces hundreds of rows of `provision_job_logs`, in one transaction.
    ///
    /// All numbers are positions at the block's end; a block starts where the previous one ends. The large columns
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
