/// What the jobs of vines are in a cloud: a role that is assumed with a short-lived token instead of a stored key.
public struct CloudIdentity: Hashable, Sendable, Identifiable {
    public var id: CloudIdentityID
    public var name: String
    /// Only vines of this vineyard can use it.
    public var vineyard: VineyardID
    public var provider: CloudProvider
    /// For planning: it should only read, because a plan runs the programs of a configuration.
    public var plan: CloudAccess
    /// For applying and destroying.
    public var apply: CloudAccess
    public var createdBy: String
    public var createdAt: Timestamp
    public var updatedAt: Timestamp

    public init(
        id: CloudIdentityID, name: String, vineyard: VineyardID, provider: CloudProvider, plan: CloudAccess,
        apply: CloudAccess, createdBy: String, createdAt: Timestamp, updatedAt: Timestamp
    ) {
        self.id = id
        self.name = name
        self.vineyard = vineyard
        self.provider = provider
        self.plan = plan
        self.apply = apply
        self.createdBy = createdBy
        self.createdAt = createdAt
        self.updatedAt = updatedAt
    }

    public func access(in phase: TokenPhase) -> CloudAccess {
        switch phase {
        case .plan: plan
        case .apply, .destroy: apply
        }
    }

    /// How many there may be.
    public static let limit = 1000
}

public typealias CloudIdentityID = Identifier<CloudIdentity>

public enum CloudProvider: String, Hashable, Codable, CaseIterable, Sendable {
    case aws, gcp, azure

    public var title: String {
        switch self {
        case .aws: "AWS"
        case .gcp: "Google Cloud"
        case .azure: "Azure"
        }
    }
}

/// What a job does with a token: part of the token's subject, so that a cloud can tell a plan from an apply.
public enum TokenPhase: String, Hashable, Codable, CaseIterable, Sendable {
    case plan, apply, destroy

    /// The phases for which the holder of a job of this type gets tokens.
    public static func allowed(for type: JobType) -> Set<TokenPhase> {
        switch type {
        case .plan: [.plan]
        case .deploy: [.apply]
        case .destroy: [.plan, .destroy]
        // It names the one that it tests.
        case .connectionTest: []
        }
    }
}

/// One way into a cloud. Which fields there are depends on the provider; see ``check(for:called:)``.
public struct CloudAccess: Hashable, Codable, Sendable {
    // AWS
    public var roleArn: String?
    /// `vintner` if absent.
    public var sessionName: String?
    /// How long credentials last that Vintner itself asks for, in seconds.
    public var durationSeconds: Int?
    public var region: String?

    // Google Cloud
    /// `projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER`.
    public var workloadIdentityProvider: String?
    /// nil for a pool that has access itself.
    public var serviceAccount: String?
    public var project: String?

    // Azure
    public var tenantId: String?
    public var clientId: String?
    public var subscriptionId: String?

    /// What the token is for; the provider's usual one if absent.
    public var audience: String?

    public init() {}

    /// An AWS role.
    public init(
        roleArn: String, sessionName: String? = nil, durationSeconds: Int? = nil, region: String? = nil,
        audience: String? = nil
    ) {
        self.roleArn = roleArn
        self.sessionName = sessionName
        self.durationSeconds = durationSeconds
        self.region = region
        self.audience = audience
    }

    /// The audience of a token for it.
    public func audience(for provider: CloudProvider) -> String {
        if let audience { return audience }
        switch provider {
        case .aws: return "aws.workload.identity"
        case .gcp: return "//iam.googleapis.com/\(workloadIdentityProvider ?? "")"
        case .azure: return "api://AzureADTokenExchange"
        }
    }

    /// How people know it: a role, a service account, an application.
    public var title: String { roleArn ?? serviceAccount ?? clientId ?? workloadIdentityProvider ?? "" }

    public static let defaultDuration = 3600
}

