extension SQLiteSchema {
    /// Vineyards, teams and grants.
    ///
    /// All vines land in the default vineyard, and everybody who could sign in stays an administrator. A job's vineyard
    /// is its vine's: it is repeated, so that a list finds the newest jobs of a vineyard by an index.
    static let rights = """
        CREATE TABLE vineyards (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;
        INSERT INTO vineyards VALUES ('00000000-0000-4000-8000-000000000001', 'default', 'vintner', 0);

        CREATE TABLE teams (
            name TEXT PRIMARY KEY NOT NULL,
            idp_group TEXT,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX teams_by_group ON teams (idp_group) WHERE idp_group IS NOT NULL;

        CREATE TABLE team_members (
            team TEXT NOT NULL REFERENCES teams (name),
            user_name TEXT NOT NULL,
            PRIMARY KEY (team, user_name)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX team_members_by_user ON team_members (user_name);

        CREATE TABLE grants (
            id TEXT PRIMARY KEY NOT NULL,
            principal TEXT NOT NULL,
            role TEXT NOT NULL CHECK (role IN
                ('viewer', 'planner', 'operator', 'maintainer', 'admin', 'state:read')),
            scope TEXT NOT NULL,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            automatic INTEGER NOT NULL CHECK (automatic IN (0, 1))
        ) STRICT;
        CREATE UNIQUE INDEX grants_once ON grants (principal, role, scope);
        CREATE INDEX grants_by_scope ON grants (scope);
        CREATE INDEX grants_newest ON grants (created_at, id);
        INSERT INTO grants VALUES (
            '00000000-0000-4000-8000-000000000002', 'user:admin', 'admin', 'installation', 'vintner', 0, 0);
        INSERT INTO grants
            SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
                || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
                'user:' || name, 'admin', 'installation', 'vintner', 0, 1
            FROM (SELECT name FROM api_tokens UNION SELECT user_name FROM sessions
                UNION SELECT user_name FROM sign_in_links) WHERE name <> 'admin';

        CREATE TABLE worker_vineyards (
            worker_id TEXT NOT NULL REFERENCES workers (id),
            vineyard_id TEXT NOT NULL REFERENCES vineyards (id),
            PRIMARY KEY (worker_id, vineyard_id)
        ) STRICT, WITHOUT ROWID;

        ALTER TABLE vines ADD COLUMN vineyard_id TEXT NOT NULL DEFAULT '00000000-0000-4000-8000-000000000001';
        ALTER TABLE vines ADD COLUMN two_people INTEGER NOT NULL DEFAULT 0 CHECK (two_people IN (0, 1));
        CREATE INDEX vines_by_vineyard ON vines (vineyard_id);

        ALTER TABLE provision_jobs ADD COLUMN vineyard_id TEXT NOT NULL
            DEFAULT '00000000-0000-4000-8000-000000000001';
        CREATE INDEX provision_jobs_by_vineyard ON provision_jobs (vineyard_id, created_at, id);
        CREATE INDEX provision_jobs_by_vineyard_status ON provision_jobs (vineyard_id, status, created_at, id);
        DROP INDEX provision_jobs_queue;
        CREATE INDEX provision_jobs_queue ON provision_jobs (
            created_at, id, status, assigned_worker_id, vine_id, needs_engine, needs_version, needs_platform,
            needs_run_root, vineyard_id
        ) WHERE status = 'QUEUED';
        """
}
