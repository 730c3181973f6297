internal import Foundation
internal import Postgres
internal import Storage

/// The tables, as a list of migrations that only ever grows.
///
/// Times are whole milliseconds since 1970, JSON is text. The CHECKs repeat what the domain guarantees, so that a defect
/// of the program fails here instead of being stored.
enum PostgresSchema {
    struct Migration: Sendable {
        var number: Int
        var name: String
        var script: [String]
    }

    static let migrations = [
        Migration(
            number: 1, name: "first tables",
            script: CommitKeys.schema + workers + vines + jobs + logs + states + plans + run + access),
        Migration(number: 2, name: "errors of jobs", script: errors),
        Migration(number: 3, name: "last changes of resources", script: resourceTouches),
        Migration(number: 4, name: "rights", script: rights),
        Migration(number: 5, name: "people", script: people),
        Migration(number: 6, name: "audit events", script: audit),
        Migration(number: 7, name: "results of forecasts", script: forecastResults),
        Migration(number: 8, name: "nodes", script: nodes),
        Migration(number: 9, name: "parts of replacements, errors by vine", script: replacementParts),
        Migration(number: 10, name: "claims of refreshes", script: refreshClaims),
        Migration(number: 11, name: "cloud identities", script: identities),
        Migration(number: 12, name: "idempotency keys", script: idempotencyKeys),
    ]

    /// Brings the database up to date, in one transaction under a lock: one node does it, and the others then find
    /// nothing to do.
    static func migrate(_ pool: PostgresPool, migrations: [Migration] = migrations) async throws {
        try await pool.migrate { db in
            // "vintner" in ASCII. The lock is given back by the commit, even through a pooler.
            try db.query("SELECT pg_advisory_xact_lock(33329970372568434)", [])
            try db.query(
                """
                CREATE TABLE IF NOT EXISTS schema_migrations (
                    number integer PRIMARY KEY,
                    name text NOT NULL,
                    applied_at timestamptz NOT NULL DEFAULT now()
                )
                """, [])
            let stored = try db.rows("SELECT number, name FROM schema_migrations ORDER BY number") { row in
                (number: try row.int("number"), name: try row.text("name"))
            }
            try check(stored.map { ($0.number, $0.name) }, against: migrations)
            for migration in migrations.dropFirst(stored.count) {
                for statement in migration.script { db.run(statement) }
                db.run(
                    "INSERT INTO schema_migrations (number, name) VALUES ($1, $2)", migration.number, migration.name)
            }
            try db.query("SELECT 1", [])
        }
    }

    /// What is stored must be a beginning of what this program knows.
    private static func check(_ stored: [(number: Int, name: String)], against known: [Migration]) throws {
        for (position, migration) in stored.enumerated() {
            guard position < known.count else {
                throw StorageError(.newer, "The database was written by a newer version of Vintner; update it.")
            }
            guard known[position].number == migration.number, known[position].name == migration.name else {
                throw StorageError(.corrupt, "The database has tables that this version of Vintner does not know.")
            }
        }
    }
}

extension PostgresSchema {
    private static let workers = [
        """
        CREATE TABLE store (
            id integer PRIMARY KEY CHECK (id = 1),
            checks bigint NOT NULL,
            key_mark bytea
        )
        """,
        "INSERT INTO store VALUES (1, 0, NULL)",
        """
        CREATE TABLE workers (
            id uuid PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE,
            name_folded text COLLATE "C" NOT NULL,
            token_hash bytea NOT NULL,
            created_at bigint NOT NULL,
            last_seen_at bigint,
            draining boolean NOT NULL,
            version text NOT NULL,
            slots integer NOT NULL CHECK (slots >= 1),
            run_root text NOT NULL,
            revoked_at bigint,
            reported_leases text
        ) WITH (fillfactor = 70)
        """,
        """
        CREATE TABLE worker_engines (
            worker_id uuid NOT NULL REFERENCES workers (id),
            position integer NOT NULL,
            name text NOT NULL CHECK (name IN ('terraform', 'tofu')),
            version text NOT NULL,
            platform text NOT NULL,
            PRIMARY KEY (worker_id, position)
        )
        """,
    ]