extension CloudAccess {
    /// - Parameter field: `plan` or `apply`.
    /// - Throws: ``Refusal`` `.invalid` for a value that is missing, malformed, or of another provider.
    public func check(for provider: CloudProvider, called field: String) throws(Refusal) {
        for (name, value, owner) in fields where value != nil && owner != nil && owner != provider {
            throw Refusal(.invalid, "\"\(field).\(name)\" does not belong to \(provider.title).")
        }
        for (name, value, _) in fields {
            guard let value else { continue }
            // The values get into files, environments and policies.
            guard !value.isEmpty, value.utf8.count <= 512, value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }),
                !value.contains(where: { "\"\\'`$<>".contains($0) })
            else {
                throw Refusal(
                    .invalid, "\"\(field).\(name)\" has 1 to 512 visible ASCII characters, without quotes and $.")
            }
        }
        switch provider {
        case .aws: try checkAWS(field)
        case .gcp: try checkGoogle(field)
        case .azure: try checkAzure(field)
        }
    }

    private var fields: [(name: String, value: String?, owner: CloudProvider?)] {
        [
            ("role_arn", roleArn, .aws), ("session_name", sessionName, .aws),
            ("duration_seconds", durationSeconds.map { String($0) }, .aws), ("region", region, .aws),
            ("workload_identity_provider", workloadIdentityProvider, .gcp), ("service_account", serviceAccount, .gcp),
            ("project", project, .gcp), ("tenant_id", tenantId, .azure), ("client_id", clientId, .azure),
            ("subscription_id", subscriptionId, .azure), ("audience", audience, nil),
        ]
    }

    private func checkAWS(_ field: String) throws(Refusal) {
        // arn:PARTITION:iam::ACCOUNT:role/PATH/NAME
        let parts = (roleArn ?? "").split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[0] == "arn", ["aws", "aws-cn", "aws-us-gov"].contains(parts[1]),
            parts[2] == "iam", parts[3].isEmpty, parts[4].count == 12, parts[4].allSatisfy(\.isNumber),
            parts[5].hasPrefix("role/"), parts[5].count > 5, Self.isPlain(parts[5], and: "/+=,.@_-")
        else {
            throw Refusal(.invalid, "\"\(field).role_arn\" is the ARN of a role, arn:aws:iam::ACCOUNT:role/NAME.")
        }
        if let sessionName {
            guard (2...64).contains(sessionName.count), Self.isPlain(sessionName, and: "_=,.@-") else {
                throw Refusal(.invalid, "\"\(field).session_name\" has 2 to 64 letters, digits and _=,.@-.")
            }
        }
        if let durationSeconds, !(900...43_200).contains(durationSeconds) {
            throw Refusal(.invalid, "\"\(field).duration_seconds\" is 900 to 43200.")
        }
        if let region, !Self.isRegion(region) {
            throw Refusal(.invalid, "\"\(field).region\" is the name of a region, such as eu-west-1.")
        }
    }

    /// It becomes part of an address.
    public static func isRegion(_ text: String) -> Bool {
        (1...32).contains(text.utf8.count) && text == text.lowercased() && isPlain(text, and: "-")
    }

    private static func isPlain(_ text: some StringProtocol, and others: String) -> Bool {
        text.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || others.contains($0)) }
    }

    private func checkGoogle(_ field: String) throws(Refusal) {
        let parts = (workloadIdentityProvider ?? "").split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 8, parts[0] == "projects", parts[1].allSatisfy(\.isNumber), !parts[1].isEmpty,
            parts[2] == "locations", parts[4] == "workloadIdentityPools", parts[6] == "providers",
            !parts[3].isEmpty, !parts[5].isEmpty, !parts[7].isEmpty, parts.allSatisfy({ Self.isPlain($0, and: "_-") })
        else {
            throw Refusal(
                .invalid,
                "\"\(field).workload_identity_provider\" is "
                    + "projects/NUMBER/locations/global/workloadIdentityPools/POOL/providers/PROVIDER.")
        }
        // Both are in commands that people paste.
        if let serviceAccount {
            let sides = serviceAccount.split(separator: "@", omittingEmptySubsequences: false)
            guard sides.count == 2, !sides[0].isEmpty, !sides[1].isEmpty, Self.isPlain(sides[0], and: "._-"),
                Self.isPlain(sides[1], and: ".-"), !serviceAccount.hasPrefix("-")
            else {
                throw Refusal(.invalid, "\"\(field).service_account\" is the e-mail address of a service account.")
            }
        }
        if let project {
            guard project == project.lowercased(), Self.isPlain(project, and: ":.-"), !project.hasPrefix("-") else {
                throw Refusal(.invalid, "\"\(field).project\" is the ID of a project: small letters, digits and :.-.")
            }
        }
    }

    private func checkAzure(_ field: String) throws(Refusal) {
        for (name, value) in [
            ("tenant_id", tenantId), ("client_id", clientId), ("subscription_id", subscriptionId),
        ] {
            guard let value, Identifier<CloudAccess>(value) != nil else {
                throw Refusal(.invalid, "\"\(field).\(name)\" is a UUID.")
            }
        }
    }
}
