extension PostgresSchema {
    /// The audit log. `number` and the hashes are empty until an event is sealed; `mac` proves who wrote it.
    static let audit = [
        """
        CREATE TABLE audit_events (
            position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            id uuid NOT NULL UNIQUE,
            at bigint NOT NULL,
            actor_kind text NOT NULL CHECK (actor_kind IN ('USER', 'TOKEN', 'TENDRIL', 'SYSTEM')),
            actor_id text,
            actor_name text NOT NULL,
            actor_source text,
            roles text NOT NULL,
            token_id text,
            request_id text,
            ip text,
            action text NOT NULL,
            resource_kind text,
            resource_id text,
            resource_name text,
            vine_id uuid,
            job_id uuid,
            outcome text NOT NULL CHECK (outcome IN ('ALLOWED', 'DENIED', 'FAILED')),
            reason text,
            changes text NOT NULL,
            number bigint UNIQUE,
            prev_hash text,
            hash text,
            mac bytea NOT NULL
        )
        """,
        "CREATE INDEX audit_events_newest ON audit_events (at, position)",
        "CREATE INDEX audit_events_unsealed ON audit_events (position) WHERE number IS NULL",
        "CREATE INDEX audit_events_request ON audit_events (request_id, at, position) WHERE request_id IS NOT NULL",
        "CREATE INDEX audit_events_job ON audit_events (job_id, at, position) WHERE job_id IS NOT NULL",
        "CREATE INDEX audit_events_vine ON audit_events (vine_id, at, position) WHERE vine_id IS NOT NULL",
        "CREATE INDEX audit_events_resource ON audit_events (resource_id, at, position) WHERE resource_id IS NOT NULL",
        "CREATE INDEX audit_events_actor ON audit_events (actor_name, at, position)",
        "CREATE INDEX audit_events_action ON audit_events (action, at, position)",
        "CREATE INDEX audit_events_outcome ON audit_events (outcome, at, position)",
        """
        CREATE TABLE audit_chain (
            id integer PRIMARY KEY CHECK (id = 1),
            base_number bigint NOT NULL,
            base_hash text NOT NULL,
            base_mac bytea NOT NULL,
            head_number bigint NOT NULL,
            head_hash text NOT NULL,
            head_mac bytea NOT NULL
        )
        """,
    ]
}
