/// What the followed tables look like from outside: ids, names, states and times, and for logs their text; never
/// snapshots, metadata or tokens.
extension FeedTable {
    struct Column: Sendable {
        var name: String
        /// The name of the type in PostgreSQL (`pg_type.typname`).
        var type: String
    }

    var columns: [Column] {
        switch self {
        case .logs: Self.logColumns
        case .jobs: Self.jobColumns
        case .workers: Self.workerColumns
        case .vines: Self.vineColumns
        }
    }

    private static let logColumns = [
        Column(name: "id", type: "int8"), Column(name: "job_id", type: "text"), Column(name: "epoch", type: "int4"),
        Column(name: "seq", type: "int8"), Column(name: "first_line", type: "int8"),
        Column(name: "line_count", type: "int4"), Column(name: "stream_type", type: "text"),
        Column(name: "log_chunk", type: "text"), Column(name: "continued", type: "bool"),
        Column(name: "times", type: "jsonb"), Column(name: "created_at", type: "timestamptz"),
    ]

    private static let jobColumns =
        [
            "id", "job_type", "status", "engine_state", "log_state", "vine_id", "vine_title", "assigned_worker_id",
            "worker_id", "worker_name", "plan_job_id", "rerun_of",
        ].map { Column(name: $0, type: "text") }
        + [
            Column(name: "epoch", type: "int4"), Column(name: "warnings", type: "int4"),
            Column(name: "changes", type: "jsonb"),
        ]
        + ["created_by", "cancelled_by"].map { Column(name: $0, type: "text") }
        + ["created_at", "claimed_at", "started_at", "completed_at"].map { Column(name: $0, type: "timestamptz") }

    private static let workerColumns =
        ["id", "name", "status", "version"].map { Column(name: $0, type: "text") }
        + [Column(name: "slots", type: "int4")]
        + ["last_seen_at", "created_at"].map { Column(name: $0, type: "timestamptz") }

    private static let vineColumns =
        ["id", "project_name", "environment_stage"].map { Column(name: $0, type: "text") }
        + [Column(name: "revision", type: "int4")]
        + ["created_at", "updated_at"].map { Column(name: $0, type: "timestamptz") }
}
