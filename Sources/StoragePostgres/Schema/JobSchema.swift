extension PostgresSchema {
    /// Jobs and their queue.
    ///
    /// `holds_vine` is ``EngineState/holdsVine`` and a claim together: the single column that claims, the vine's unique
    /// index and the list of active jobs all ask for.
    static let jobs = [
        """
        CREATE TABLE provision_jobs (
            id uuid PRIMARY KEY,
            job_type text NOT NULL CHECK (job_type IN ('PLAN', 'DEPLOY', 'DESTROY')),
            vine_id uuid NOT NULL REFERENCES vines (id),
            status text NOT NULL
                CHECK (status IN ('QUEUED', 'CLAIMED', 'PROCESSING', 'SUCCESS', 'FAILED', 'CANCELLED')),
            engine_state text NOT NULL CHECK (engine_state IN ('NONE', 'RUNNING', 'STOPPING', 'GONE', 'UNKNOWN')),
            log_state text NOT NULL CHECK (log_state IN ('OPEN', 'COMPLETE', 'INCOMPLETE')),
            log_reason text,
            worker_id uuid REFERENCES workers (id),
            epoch integer NOT NULL CHECK (epoch >= 0),
            lease_held boolean NOT NULL,
            forced boolean NOT NULL,
            assigned_worker_id uuid REFERENCES workers (id),
            plan_job_id uuid REFERENCES provision_jobs (id),
            rerun_of uuid REFERENCES provision_jobs (id),
            project_name text NOT NULL,
            environment_stage text NOT NULL,
            snapshot_revision integer NOT NULL,
            snapshot_digest text NOT NULL,
            resolved_commit text,
            needs_engine text CHECK (needs_engine IN ('terraform', 'tofu')),
            needs_version text,
            needs_platform text,
            needs_run_root text,
            run_options text,
            engine_name text CHECK (engine_name IN ('terraform', 'tofu')),
            engine_version text,
            engine_platform text,
            run_root text,
            planned_state_known boolean NOT NULL,
            planned_lineage text,
            planned_serial bigint,
            created_by text NOT NULL,
            cancelled_by text,
            error_message text,
            outcome text,
            changes text,
            warnings bigint CHECK (warnings >= 0),
            phases text,
            truncated text,
            created_at bigint NOT NULL,
            claimed_at bigint,
            started_at bigint,
            completed_at bigint,
            forced_at bigint,
            given_up_at bigint,
            holds_vine boolean NOT NULL GENERATED ALWAYS AS
                (status IN ('CLAIMED', 'PROCESSING') OR engine_state IN ('RUNNING', 'STOPPING')) STORED,
            tendril_id uuid GENERATED ALWAYS AS (coalesce(worker_id, assigned_worker_id)) STORED,

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
                ELSE false END),
            CONSTRAINT claimed_when_claimed CHECK (CASE
                WHEN status = 'QUEUED' THEN claimed_at IS NULL
                WHEN status = 'CANCELLED' AND engine_state = 'NONE' THEN true
                ELSE claimed_at IS NOT NULL END),
            CONSTRAINT started_when_started CHECK ((started_at IS NOT NULL) = (engine_state <> 'NONE')),
            CONSTRAINT completed_when_terminal
                CHECK ((completed_at IS NOT NULL) = (status IN ('SUCCESS', 'FAILED', 'CANCELLED'))),
            CONSTRAINT incomplete_with_reason CHECK ((log_reason IS NOT NULL) = (log_state = 'INCOMPLETE')),
            CONSTRAINT deploy_has_plan CHECK (job_type <> 'DEPLOY' OR plan_job_id IS NOT NULL),
            CONSTRAINT forced_after_cancel CHECK (NOT forced OR status = 'CANCELLED' AND engine_state <> 'NONE')
        )
        """,
        "CREATE INDEX provision_jobs_queue ON provision_jobs (created_at, id) WHERE status = 'QUEUED'",
        "CREATE UNIQUE INDEX provision_jobs_holder ON provision_jobs (vine_id) WHERE holds_vine",
        "CREATE INDEX provision_jobs_active ON provision_jobs (worker_id, created_at, id) WHERE holds_vine",
        "CREATE INDEX provision_jobs_active_newest ON provision_jobs (created_at, id) WHERE holds_vine",
        """
        CREATE UNIQUE INDEX provision_jobs_deploy ON provision_jobs (plan_job_id)
            WHERE job_type = 'DEPLOY' AND NOT (status = 'CANCELLED' AND engine_state = 'NONE')
        """,
        "CREATE INDEX provision_jobs_newest ON provision_jobs (created_at, id)",
        "CREATE INDEX provision_jobs_by_status ON provision_jobs (status, created_at, id)",
        "CREATE INDEX provision_jobs_by_vine ON provision_jobs (vine_id, created_at, id)",
        "CREATE INDEX provision_jobs_by_tendril ON provision_jobs (tendril_id, created_at, id)",
        """
        CREATE INDEX provision_jobs_reruns ON provision_jobs (rerun_of, created_at, id) WHERE rerun_of IS NOT NULL
        """,
        """
        CREATE TABLE provision_job_documents (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id),
            config_snapshot text NOT NULL,
            execution_metadata text NOT NULL,
            secrets bytea NOT NULL
        )
        """,
    ]

    /// Logs.
    ///
    /// Where a log ends stands in a narrow table of its own: every append changes it, and in `provision_jobs` each
    /// change would write a wide row and nine indexes. Nothing here refers to jobs by a foreign key that the head does
    /// not hold already, because checking it would cost every chunk.
    static let logs = [
        """
        CREATE TABLE provision_job_log_heads (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id),
            seq bigint NOT NULL CHECK (seq >= 0),
            stdout_lines bigint NOT NULL,
            stderr_lines bigint NOT NULL,
            system_lines bigint NOT NULL,
            log_time bigint
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)
        """,
        // Chunks are compressed before they are sent, so the server must not try.
        """
        CREATE TABLE provision_job_logs (
            id bigint GENERATED ALWAYS AS IDENTITY,
            job_id uuid NOT NULL,
            epoch integer NOT NULL CHECK (epoch >= 0),
            seq bigint NOT NULL CHECK (seq >= 1),
            first_line bigint NOT NULL CHECK (first_line >= 1),
            line_count integer NOT NULL CHECK (line_count >= 1),
            stream_type text NOT NULL CHECK (stream_type IN ('STDOUT', 'STDERR', 'SYSTEM')),
            continued boolean NOT NULL,
            created_at bigint NOT NULL,
            text_bytes integer NOT NULL,
            compressed boolean NOT NULL,
            times bytea NOT NULL,
            log_chunk bytea NOT NULL,
            PRIMARY KEY (job_id, seq)
        ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000)
        """,
        "ALTER TABLE provision_job_logs ALTER COLUMN log_chunk SET STORAGE EXTERNAL",
        """
        CREATE TABLE provision_job_log_writers (
            job_id uuid NOT NULL,
            epoch integer NOT NULL CHECK (epoch >= 0),
            next_n bigint NOT NULL CHECK (next_n >= 1),
            stdout_bytes bigint NOT NULL,
            stderr_bytes bigint NOT NULL,
            system_bytes bigint NOT NULL,
            PRIMARY KEY (job_id, epoch)
        ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000)
        """,
        """
        CREATE TABLE provision_job_log_appends (
            job_id uuid NOT NULL,
            epoch integer NOT NULL CHECK (epoch >= 1),
            n bigint NOT NULL CHECK (n >= 1),
            digest bytea NOT NULL CHECK (length(digest) = 32),
            PRIMARY KEY (job_id, epoch, n)
        )
        """,
        // The numbers of a block say where the log stands at its end; it begins where the one before ends.
        """
        CREATE TABLE provision_job_log_blocks (
            job_id uuid NOT NULL REFERENCES provision_jobs (id),
            number bigint NOT NULL CHECK (number >= 1),
            last_seq bigint NOT NULL CHECK (last_seq >= number),
            bytes bigint NOT NULL,
            stdout_lines bigint NOT NULL,
            stderr_lines bigint NOT NULL,
            system_lines bigint NOT NULL,
            state bytea NOT NULL,
            marks bytea NOT NULL,
            visible bytea NOT NULL,
            rest bytea NOT NULL,
            PRIMARY KEY (job_id, number)
        )
        """,
        "ALTER TABLE provision_job_log_blocks ALTER COLUMN visible SET STORAGE EXTERNAL",
        "ALTER TABLE provision_job_log_blocks ALTER COLUMN rest SET STORAGE EXTERNAL",
    ]
}
