internal import Domain
internal import Wire

/// Which call of the API records which actions. A call that changes something, or reads what is secret, and is not
/// listed here fails the tests.
enum AuditedCalls {
    /// The actions that a call records when it succeeds; its first one also names its denials.
    static let actions: [String: [AuditAction]] = [
        "signIn": [.createSession], "signOut": [.endSession], "createSignInLink": [.createLink],
        "createToken": [.createToken], "replaceAdminToken": [.replaceToken], "revokeToken": [.revokeToken],
        "revokeSession": [.revokeSession],

        "createVine": [.createVine], "updateVine": [.updateVine], "deleteVine": [.deleteVine],
        "breakStateLock": [.breakLock],

        "readState": [.readState], "readStateVersion": [.readState], "downloadVineState": [.readState],
        "writeState": [.writeState],
        "lockState": [.takeLock], "lockStateWithLOCK": [.takeLock], "lockStateAtItsPath": [.takeLock],
        "unlockState": [.releaseLock], "unlockStateWithUNLOCK": [.releaseLock],
        "unlockStateAtItsPath": [.releaseLock],

        "createJob": [.createJob, .applyPlan, .destroy, .testConnection], "assignJob": [.assignJob],
        "cancelJob": [.cancelJob],
        "forceCancelJob": [.forceCancelJob], "giveUpJob": [.giveUpJob], "applyPlan": [.applyPlan],
        "rerunJob": [.createJob, .applyPlan, .destroy, .testConnection],

        "registerTendril": [.registerTendril], "revokeTendril": [.revokeTendril], "claimJob": [.claimJob],
        "getWork": [.readSecrets], "reportStatus": [.reportJob], "saveArtifact": [.writeArtifact],
        "readArtifact": [.readArtifact],

        "createIdentity": [.createIdentity], "updateIdentity": [.updateIdentity],
        "deleteIdentity": [.deleteIdentity], "createIdentityToken": [.issueToken],

        "createUser": [.createUser, .createGrant, .updateTeam, .inviteUser], "inviteUser": [.inviteUser],
        "disableUser": [.disableUser],
        "enableUser": [.enableUser], "removeUser": [.removeUser], "signOutUser": [.revokeSession],
        "setPassword": [.setPassword], "endOtherSessions": [.revokeSession], "createLoginCode": [.createLink],
        "redeemLoginCode": [.createToken],
        "updateTendril": [.updateTendril], "createGrant": [.createGrant], "revokeGrant": [.revokeGrant],
        "createTeam": [.createTeam], "updateTeam": [.updateTeam], "deleteTeam": [.deleteTeam],
        "createVineyard": [.createVineyard], "renameVineyard": [.renameVineyard],
        "deleteVineyard": [.deleteVineyard],

        "listAuditEvents": [.exportAudit], "exportAuditChain": [.exportAudit], "getEvidence": [.readEvidence],
    ]

    /// Calls of Tendrils that change something and are not deeds of their own, with the reason.
    static let unrecorded: [String: String] = [
        "sendHeartbeat": "Says only that the Tendril is there; what comes of it, a lost lease, is recorded.",
        "appendLog": "The log is its own record, with digests.",
        "readInvitation": "Shows whom an invitation is for; using it is recorded.",
        "reportResources": "Repeats what the log says.",
        "savePlanChanges": "Repeats what the stored plan says.",
    ]

    private static let operations = Dictionary(
        Endpoints.all.map { ("\($0.method.rawValue) \($0.path)", $0.operation) },
        uniquingKeysWith: { first, _ in first })

    /// What a request tried, for the record of its denial.
    static func action(method: String, path: String?) -> AuditAction {
        let operation = path.flatMap { operations["\(method) \($0)"] }
        return operation.flatMap { actions[$0]?.first } ?? .request
    }
}
