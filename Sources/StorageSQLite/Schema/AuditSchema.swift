extension SQLiteSchema {
    /// The audit log. `number` and the hashes are empty until an event is sealed; `mac` proves who wrote it.
    static let audit = """
        CREATE TABLE audit_events (
            position INTEGER PRIMARY KEY AUTOINCREMENT,
            id TEXT NOT NULL UNIQUE,
            at INTEGER NOT NULL,
            actor_kind TEXT NOT NULL CHECK (actor_kind IN ('USER', 'TOKEN', 'TENDRIL', 'SYSTEM')),
            actor_id TEXT,
            actor_name TEXT NOT NULL,
            actor_source TEXT,
            roles TEXT NOT NULL,
            token_id TEXT,
            request_id TEXT,
            ip TEXT,
            action TEXT NOT NULL,
            resource_kind TEXT,
            resource_id TEXT,
            resource_name TEXT,
            vine_id TEXT,
            job_id TEXT,
            outcome TEXT NOT NULL CHECK (outcome IN ('ALLOWED', 'DENIED', 'FAILED')),
            reason TEXT,
            changes TEXT NOT NULL,
            number INTEGER UNIQUE,
            prev_hash TEXT,
            hash TEXT,
            mac BLOB NOT NULL
        ) STRICT;
        CREATE INDEX audit_events_newest ON audit_events (at, position);
        CREATE INDEX audit_events_request ON audit_events (request_id, at, position) WHERE request_id IS NOT NULL;
        CREATE INDEX audit_events_job ON audit_events (job_id, at, position) WHERE job_id IS NOT NULL;
        CREATE INDEX audit_events_vine ON audit_events (vine_id, at, position) WHERE vine_id IS NOT NULL;
        CREATE INDEX audit_events_resource ON audit_events (resource_id, at, position) WHERE resource_id IS NOT NULL;
        CREATE INDEX audit_events_actor ON audit_events (actor_name, at, position);
        CREATE INDEX audit_events_action ON audit_events (action, at, position);
        CREATE INDEX audit_events_outcome ON audit_events (outcome, at, position);

        CREATE TABLE audit_chain (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            base_number INTEGER NOT NULL,
            base_hash TEXT NOT NULL,
            base_mac BLOB NOT NULL,
            head_number INTEGER NOT NULL,
            head_hash TEXT NOT NULL,
            head_mac BLOB NOT NULL
        ) STRICT;
        """
}
