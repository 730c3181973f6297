public import Domain
internal import Foundation
internal import Storage
internal import Wire

/// How an installation issues tokens.
public struct IssuerConfiguration: Hashable, Sendable {
    /// `iss` in the tokens, without a slash at its end.
    public var url: String
    public var subject: TokenSubject
    /// Milliseconds.
    public var tokenLifetime: Int64

    /// - Throws: ``Refusal`` `.invalid`.
    public init(url: String, subject: TokenSubject, tokenLifetime: Int64) throws(Refusal) {
        guard let parts = URLComponents(string: url), let host = parts.host, !host.isEmpty, parts.query == nil,
            parts.fragment == nil, parts.user == nil, parts.password == nil, !url.hasSuffix("/"),
            url.utf8.count <= 255, url.allSatisfy(Self.isPlain)
        else { throw Refusal(.invalid, "The issuer is a URL without a slash, a query or a user at its end.") }
        // Clouds take https only. Without it, only tests on this machine can use it.
        guard parts.scheme == "https" || parts.scheme == "http" && ["127.0.0.1", "localhost"].contains(host) else {
            throw Refusal(.invalid, "The issuer is an https URL.")
        }
        self.url = url
        self.subject = subject
        self.tokenLifetime = tokenLifetime
    }

    /// The URL gets into policies as it is.
    private static func isPlain(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-._~:/%[]".contains(character))
    }

    public static let standardLifetime: Int64 = 15 * 60_000
    /// Seconds.
    public static let lifetimes = 10...3600
}

/// Issues the tokens that a job's Tendril exchanges for a cloud's credentials. A token is in its response and nowhere
/// else: it is neither stored nor logged.
struct TokenIssuer: Sendable {
    var store: any Store
    var configuration: IssuerConfiguration?
    let keys: SigningKeys
    var ambient: SystemDependencies

    /// Clocks differ; `nbf` lies this much before `iat`. Milliseconds.
    private static let clockMargin: Int64 = 5000

    func required() throws(Refusal) -> IssuerConfiguration {
        guard let configuration else {
            throw Refusal(
                .conflict,
                "This installation issues no tokens, so cloud identities can't be used. An administrator can start "
                    + "Trellis with --identity-issuer URL.")
        }
        return configuration
    }

    /// A token for a job whose lease the caller holds.
    ///
    /// - Parameter held: the job without its documents, whose lease was checked.
    func token(
        for held: Job, phase: TokenPhase, by caller: AuditContext
    ) async throws -> IdentityTokenResponse {
        guard held.state.engine.holdsVine else {
            throw Refusal(.leaseLost, "The job is \(held.status.rawValue) and its engine is gone. It gets no tokens.")
        }
        guard let job = try await store.job(held.id) else { throw Refusal.notFound(Job.noun) }
        let configuration = try required()
        guard let id = job.snapshot.settings.identity else {
            throw Refusal(.conflict, "The job's vine has no cloud identity.")
        }
        // As it is now: who takes an identity from a vine takes it from the vine's jobs, too.
        guard let vine = try await store.vine(job.vine), vine.settings.identity == id else {
            throw Refusal(
                .conflict,
                "The vine no longer uses the cloud identity that it had when this job was created. Plan again.")
        }
        guard let identity = try await store.identity(id) else {
            throw Refusal(.conflict, "The cloud identity of this job was deleted. Choose another one, and plan again.")
        }
        guard identity.vineyard == job.vineyard else {
            throw Refusal(.conflict, "The cloud identity \(identity.name) belongs to another vineyard than the vine.")
        }
        guard job.tokenPhases.contains(phase) else {
            throw Refusal(.conflict, "A \(job.type.rawValue) gets no tokens for the phase \(phase.rawValue).")
        }
        if job.type == .connectionTest, vine.needsTwoPeople {
            try RightsRules.checkTwoPeople(job.type, phase: phase, by: job.createdBy, planner: nil)
        }
        let access = identity.access(in: phase)
        let audience = access.audience(for: identity.provider)
        let subject = configuration.subject.text(
            vineyard: job.vineyard, vine: job.vine, stage: job.snapshot.settings.environmentStage, phase: phase)
        let now = ambient.now()
        // Whole seconds, as in the token.
        let expiresAt = Timestamp(milliseconds: (now.milliseconds + configuration.tokenLifetime) / 1000 * 1000)
        let tokenID: Identifier<IdentityTokenResponse> = ambient.makeID()
        var claims = try await facts(of: job)
        claims.merge([
            "iss": .string(configuration.url), "sub": .string(subject), "aud": .string(audience),
            "iat": .integer(now.milliseconds / 1000),
            "nbf": .integer((now.milliseconds - Self.clockMargin) / 1000),
            "exp": .integer(expiresAt.milliseconds / 1000), "jti": .string(tokenID.rawValue),
            "phase": .string(phase.rawValue),
        ]) { _, own in own }
        let token = try await keys.current().token(.object(claims))
        let event = caller.event(
            .issueToken, on: job,
            changes: [
                "identity": .string(identity.id.rawValue), "identity_name": .string(identity.name),
                "phase": .string(phase.rawValue), "subject": .string(subject), "audience": .string(audience),
                "token_id": .string(tokenID.rawValue), "expires_at": .string(expiresAt.description),
            ], ambient)
        try await store.record(event)
        return IdentityTokenResponse(
            token: token, expiresAt: expiresAt, issuedAt: now, issuer: configuration.url, subject: subject,
            audience: audience, provider: identity.provider, access: access)
    }

    /// What a policy can look at besides the subject.
    private func facts(of job: Job) async throws -> [String: JSONValue] {
        let settings = job.snapshot.settings
        var facts: [String: JSONValue] = [
            "vineyard_id": .string(job.vineyard.rawValue), "vine_id": .string(job.vine.rawValue),
            "project": .string(settings.projectName), "stage": .string(settings.environmentStage),
            "job_id": .string(job.id.rawValue), "job_type": .string(job.type.rawValue),
            "requested_by": .string(job.createdBy),
        ]
        if let commit = job.snapshot.resolvedCommit { facts["commit"] = .string(commit) }
        if let id = job.plan {
            if let plan = try await store.outline(of: id) { facts["requested_by"] = .string(plan.createdBy) }
            facts["approved_by"] = .string(job.createdBy)
            if let digest = try await store.artifactDigest(of: id) { facts["plan_digest"] = .string(digest) }
        }
        return facts
    }
}

extension Job {
    /// The phases for which its Tendril gets tokens.
    fileprivate var tokenPhases: Set<TokenPhase> {
        type == .connectionTest ? Set([options.testedPhase].compactMap(\.self)) : TokenPhase.allowed(for: type)
    }
}
