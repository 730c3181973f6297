import Domain
import Foundation
import Logging
import SystemCalls
import Wire

extension JobRunner {
    /// Sets the cloud identity up that `phase` runs with. What can't be set up keeps the phase from running; a phase that
    /// runs already, because this Tendril was restarted, goes on in any case.
    func assumeIdentity(for phase: Phase) async throws {
        guard let order, order.snapshot.settings.identity != nil else { return }
        let tokenPhase = TokenPhase(of: phase, in: progress.type)
        if identity?.phase == tokenPhase { return }
        guard progress.mark(of: phase) == nil else {
            guard identity == nil else { return }
            do { try await setUp(tokenPhase, order, isResumed: true) } catch is CancellationError {
                throw CancellationError()
            } catch {
                logger.warning("the job's cloud identity could not be set up again: \(mask("\(error)"))")
            }
            return
        }
        try await setUp(tokenPhase, order, isResumed: false)
    }

    private func setUp(_ phase: TokenPhase, _ order: ClaimResponse, isResumed: Bool) async throws {
        await stopIdentity()
        let token = try await stop.interrupting { [self] in
            try await retryUntilAnswered("getting a token") {
                try await self.host.trellis.identityToken(self.lease, phase: phase)
            }
        }
        try Self.check(order, for: token.provider)
        try await place(token)
        let vine = host.environment.forVine(
            order.snapshot.settings, secrets: order.secrets.environment, metadataFile: folder.metadata)
        let files = IdentityFiles(folder, user: host.user)
        let made = JobIdentity(
            token, phase: phase,
            environment: files.environment(for: token, over: vine, endpoints: host.cloud.endpoints))
        identity = made
        if !isResumed {
            await note(token.sentence)
            _ = try await check(token)
        }
        await made.keepFresh(sleeper: host.sleeper, ambient: host.ambient) { [weak self] in
            try await self?.renew(phase)
        }
    }

    /// Exchanges the token once, so that a job with an identity that does not work ends before its engine starts.
    func check(_ token: IdentityTokenResponse) async throws -> CloudSession {
        var attempt = 1
        while true {
            do {
                return try await stop.interrupting { [host] in
                    try await host.cloud.exchange(token)
                }
            } catch let error as CloudExchangeError {
                guard error.isTransient, attempt < 4 else { throw JobError(description: error.description) }
                attempt += 1
                try await stop.interrupting { [sleeper = host.sleeper] in try await sleeper.sleep(.seconds(2)) }
            }
        }
    }

    /// The next token of a job that runs; nil once there is none anymore.
    private func renew(_ phase: TokenPhase) async throws -> IdentityTokenResponse? {
        do {
            let token = try await host.trellis.identityToken(lease, phase: phase)
            try Task.checkCancellation()
            try await place(token)
            await note("Credentials renewed, valid until \(token.expiresAt.clock)")
            return token
        } catch let error as TrellisCallError {
            guard !error.isTransient, !error.isUnauthorised else { throw error }
            await note("The credentials can't be renewed: \(error.sentence)")
            return nil
        }
    }

    /// Hides the token in all that leaves this machine, then gives it to the engine.
    private func place(_ token: IdentityTokenResponse) async throws {
        let texts = KeptTokens.texts(of: token.token)
        try KeptTokens.add(texts, in: folder)
        await services?.log.hide(texts)
        try IdentityFiles(folder, user: host.user).write(token, tokenURL: host.cloud.endpoints.google)
    }

    /// Keys in the vine's environment would be used silently, instead of the identity; and with an endpoint, tokens
    /// would be sent to where the vine says.
    private static func check(_ order: ClaimResponse, for provider: CloudProvider) throws {
        let names = Set(order.snapshot.settings.environment.keys).union(order.secrets.environment.keys)
        let reserved = names.intersection(IdentityRules.refused(by: provider)).sorted()
        guard let first = reserved.first else { return }
        throw JobError(
            description:
                "The vine has a cloud identity, and \(first) in its environment, which would be used instead or change "
                + "where the token is sent. Remove one of them.")
    }

    /// No new token is written after this; the files go with the others that hold secrets.
    func stopIdentity() async {
        await identity?.stop()
        identity = nil
    }

    // MARK: - CONNECTION_TEST

    /// Says who the job is in the cloud. No engine runs.
    func testConnection() async throws {
        let order = try requireOrder()
        let token = try await stop.interrupting { [self] in
            try await retryUntilAnswered("getting a token") {
                try await self.host.trellis.identityToken(
                    self.lease, phase: order.options?.testedPhase ?? .plan)
            }
        }
        let texts = KeptTokens.texts(of: token.token)
        try KeptTokens.add(texts, in: folder)
        await services?.log.hide(texts)
        try Self.check(order, for: token.provider)
        await note(token.sentence)
        let begun = host.ambient.now()
        let session = try await check(token)
        let took = host.ambient.now().milliseconds(since: begun)
        var facts: [String: JSONValue] = [
            "principal": .string(session.principal), "provider": .string(token.provider.rawValue),
            "subject": .string(token.subject), "audience": .string(token.audience), "took_ms": .integer(took),
        ]
        var words = "Connected as \(session.principal)"
        if let account = session.account {
            facts["account"] = .string(account)
            words += ", account \(account)"
        }
        if let region = session.region {
            facts["region"] = .string(region)
            words += ", region \(region)"
        }
        if let expiresAt = session.expiresAt {
            facts["expires_at"] = .string(expiresAt.description)
            words += ", credentials valid until \(expiresAt.clock)"
        }
        await note(words)
        let masked = masker.mask(JSONValue.object(["connection": .object(facts)]))
        try record { progress in
            progress.metadata = progress.metadata.merging(masked)
            progress.connection = words
        }
    }
}

extension TokenPhase {
    /// What a command of the engine does with a token. A DESTROY plans first.
    init(of phase: Phase, in type: JobType) {
        switch type {
        case .plan, .connectionTest: self = .plan
        case .deploy: self = .apply
        case .destroy: self = phase == .apply || phase == .pullAfter ? .destroy : .plan
        }
    }
}

extension IdentityTokenResponse {
    /// The SYSTEM line about what the job becomes.
    fileprivate var sentence: String {
        switch provider {
        case .aws:
            let seconds = access.durationSeconds ?? CloudAccess.defaultDuration
            let duration = seconds % 3600 == 0 ? "\(seconds / 3600) h" : "\(seconds / 60) min"
            return "Assuming IAM role \(access.title) for \(duration)"
        case .gcp:
            return access.serviceAccount.map { "Assuming Google service account \($0)" }
                ?? "Assuming Google workload identity \(access.title)"
        case .azure: return "Assuming Azure application \(access.title)"
        }
    }
}

extension Timestamp {
    /// `11:59:58 UTC`.
    fileprivate var clock: String { "\(description.dropFirst(11).prefix(8)) UTC" }
}
