extension SQLiteSchema {
    /// Users, and whose credentials there are. Tokens from before belong to the administrator, as they could do
    /// everything.
    static let people = """
        CREATE TABLE users (
            id TEXT PRIMARY KEY NOT NULL,
            name TEXT NOT NULL UNIQUE,
            name_folded TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL CHECK (kind IN ('user', 'service')),
            issuer TEXT,
            subject TEXT,
            password TEXT,
            groups TEXT NOT NULL,
            groups_at INTEGER,
            created_by TEXT NOT NULL,
            created_at INTEGER NOT NULL,
            last_seen_at INTEGER,
            disabled_at INTEGER,
            removed_at INTEGER,
            CHECK ((issuer IS NULL) = (subject IS NULL))
        ) STRICT;
        CREATE UNIQUE INDEX users_identity ON users (issuer, subject) WHERE issuer IS NOT NULL;

        ALTER TABLE api_tokens ADD COLUMN owner TEXT NOT NULL DEFAULT 'admin';
        ALTER TABLE api_tokens ADD COLUMN scopes TEXT;
        ALTER TABLE api_tokens ADD COLUMN expires_at INTEGER;
        ALTER TABLE api_tokens ADD COLUMN last_used_at INTEGER;
        CREATE INDEX api_tokens_owner ON api_tokens (owner, name);

        ALTER TABLE sign_in_links ADD COLUMN kind TEXT NOT NULL DEFAULT 'link'
            CHECK (kind IN ('link', 'invitation', 'login'));
        ALTER TABLE sign_in_links ADD COLUMN detail TEXT;
        ALTER TABLE sign_in_links ADD COLUMN created_by TEXT;

        ALTER TABLE sessions ADD COLUMN method TEXT NOT NULL DEFAULT 'link'
            CHECK (method IN ('link', 'token', 'password', 'provider'));
        ALTER TABLE sessions ADD COLUMN address TEXT NOT NULL DEFAULT '';
        ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
        ALTER TABLE sessions ADD COLUMN created_at INTEGER;
        ALTER TABLE sessions ADD COLUMN last_used_at INTEGER;
        ALTER TABLE sessions ADD COLUMN refresh BLOB;
        ALTER TABLE sessions ADD COLUMN refreshed_at INTEGER;
        CREATE INDEX sessions_user ON sessions (user_name);
        CREATE INDEX sessions_refreshed ON sessions (refreshed_at) WHERE refresh IS NOT NULL;
        """

    /// When a node last began to read the groups of a session again, so that no two do it at once.
    static let refreshClaims = "ALTER TABLE sessions ADD COLUMN refresh_claimed_at INTEGER;"
}
