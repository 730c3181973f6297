extension PostgresSchema {
    /// Vineyards, teams and grants.
    ///
    /// All vines land in the default vineyard, and everybody who could sign in stays an administrator. A job's vineyard
    /// is its vine's: it is repeated, so that a list finds the newest jobs of a vineyard by an index.
    static let rights = [
        """
        CREATE TABLE vineyards (
            id uuid PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE,
            created_by text NOT NULL,
            created_at bigint NOT NULL
        )
        """,
        "INSERT INTO vineyards VALUES ('00000000-0000-4000-8000-000000000001', 'default', 'vintner', 0)",
        """
        CREATE TABLE teams (
            name text COLLATE "C" PRIMARY KEY,
            idp_group text COLLATE "C",
            created_by text NOT NULL,
            created_at bigint NOT NULL
        )
        """,
        "CREATE INDEX teams_by_group ON teams (idp_group) WHERE idp_group IS NOT NULL",
        """
        CREATE TABLE team_members (
            team text COLLATE "C" NOT NULL REFERENCES teams (name),
            user_name text COLLATE "C" NOT NULL,
            PRIMARY KEY (team, user_name)
        )
        """,
        "CREATE INDEX team_members_by_user ON team_members (user_name)",
        """
        CREATE TABLE grants (
            id uuid PRIMARY KEY,
            principal text COLLATE "C" NOT NULL,
            role text NOT NULL CHECK (role IN
                ('viewer', 'planner', 'operator', 'maintainer', 'admin', 'state:read')),
            scope text COLLATE "C" NOT NULL,
            created_by text NOT NULL,
            created_at bigint NOT NULL,
            automatic boolean NOT NULL
        )
        """,
        "CREATE UNIQUE INDEX grants_once ON grants (principal, role, scope)",
        "CREATE INDEX grants_by_scope ON grants (scope)",
        "CREATE INDEX grants_newest ON grants (created_at, id)",
        """
        INSERT INTO grants VALUES
            ('00000000-0000-4000-8000-000000000002', 'user:admin', 'admin', 'installation', 'vintner', 0, false)
        """,
        """
        INSERT INTO grants
            SELECT gen_random_uuid(), 'user:' || name, 'admin', 'installation', 'vintner', 0, true
            FROM (SELECT name FROM api_tokens UNION SELECT user_name FROM sessions
                UNION SELECT user_name FROM sign_in_links) AS known WHERE name <> 'admin'
        """,
        """
        CREATE TABLE worker_vineyards (
            worker_id uuid NOT NULL REFERENCES workers (id),
            vineyard_id uuid NOT NULL REFERENCES vineyards (id),
            PRIMARY KEY (worker_id, vineyard_id)
        )
        """,
        """
        ALTER TABLE vines ADD COLUMN vineyard_id uuid NOT NULL
            DEFAULT '00000000-0000-4000-8000-000000000001' REFERENCES vineyards (id)
        """,
        "ALTER TABLE vines ADD COLUMN two_people boolean NOT NULL DEFAULT false",
        "CREATE INDEX vines_by_vineyard ON vines (vineyard_id)",
        """
        ALTER TABLE provision_jobs ADD COLUMN vineyard_id uuid NOT NULL
            DEFAULT '00000000-0000-4000-8000-000000000001'
        """,
        "CREATE INDEX provision_jobs_by_vineyard ON provision_jobs (vineyard_id, created_at, id)",
        """
        CREATE INDEX provision_jobs_by_vineyard_status ON provision_jobs (vineyard_id, status, created_at, id)
        """,
    ]
}
