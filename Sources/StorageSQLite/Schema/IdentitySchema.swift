internal import GRDB
internal import Storage

extension SQLiteSchema {
    /// Cloud identities, the keys that sign their tokens, and jobs that only test a connection.
    static func addIdentities(_ db: Database) throws {
        try db.execute(sql: identities)
        // A CHECK can't be changed. This is the way that SQLite documents for making one less strict: no row is touched.
        try db.execute(
            sql: """
                PRAGMA writable_schema = ON;
                UPDATE sqlite_schema SET sql = replace(sql,
                    'CHECK (job_type IN (''PLAN'', ''DEPLOY'', ''DESTROY''))',
                    'CHECK (job_type IN (''PLAN'', ''DEPLOY'', ''DESTROY'', ''CONNECTION_TEST''))')
                    WHERE type = 'table' AND name = 'provision_jobs';
                PRAGMA writable_schema = RESET;
                """)
        guard
            try db.exists("SELECT 1 FROM sqlite_schema WHERE name = 'provision_jobs' AND sql LIKE '%CONNECTION_TEST%'")
        else { throw StorageError(.corrupt, "The table of jobs is not as this version of Vintner expects it.") }
    }

    private static let identities = """
        CREATE TABLE cloud_identities (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL,
            vineyard_id TEXT NOT NULL REFERENCES vineyards (id),
            provider TEXT NOT NULL CHECK (provider IN ('aws', 'gcp', 'azure')),
            plan_access TEXT NOT NULL,
            apply_access TEXT NOT NULL,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) STRICT;
        CREATE UNIQUE INDEX cloud_identities_by_name ON cloud_identities (vineyard_id, name);

        ALTER TABLE vines ADD COLUMN identity_id TEXT REFERENCES cloud_identities (id);
        CREATE INDEX vines_by_identity ON vines (identity_id, created_at, id) WHERE identity_id IS NOT NULL;

        CREATE TABLE signing_keys (
            id TEXT PRIMARY KEY NOT NULL,
            private_key BLOB NOT NULL,
            public_key TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            used_from INTEGER NOT NULL
        ) STRICT;
        """
}
