extension PostgresSchema {
    /// What nodes tell each other. None of it is worth copying to another database.
    static let nodes = [
        """
        CREATE TABLE trellis_nodes (
            id uuid PRIMARY KEY,
            seen_at timestamptz NOT NULL
        )
        """,
        """
        CREATE TABLE duties (
            name text COLLATE "C" PRIMARY KEY,
            term bigint NOT NULL CHECK (term >= 1),
            holder uuid NOT NULL,
            elected_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL
        )
        """,
        // What a commit changed, besides logs. The transaction's id gives an order that a reader can follow: what is below
        // the oldest transaction that still runs is complete.
        """
        CREATE TABLE store_changes (
            position bigint GENERATED ALWAYS AS IDENTITY,
            xid bigint NOT NULL DEFAULT (pg_current_xact_id()::text::bigint),
            node uuid NOT NULL,
            made_at timestamptz NOT NULL DEFAULT now(),
            changes text NOT NULL
        )
        """,
        "CREATE INDEX store_changes_xid ON store_changes (xid)",
        "CREATE INDEX store_changes_age ON store_changes USING brin (made_at)",
    ]
}
