public import Domain

/// The audit log, and evidence of what was done: `/api/audit`.
public enum AuditEndpoints {
    /// The query of ``list``. Moments are milliseconds since 1970.
    public enum List {
        /// The actor's name.
        public static let actor = QueryParameter<String>.text("actor")
        /// Such as `job.apply`.
        public static let action = QueryParameter<String>.text("action")
        /// The ID of a resource of any kind.
        public static let resource = QueryParameter<String>.text("resource", upTo: 500)
        public static let vine = QueryParameter<VineID>.id("vine_id")
        public static let job = QueryParameter<JobID>.id("job_id")
        public static let request = QueryParameter<String>.text("request_id")
        public static let outcome = QueryParameter<AuditEvent.Outcome>.choice("outcome")
        public static let since = QueryParameter<Int64>.number("since", in: 0...253_402_300_799_999)
        /// Up to and without this moment.
        public static let until = QueryParameter<Int64>.number("until", in: 0...253_402_300_799_999)
        public static let limit = QueryParameter<Int>.number("limit", in: 1...200)
        public static let cursor = QueryParameter<String>.text("cursor")
    }

    public static let list = Endpoint<NoParameters, NoFields, MessageOrLines<ListResponse<AuditEventResponse>>>(
        .get, "/api/audit", "listAuditEvents", for: .user(.auditRead),
        query: [
            List.actor.description, List.action.description, List.resource.description, List.vine.description,
            List.job.description, List.request.description, List.outcome.description, List.since.description,
            List.until.description, List.limit.description, List.cursor.description,
        ],
        "Events, newest first: a page of them, or all as NDJSON.")
    /// The number of an event.
    public static let after = QueryParameter<Int64>.number("after", in: 0...Int64.max)
    public static let chain = Endpoint<NoParameters, NoFields, StreamBody<AuditEventResponse>>(
        .get, "/api/audit/chain", "exportAuditChain", for: .user(.auditRead), query: [after.description],
        "All sealed events, in the order of their numbers.")
    public static let status = Endpoint<NoParameters, NoFields, AuditStatusResponse>(
        .get, "/api/audit/status", "getAuditStatus", for: .user(.auditRead),
        "How far the hash chain was checked.")

    public static let evidence = Endpoint<JobID, NoFields, RawBody<EvidenceContent>>(
        .get, "/api/jobs/{id}/evidence", "getEvidence", for: .user(.logsRead),
        errors: [.conflict, .tooMany],
        "Everything that shows what a DEPLOY or DESTROY did, signed; see docs/evidence.md.")
    public static let evidenceKey = Endpoint<NoParameters, NoFields, EvidenceKeyResponse>(
        .get, "/api/evidence-key", "getEvidenceKey", for: .user(.accountRead),
        "The public half of the key that signs evidence.")

    static let all = [
        list.description, chain.description, status.description, evidence.description, evidenceKey.description,
    ]
}

/// An evidence file: a tar archive.
public enum EvidenceContent {}
