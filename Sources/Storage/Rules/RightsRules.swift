package import Domain

/// Rules about rights that both engines apply.
package enum RightsRules {
    /// Whether a grant may be removed. - Throws: ``Refusal`` `.conflict` for that of the admin token.
    package static func checkRevocation(of grant: Grant) throws(Refusal) {
        guard grant.principal != Grant.admin || grant.role != .admin || grant.scope != .installation else {
            throw Refusal(
                .conflict,
                "The last administrator can't be removed: the admin token keeps this role. To replace the token, run "
                    + "\"vintner tokens replace-admin\".")
        }
    }

    /// Whether a new grant ends the automatic one of its principal.
    package static func replacesAutomatic(_ grant: Grant) -> Bool {
        grant.principal != GrantPrincipal(.user, grant.createdBy)
    }

    /// Whether a job may be created on a vine where two people are needed.
    ///
    /// - Parameters:
    ///   - phase: what a CONNECTION_TEST gets a token for.
    ///   - planner: who made the plan that the job applies.
    /// - Throws: ``Refusal`` `.forbidden`.
    package static func checkTwoPeople(
        _ type: JobType, phase: TokenPhase?, by user: String, planner: String?
    ) throws(Refusal) {
        switch type {
        case .plan: return
        case .connectionTest:
            guard phase != .plan else { return }
            throw Refusal(
                .forbidden,
                "This stage needs two people, so nobody tests the identity for applying alone. Test it for planning.")
        case .deploy:
            guard planner == user else { return }
            throw Refusal(
                .forbidden, "This stage needs two people: \(user) made the plan, so somebody else must apply it.")
        case .destroy:
            throw Refusal(
                .forbidden,
                "This stage needs two people, and a DESTROY is planned and applied by one. A maintainer can end that "
                    + "rule in the vine's settings.")
        }
    }

    package static func checkTendril(_ name: String, serves vineyards: Set<VineyardID>, _ vineyard: VineyardID)
        throws(Refusal)
    {
        guard vineyards.isEmpty || vineyards.contains(vineyard) else {
            throw Refusal(.conflict, "Tendril \(name) does not run jobs of this vineyard.")
        }
    }

    /// Whether a vine of `vineyard` may use the identity.
    package static func checkUse(of identity: CloudIdentity?, in vineyard: VineyardID) throws(Refusal) {
        guard let identity else { throw Refusal.notFound("cloud identity") }
        guard identity.vineyard == vineyard else {
            throw Refusal(
                .conflict,
                "The cloud identity \(identity.name) belongs to another vineyard. Choose one of the vine's vineyard.")
        }
    }

    package static func tooMany(_ what: String, _ limit: Int) -> Refusal {
        Refusal(.conflict, "There are \(limit) \(what) already, which is the maximum.")
    }

    package static func taken(_ what: String, _ name: String) -> Refusal {
        Refusal(.conflict, "A \(what) named \(name) exists already.")
    }
}

extension VisibleVines {
    /// For a parameter: a JSON array of ids.
    package var vineyardList: String { Self.list(vineyards) }
    package var vineList: String { Self.list(vines) }

    private static func list<Noun>(_ ids: Set<Identifier<Noun>>) -> String {
        "[" + ids.map { "\"\($0.rawValue)\"" }.sorted().joined(separator: ",") + "]"
    }

    package func contains(_ row: JobRow) -> Bool { contains(row.vine, in: row.vineyard) }
}
