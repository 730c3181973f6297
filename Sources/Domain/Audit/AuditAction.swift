/// What was done: `RESOURCE.VERB`, such as `job.apply`. Parts of Vintner add their own in extensions.
public struct AuditAction: RawRepresentable, Hashable, Sendable {
    public let rawValue: String

    public init(rawValue: String) { self.rawValue = rawValue }
    public init(_ rawValue: String) { self.rawValue = rawValue }
}

extension AuditAction {
    // Jobs. A PLAN is created, a DEPLOY applies, a DESTROY destroys.
    public static let createJob = AuditAction("job.create")
    public static let applyPlan = AuditAction("job.apply")
    public static let destroy = AuditAction("job.destroy")
    /// A CONNECTION_TEST is created.
    public static let testConnection = AuditAction("job.test_connection")
    public static let rerunJob = AuditAction("job.rerun")
    public static let cancelJob = AuditAction("job.cancel")
    public static let forceCancelJob = AuditAction("job.force_cancel")
    public static let giveUpJob = AuditAction("job.give_up")
    public static let assignJob = AuditAction("job.assign")
    /// A Tendril takes a job; it is given the job's secrets.
    public static let claimJob = AuditAction("job.claim")
    /// A Tendril reports that it runs the job, or its end.
    public static let reportJob = AuditAction("job.report")
    /// A claimed job is queued again, because its Tendril is gone.
    public static let loseLease = AuditAction("lease.lost")

    public static let createVine = AuditAction("vine.create")
    public static let updateVine = AuditAction("vine.update")
    public static let deleteVine = AuditAction("vine.delete")

    public static let takeLock = AuditAction("lock.take")
    public static let releaseLock = AuditAction("lock.release")
    public static let breakLock = AuditAction("lock.break")

    public static let readState = AuditAction("state.read")
    public static let writeState = AuditAction("state.write")
    public static let readArtifact = AuditAction("artifact.read")
    public static let writeArtifact = AuditAction("artifact.write")
    public static let deleteArtifacts = AuditAction("artifact.delete")
    /// A Tendril that came back reads the secrets of its job again.
    public static let readSecrets = AuditAction("secret.read")

    public static let createToken = AuditAction("token.create")
    public static let replaceToken = AuditAction("token.replace")
    public static let revokeToken = AuditAction("token.revoke")
    public static let createLink = AuditAction("link.create")
    /// Signing in.
    public static let createSession = AuditAction("session.create")
    /// Signing out.
    public static let endSession = AuditAction("session.end")
    /// Ending a session, or a link that was not used, of anybody.
    public static let revokeSession = AuditAction("session.revoke")

    public static let registerTendril = AuditAction("tendril.register")
    public static let revokeTendril = AuditAction("tendril.revoke")

    public static let updateTendril = AuditAction("tendril.update")

    public static let createUser = AuditAction("user.create")
    public static let inviteUser = AuditAction("user.invite")
    public static let disableUser = AuditAction("user.disable")
    public static let enableUser = AuditAction("user.enable")
    public static let removeUser = AuditAction("user.remove")
    public static let setPassword = AuditAction("user.set_password")
    /// An identity provider sent other groups of a person than before.
    public static let changeGroups = AuditAction("user.groups")

    public static let createGrant = AuditAction("grant.create")
    public static let revokeGrant = AuditAction("grant.revoke")
    public static let createTeam = AuditAction("team.create")
    public static let updateTeam = AuditAction("team.update")
    public static let deleteTeam = AuditAction("team.delete")
    public static let createVineyard = AuditAction("vineyard.create")
    public static let renameVineyard = AuditAction("vineyard.update")
    public static let deleteVineyard = AuditAction("vineyard.delete")

    public static let createIdentity = AuditAction("identity.create")
    public static let updateIdentity = AuditAction("identity.update")
    public static let deleteIdentity = AuditAction("identity.delete")
    /// A Tendril gets a token for a job, which a cloud exchanges for credentials.
    public static let issueToken = AuditAction("identity.token")
    /// A new key for tokens is published.
    public static let createSigningKey = AuditAction("signing_key.create")

    public static let exportAudit = AuditAction("audit.export")
    /// Events that are older than the configured age were deleted.
    public static let deleteEvents = AuditAction("audit.retention")
    public static let readEvidence = AuditAction("evidence.read")
    /// A request that was denied and has no action of its own, such as a page.
    public static let request = AuditAction("request")
}

extension AuditAction {
    /// Actions that belong together, for people.
    public struct Group: Hashable, Sendable {
        public var name: String
        public var actions: [AuditAction]
    }

    /// All actions, in the order of the audit page's filter.
    public static let groups = [
        Group(
            name: "Jobs",
            actions: [
                .createJob, .applyPlan, .destroy, .rerunJob, .cancelJob, .forceCancelJob, .giveUpJob, .assignJob,
                .claimJob, .reportJob, .loseLease,
            ]),
        Group(
            name: "Vines and states",
            actions: [
                .createVine, .updateVine, .deleteVine, .takeLock, .releaseLock, .breakLock, .readState, .writeState,
            ]),
        Group(
            name: "Plan files and secrets", actions: [.readArtifact, .writeArtifact, .deleteArtifacts, .readSecrets]),
        Group(
            name: "Sign-in and credentials",
            actions: [
                .createSession, .endSession, .revokeSession, .createLink, .createToken, .replaceToken, .revokeToken,
            ]),
        Group(
            name: "People and teams",
            actions: [
                .createUser, .inviteUser, .disableUser, .enableUser, .removeUser, .setPassword, .changeGroups,
                .createTeam, .updateTeam, .deleteTeam,
            ]),
        Group(
            name: "Rights",
            actions: [.createGrant, .revokeGrant, .createVineyard, .renameVineyard, .deleteVineyard, .request]),
        Group(
            name: "Identities",
            actions: [
                .createIdentity, .updateIdentity, .deleteIdentity, .testConnection, .issueToken, .createSigningKey,
            ]),
        Group(name: "Tendrils", actions: [.registerTendril, .revokeTendril, .updateTendril]),
        Group(name: "Audit", actions: [.exportAudit, .deleteEvents, .readEvidence]),
    ]
}
