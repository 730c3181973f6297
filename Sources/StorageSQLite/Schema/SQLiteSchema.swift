internal import GRDB
internal import Storage

/// The tables, as a list of migrations that only ever grows.
///
/// Times are whole milliseconds since 1970, ids are UUIDs as text, JSON is text. The CHECKs repeat what the domain
/// guarantees, so that a defect of the program fails here instead of being stored.
enum SQLiteSchema {
    static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1 first tables") { db in
            for script in [store, workers, vines, jobs, logs, states, artifacts, access] {
                try db.execute(sql: script)
            }
        }
        migrator.registerMigration("2 sealed logs") { db in try db.execute(sql: blocks) }
        migrator.registerMigration("3 forced cancels") { db in try db.execute(sql: forcedCancels) }
        migrator.registerMigration("4 run options and counts") { db in try db.execute(sql: optionsAndCounts) }
        migrator.registerMigration("5 names of jobs") { db in try db.execute(sql: jobNames) }
        migrator.registerMigration("6 give-up, revocation, packed states") { db in try db.execute(sql: revocation) }
        migrator.registerMigration("7 vine facts") { db in try db.execute(sql: vineFacts) }
        migrator.registerMigration("8 phases, given-up jobs") { db in try db.execute(sql: jobPhases) }
        migrator.registerMigration("9 active jobs, reported leases") { db in try db.execute(sql: activeJobs) }
        migrator.registerMigration("10 names of vines") { db in try addVineNames(db) }
        migrator.registerMigration("11 changes of plans") { db in try db.execute(sql: planChanges) }
        migrator.registerMigration("12 resources of jobs") { db in try db.execute(sql: runResources) }
        migrator.registerMigration("13 uncounted states") { db in try db.execute(sql: uncountedStates) }
        migrator.registerMigration("14 progress of jobs") { db in try db.execute(sql: runProgress) }
        migrator.registerMigration("15 errors of jobs") { db in try db.execute(sql: errors) }
        migrator.registerMigration("16 last changes of resources") { db in
            for script in [resourceTouches, earlierTouches] { try db.execute(sql: script) }
        }
        migrator.registerMigration("17 rights") { db in try db.execute(sql: rights) }
        migrator.registerMigration("18 people") { db in try db.execute(sql: people) }
        migrator.registerMigration("19 audit events") { db in try db.execute(sql: audit) }
        migrator.registerMigration("20 results of forecasts") { db in try db.execute(sql: forecastResults) }
        migrator.registerMigration("22 parts of replacements, errors by vine") { db in
            try db.execute(sql: replacementParts)
        }
        migrator.registerMigration("23 claims of refreshes") { db in try db.execute(sql: refreshClaims) }
        migrator.registerMigration("24 cloud identities") { db in try addIdentities(db) }
        migrator.registerMigration("25 idempotency keys") { db in try db.execute(sql: idempotencyKeys) }
        return migrator
    }

    /// When a replacement destroyed and when it created (JSON), and how long the engine worked on a resource; each vine's
    /// errors in the order of their list.
    private static let replacementParts = """
        ALTER TABLE run_resources ADD COLUMN parts TEXT;
        ALTER TABLE run_resources ADD COLUMN worked_ms INTEGER CHECK (worked_ms >= 0);
        CREATE INDEX error_vines_order ON error_vines (vine_id, is_open, jobs, last_at, fingerprint);
        """

    /// When a cancel was forced, when a Tendril was revoked, and which states are compressed.
    private static let revocation = """
        ALTER TABLE provision_jobs ADD COLUMN forced_at INTEGER;
        ALTER TABLE workers ADD COLUMN revoked_at INTEGER;
        ALTER TABLE vine_state_versions ADD COLUMN packed INTEGER NOT NULL DEFAULT 0 CHECK (packed IN (0, 1));
        """

    /// Active jobs by age, and the leases that each Tendril reported last (a JSON array of `JOB:EPOCH`).
    private static let activeJobs = """
        CREATE INDEX provision_jobs_active_newest ON provision_jobs (created_at, id) WHERE holds_vine = 1;
        ALTER TABLE workers ADD COLUMN reported_leases TEXT;
        """

    /// States from before resources were counted: few, however many states there are.
    private static let uncountedStates = """
        CREATE INDEX vine_state_versions_uncounted ON vine_state_versions (vine_id, number)
        WHERE resources IS NULL AND aside = 0;
        """

    /// The names under which a vine has had jobs, so that a search by a former name reads no jobs.
    private static func addVineNames(_ db: Database) throws {
        try db.execute(
            sql: """
                CREATE TABLE vine_names (
                    vine_id TEXT NOT NULL REFERENCES vines (id),
                    title_folded TEXT NOT NULL,
                    PRIMARY KEY (vine_id, title_folded)
                ) STRICT, WITHOUT ROWID;
                """)
        let names = try Row.fetchAll(
            db, sql: "SELECT DISTINCT vine_id, project_name, environment_stage FROM provision_jobs")
        for name in names {
            try JobTitle.record(
                JobTitle(try name.text("project_name"), try name.text("environment_stage")),
                of: try name.text("vine_id"),
                db)
        }
    }

    /// What each job does to resources; `revision` grows with each message of the job's Tendril. The graph of a plan is
    /// JSON.
    private static let runResources = """
        CREATE TABLE run_resources (
            job_id TEXT NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            address TEXT NOT NULL,
            position INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            action TEXT NOT NULL,
            state TEXT NOT NULL
                CHECK (state IN ('waiting', 'refreshing', 'running', 'done', 'failed', 'unknown')),
            started_at INTEGER,
            ended_at INTEGER,
            first_line INTEGER CHECK (first_line >= 1),
            PRIMARY KEY (job_id, address)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE run_graphs (
            job_id TEXT PRIMARY KEY NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            graph TEXT NOT NULL
        ) STRICT;
        CREATE TABLE run_revisions (
            job_id TEXT PRIMARY KEY NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            revision INTEGER NOT NULL,
            resources INTEGER NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// How far each running job is, in JSON.
    private static let runProgress = """
        CREATE TABLE run_progress (
            job_id TEXT PRIMARY KEY NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            progress TEXT NOT NULL
        ) STRICT, WITHOUT ROWID;
        """

    /// The job that changed each of a vine's resources last, and the sizes of states.
    private static let resourceTouches = """
        CREATE TABLE vine_resources (
            vine_id TEXT NOT NULL REFERENCES vines (id),
            address TEXT NOT NULL,
            job_id TEXT NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            action TEXT NOT NULL,
            failed INTEGER NOT NULL CHECK (failed IN (0, 1)),
            changed_at INTEGER,
            PRIMARY KEY (vine_id, address)
        ) STRICT, WITHOUT ROWID;
        ALTER TABLE vine_state_versions ADD COLUMN size INTEGER CHECK (size >= 0);
        """

    /// What is known of earlier jobs.
    static let earlierTouches = """
        INSERT INTO vine_resources
        SELECT vine_id, address, job_id, action, failed, changed_at FROM (
            SELECT job.vine_id, resource.address, resource.job_id, resource.action, resource.state = 'failed' AS failed,
                ifnull(resource.ended_at, resource.started_at) AS changed_at,
                row_number() OVER (
                    PARTITION BY job.vine_id, resource.address ORDER BY job.created_at DESC, job.id DESC) AS place
            FROM run_resources AS resource JOIN provision_jobs AS job ON job.id = resource.job_id
            WHERE job.job_type IN ('DEPLOY', 'DESTROY') AND resource.state IN ('done', 'failed')
                AND resource.action NOT IN ('no-op', 'read', 'move', 'forget')
        ) WHERE place = 1 AND NOT (action = 'delete' AND failed = 0);
        """

    /// What each job's forecast at half of its time said, and when the job ended.
    private static let forecastResults = """
        CREATE TABLE forecast_results (
            job_id TEXT PRIMARY KEY NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            vine_id TEXT NOT NULL REFERENCES vines (id),
            started_at INTEGER NOT NULL,
            made_at INTEGER NOT NULL CHECK (made_at >= started_at),
            expected_at INTEGER NOT NULL,
            ended_at INTEGER NOT NULL CHECK (ended_at > started_at)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX forecast_results_newest ON forecast_results (ended_at DESC, job_id);
        """

    /// Requests that must not be carried out twice. The answer is encrypted.
    private static let idempotencyKeys = """
        CREATE TABLE idempotency_keys (
            owner TEXT NOT NULL,
            key TEXT NOT NULL,
            digest TEXT NOT NULL,
            request_id TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            answer BLOB,
            PRIMARY KEY (owner, key)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX idempotency_keys_oldest ON idempotency_keys (created_at);
        """

    private static let store = """
        CREATE TABLE store (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            checks INTEGER NOT NULL,
            key_mark BLOB
        ) STRICT;
        INSERT INTO store VALUES (1, 0, NULL);
        """

    private static let workers = """
        CREATE TABLE workers (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE,
            name_folded TEXT NOT NULL,
            token_hash BLOB NOT NULL,
            created_at INTEGER NOT NULL,
            last_seen_at INTEGER,
            draining INTEGER NOT NULL CHECK (draining IN (0, 1)),
            version TEXT NOT NULL,
            slots INTEGER NOT NULL CHECK (slots >= 1),
            run_root TEXT NOT NULL
        ) STRICT;

        CREATE TABLE worker_engines (
            worker_id TEXT NOT NULL REFERENCES workers (id),
            position INTEGER NOT NULL,
            name TEXT NOT NULL CHECK (name IN ('terraform', 'tofu')),
            version TEXT NOT NULL,
            platform TEXT NOT NULL,
            PRIMARY KEY (worker_id, position)
        ) STRICT, WITHOUT ROWID;
        """

    private static let vines = """
        CREATE TABLE vines (
            id TEXT PRIMARY KEY NOT NULL,
            project_folded TEXT NOT NULL,
            stage_folded TEXT NOT NULL,
            settings TEXT NOT NULL,
            secrets BLOB NOT NULL,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL,
            revision INTEGER NOT NULL CHECK (revision >= 1),
            deleted_at INTEGER
        ) STRICT;
        CREATE INDEX vines_newest ON vines (created_at, id) WHERE deleted_at IS NULL;
        """

    /// What lists of vines and their deletion ask: how much a state holds, and who keeps it.
    private static let vineFacts = """
        ALTER TABLE vine_state_versions ADD COLUMN resources INTEGER CHECK (resources >= 0);
        ALTER TABLE vines ADD COLUMN state_kept_by TEXT;
        CREATE INDEX vines_deleted ON vines (created_at, id) WHERE deleted_at IS NOT NULL;
        """

    private static let states = """
        CREATE TABLE vine_locks (
            vine_id TEXT PRIMARY KEY NOT NULL REFERENCES vines (id),
            lock_id TEXT NOT NULL,
            job_id TEXT REFERENCES provision_jobs (id),
            holder TEXT NOT NULL,
            info TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE vine_past_locks (
            vine_id TEXT NOT NULL REFERENCES vines (id),
            lock_id TEXT NOT NULL,
            broken INTEGER NOT NULL CHECK (broken IN (0, 1)),
            PRIMARY KEY (vine_id, lock_id)
        ) STRICT, WITHOUT ROWID;

        CREATE TABLE vine_state_versions (
            vine_id TEXT NOT NULL REFERENCES vines (id),
            number INTEGER NOT NULL CHECK (number >= 1),
            lineage TEXT NOT NULL,
            serial INTEGER NOT NULL,
            job_id TEXT REFERENCES provision_jobs (id),
            lock_id TEXT,
            created_at INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            aside INTEGER NOT NULL CHECK (aside IN (0, 1)),
            sealed BLOB NOT NULL,
            PRIMARY KEY (vine_id, number)
        ) STRICT;
        CREATE UNIQUE INDEX vine_state_versions_newest ON vine_state_versions (vine_id, number) WHERE aside = 0;
        """

    private static let artifacts = """
        CREATE TABLE plan_artifacts (
            job_id TEXT PRIMARY KEY NOT NULL REFERENCES provision_jobs (id),
            sha256 TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            sealed BLOB NOT NULL
        ) STRICT;
        CREATE INDEX plan_artifacts_age ON plan_artifacts (created_at);
        """

    /// What plans change, without secrets. The encrypted attributes stand last, so that lists don't read their pages.
    private static let planChanges = """
        CREATE TABLE plan_changes (
            job_id TEXT NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            n INTEGER NOT NULL CHECK (n >= 1),
            address TEXT NOT NULL,
            deposed TEXT,
            module TEXT NOT NULL,
            type TEXT NOT NULL,
            action TEXT NOT NULL,
            reason TEXT,
            digest TEXT NOT NULL,
            facts TEXT NOT NULL,
            sealed BLOB NOT NULL,
            PRIMARY KEY (job_id, n)
        ) STRICT;

        CREATE TABLE plan_summaries (
            job_id TEXT PRIMARY KEY NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            is_complete INTEGER NOT NULL CHECK (is_complete IN (0, 1)),
            sealed BLOB
        ) STRICT;
        """

    private static let access = """
        CREATE TABLE api_tokens (
            hash BLOB PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX api_tokens_name ON api_tokens (name);

        CREATE TABLE sign_in_links (
            hash BLOB PRIMARY KEY NOT NULL,
            user_name TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT;

        CREATE TABLE sessions (
            hash BLOB PRIMARY KEY NOT NULL,
            user_name TEXT NOT NULL,
            expires_at INTEGER NOT NULL
        ) STRICT;
        """
}