    private static let vines = [
        """
        CREATE TABLE vines (
            id uuid PRIMARY KEY,
            project_folded text NOT NULL,
            stage_folded text NOT NULL,
            settings text NOT NULL,
            secrets bytea NOT NULL,
            created_by text NOT NULL,
            created_at bigint NOT NULL,
            updated_at bigint NOT NULL,
            revision integer NOT NULL CHECK (revision >= 1),
            deleted_at bigint,
            state_kept_by text
        )
        """,
        "CREATE INDEX vines_newest ON vines (created_at, id) WHERE deleted_at IS NULL",
        "CREATE INDEX vines_deleted ON vines (created_at, id) WHERE deleted_at IS NOT NULL",
        // Not unique: a database that was moved here from SQLite may hold two vines with one name. By hash, because a
        // name of a hundred characters can be larger than a B-tree takes.
        "CREATE INDEX vines_name ON vines USING hash (project_folded) WHERE deleted_at IS NULL",
        // The names under which a vine has had jobs, so that a search by a former name reads no jobs.
        """
        CREATE TABLE vine_names (
            vine_id uuid NOT NULL REFERENCES vines (id),
            title_folded text NOT NULL
        )
        """,
        // By digest, because a name can be larger than a B-tree takes.
        "CREATE UNIQUE INDEX vine_names_once ON vine_names (vine_id, md5(title_folded))",
    ]

    private static let states = [
        """
        CREATE TABLE vine_locks (
            vine_id uuid PRIMARY KEY REFERENCES vines (id),
            lock_id text NOT NULL,
            job_id uuid REFERENCES provision_jobs (id),
            holder text NOT NULL,
            info text NOT NULL,
            created_at bigint NOT NULL
        )
        """,
        """
        CREATE TABLE vine_past_locks (
            vine_id uuid NOT NULL REFERENCES vines (id),
            lock_id text NOT NULL,
            broken boolean NOT NULL,
            PRIMARY KEY (vine_id, lock_id)
        )
        """,
        """
        CREATE TABLE vine_state_versions (
            vine_id uuid NOT NULL REFERENCES vines (id),
            number integer NOT NULL CHECK (number >= 1),
            lineage text NOT NULL,
            serial bigint NOT NULL,
            job_id uuid REFERENCES provision_jobs (id),
            lock_id text,
            created_at bigint NOT NULL,
            sha256 text NOT NULL,
            aside boolean NOT NULL,
            resources integer CHECK (resources >= 0),
            packed boolean NOT NULL,
            sealed bytea NOT NULL,
            PRIMARY KEY (vine_id, number)
        )
        """,
        // Encrypted, so that compressing it is a waste of time.
        "ALTER TABLE vine_state_versions ALTER COLUMN sealed SET STORAGE EXTERNAL",
        "CREATE UNIQUE INDEX vine_state_versions_newest ON vine_state_versions (vine_id, number) WHERE NOT aside",
        // States that came from a database of before resources were counted.
        """
        CREATE INDEX vine_state_versions_uncounted ON vine_state_versions (vine_id, number)
        WHERE resources IS NULL AND NOT aside
        """,
        """
        CREATE TABLE plan_artifacts (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id),
            sha256 text NOT NULL,
            created_at bigint NOT NULL,
            sealed bytea NOT NULL
        )
        """,
        "ALTER TABLE plan_artifacts ALTER COLUMN sealed SET STORAGE EXTERNAL",
        "CREATE INDEX plan_artifacts_age ON plan_artifacts (created_at)",
    ]

    /// What plans change, without secrets, and the encrypted attributes.
    private static let plans = [
        """
        CREATE TABLE plan_changes (
            job_id uuid NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            n integer NOT NULL CHECK (n >= 1),
            address text NOT NULL,
            deposed text,
            module text NOT NULL,
            type text NOT NULL,
            action text NOT NULL,
            reason text,
            digest text NOT NULL,
            facts text NOT NULL,
            sealed bytea NOT NULL,
            PRIMARY KEY (job_id, n)
        )
        """,
        "ALTER TABLE plan_changes ALTER COLUMN sealed SET STORAGE EXTERNAL",
        """
        CREATE TABLE plan_summaries (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id) ON DELETE CASCADE,
            is_complete boolean NOT NULL,
            sealed bytea
        )
        """,
    ]

