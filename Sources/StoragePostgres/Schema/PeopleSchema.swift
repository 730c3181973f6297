extension PostgresSchema {
    /// Users, and whose credentials there are. Tokens from before belong to the administrator, as they could do
    /// everything.
    static let people = [
        """
        CREATE TABLE users (
            id uuid PRIMARY KEY,
            name text COLLATE "C" NOT NULL UNIQUE,
            name_folded text COLLATE "C" NOT NULL UNIQUE,
            kind text NOT NULL CHECK (kind IN ('user', 'service')),
            issuer text COLLATE "C",
            subject text COLLATE "C",
            password text,
            groups text NOT NULL,
            groups_at bigint,
            created_by text NOT NULL,
            created_at bigint NOT NULL,
            last_seen_at bigint,
            disabled_at bigint,
            removed_at bigint,
            CHECK ((issuer IS NULL) = (subject IS NULL))
        ) WITH (fillfactor = 70)
        """,
        "CREATE UNIQUE INDEX users_identity ON users (issuer, subject) WHERE issuer IS NOT NULL",
        "ALTER TABLE api_tokens ADD COLUMN owner text COLLATE \"C\" NOT NULL DEFAULT 'admin'",
        "ALTER TABLE api_tokens ADD COLUMN scopes text",
        "ALTER TABLE api_tokens ADD COLUMN expires_at bigint",
        "ALTER TABLE api_tokens ADD COLUMN last_used_at bigint",
        "ALTER TABLE api_tokens DROP CONSTRAINT api_tokens_name_key",
        "ALTER TABLE api_tokens ADD CONSTRAINT api_tokens_owner_name UNIQUE (owner, name)",
        """
        ALTER TABLE sign_in_links ADD COLUMN kind text NOT NULL DEFAULT 'link'
        CHECK (kind IN ('link', 'invitation', 'login'))
        """,
        "ALTER TABLE sign_in_links ADD COLUMN detail text",
        "ALTER TABLE sign_in_links ADD COLUMN created_by text",
        """
        ALTER TABLE sessions ADD COLUMN method text NOT NULL DEFAULT 'link'
        CHECK (method IN ('link', 'token', 'password', 'provider'))
        """,
        "ALTER TABLE sessions ADD COLUMN address text NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN agent text NOT NULL DEFAULT ''",
        "ALTER TABLE sessions ADD COLUMN created_at bigint",
        "ALTER TABLE sessions ADD COLUMN last_used_at bigint",
        "ALTER TABLE sessions ADD COLUMN refresh bytea",
        "ALTER TABLE sessions ADD COLUMN refreshed_at bigint",
        "CREATE INDEX sessions_user ON sessions (user_name)",
        "CREATE INDEX sessions_refreshed ON sessions (refreshed_at) WHERE refresh IS NOT NULL",
    ]

    /// When a node last began to read the groups of a session again, so that no two do it at once.
    static let refreshClaims = ["ALTER TABLE sessions ADD COLUMN refresh_claimed_at bigint"]
}
