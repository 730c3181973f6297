extension PostgresSchema {
    /// Cloud identities, the keys that sign their tokens, and jobs that only test a connection.
    static let identities = [
        """
        CREATE TABLE cloud_identities (
            id uuid PRIMARY KEY,
            name text COLLATE "C" NOT NULL,
            vineyard_id uuid NOT NULL REFERENCES vineyards (id),
            provider text NOT NULL CHECK (provider IN ('aws', 'gcp', 'azure')),
            plan_access text NOT NULL,
            apply_access text NOT NULL,
            created_by text NOT NULL,
            created_at bigint NOT NULL,
            updated_at bigint NOT NULL
        )
        """,
        "CREATE UNIQUE INDEX cloud_identities_by_name ON cloud_identities (vineyard_id, name)",
        "ALTER TABLE vines ADD COLUMN identity_id uuid REFERENCES cloud_identities (id)",
        "CREATE INDEX vines_by_identity ON vines (identity_id, created_at, id) WHERE identity_id IS NOT NULL",
        """
        CREATE TABLE signing_keys (
            id text COLLATE "C" PRIMARY KEY,
            private_key bytea NOT NULL,
            public_key text NOT NULL,
            created_at bigint NOT NULL,
            used_from bigint NOT NULL
        )
        """,
        "ALTER TABLE provision_jobs DROP CONSTRAINT provision_jobs_job_type_check",
        """
        ALTER TABLE provision_jobs ADD CONSTRAINT provision_jobs_job_type_check
            CHECK (job_type IN ('PLAN', 'DEPLOY', 'DESTROY', 'CONNECTION_TEST'))
        """,
    ]
}