    /// What each job does to resources; `revision` grows with each message of the job's Tendril. The graph of a plan is
    /// JSON.
    private static let run = [
        """
        CREATE TABLE run_resources (
            job_id uuid NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            address text COLLATE "C" NOT NULL,
            position integer NOT NULL,
            revision bigint NOT NULL,
            action text NOT NULL,
            state text NOT NULL
                CHECK (state IN ('waiting', 'refreshing', 'running', 'done', 'failed', 'unknown')),
            started_at bigint,
            ended_at bigint,
            first_line bigint CHECK (first_line >= 1)
        )
        """,
        // By digest, because an address can be larger than a B-tree takes.
        "CREATE UNIQUE INDEX run_resources_once ON run_resources (job_id, md5(address))",
        """
        CREATE TABLE run_graphs (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id) ON DELETE CASCADE,
            graph text NOT NULL
        )
        """,
        """
        CREATE TABLE run_revisions (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id) ON DELETE CASCADE,
            revision bigint NOT NULL,
            resources integer NOT NULL
        )
        """,
        """
        CREATE TABLE run_progress (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id) ON DELETE CASCADE,
            progress text NOT NULL
        )
        """,
    ]

    /// The job that changed each of a vine's resources last, and the sizes of states.
    private static let resourceTouches = [
        """
        CREATE TABLE vine_resources (
            vine_id uuid NOT NULL REFERENCES vines (id),
            address text COLLATE "C" NOT NULL,
            job_id uuid NOT NULL REFERENCES provision_jobs (id) ON DELETE CASCADE,
            action text NOT NULL,
            failed boolean NOT NULL,
            changed_at bigint
        )
        """,
        earlierTouches,
        // By digest, because an address can be larger than a B-tree takes.
        "CREATE UNIQUE INDEX vine_resources_once ON vine_resources (vine_id, md5(address))",
        "ALTER TABLE vine_state_versions ADD COLUMN size bigint CHECK (size >= 0)",
    ]

    /// What is known of earlier jobs.
    static let earlierTouches = """
        INSERT INTO vine_resources
        SELECT vine_id, address, job_id, action, failed, changed_at FROM (
            SELECT DISTINCT ON (job.vine_id, resource.address) job.vine_id, resource.address, resource.job_id,
                resource.action, resource.state = 'failed' AS failed,
                coalesce(resource.ended_at, resource.started_at) AS changed_at
            FROM run_resources AS resource JOIN provision_jobs AS job ON job.id = resource.job_id
            WHERE job.job_type IN ('DEPLOY', 'DESTROY') AND resource.state IN ('done', 'failed')
                AND resource.action NOT IN ('no-op', 'read', 'move', 'forget')
            ORDER BY job.vine_id, resource.address, job.created_at DESC, job.id DESC
        ) AS last WHERE NOT (action = 'delete' AND NOT failed)
        """

    /// When a replacement destroyed and when it created (JSON), and how long the engine worked on a resource; each vine's
    /// errors in the order of their list.
    private static let replacementParts = [
        "ALTER TABLE run_resources ADD COLUMN parts text",
        "ALTER TABLE run_resources ADD COLUMN worked_ms bigint CHECK (worked_ms >= 0)",
        "CREATE INDEX error_vines_order ON error_vines (vine_id, is_open, jobs, last_at, fingerprint)",
    ]

    /// What each job's forecast at half of its time said, and when the job ended.
    private static let forecastResults = [
        """
        CREATE TABLE forecast_results (
            job_id uuid PRIMARY KEY REFERENCES provision_jobs (id) ON DELETE CASCADE,
            vine_id uuid NOT NULL REFERENCES vines (id),
            started_at bigint NOT NULL,
            made_at bigint NOT NULL CHECK (made_at >= started_at),
            expected_at bigint NOT NULL,
            ended_at bigint NOT NULL CHECK (ended_at > started_at)
        )
        """,
        "CREATE INDEX forecast_results_newest ON forecast_results (ended_at DESC, job_id)",
    ]

    /// Requests that must not be carried out twice. The answer is encrypted.
    private static let idempotencyKeys = [
        """
        CREATE TABLE idempotency_keys (
            owner text COLLATE "C" NOT NULL,
            key text COLLATE "C" NOT NULL,
            digest text NOT NULL,
            request_id uuid NOT NULL,
            created_at bigint NOT NULL,
            answer bytea,
            PRIMARY KEY (owner, key)
        )
        """,
        "CREATE INDEX idempotency_keys_oldest ON idempotency_keys (created_at)",
    ]

    private static let access = [
        """
        CREATE TABLE api_tokens (
            hash bytea PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE,
            created_at bigint NOT NULL
        )
        """,
        """
        CREATE TABLE sign_in_links (
            hash bytea PRIMARY KEY,
            user_name text NOT NULL,
            expires_at bigint NOT NULL
        )
        """,
        """
        CREATE TABLE sessions (
            hash bytea PRIMARY KEY,
            user_name text NOT NULL,
            expires_at bigint NOT NULL
        )
        """,
    ]
}
