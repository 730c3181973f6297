/// What an administrator of a cloud pastes, so that the cloud trusts the tokens of an identity.
public struct TrustPolicy: Hashable, Sendable {
    /// `plan` or `apply`.
    public var phase: TokenPhase
    /// JSON, or commands.
    public var text: String
    /// What to do with it, in a sentence.
    public var instruction: String

    /// - Parameters:
    ///   - issuer: the URL in the tokens' `iss`.
    ///   - vines: those that the policy names; all of the vineyard if empty.
    public static func make(
        for identity: CloudIdentity, applying: Bool, issuer: String, subject: TokenSubject,
        vines: [(id: VineID, stage: String)]
    ) -> TrustPolicy {
        let access = applying ? identity.apply : identity.plan
        let phases: [TokenPhase] = applying ? [.apply, .destroy] : [.plan]
        let isWhole = vines.isEmpty
        let subjects = phases.flatMap { phase in
            isWhole
                ? [subject.pattern(vineyard: identity.vineyard, phase: phase)].compactMap(\.self)
                : vines.map {
                    subject.text(vineyard: identity.vineyard, vine: $0.id, stage: $0.stage, phase: phase)
                }
        }
        let audience = access.audience(for: identity.provider)
        let text: String
        let instruction: String
        switch identity.provider {
        case .aws:
            text = aws(access, issuer: issuer, audience: audience, subjects: subjects, isPattern: isWhole)
            instruction = "Paste it as the trust policy of \(access.title) in IAM."
        case .gcp:
            text = google(access, subjects: subjects, isPattern: isWhole)
            instruction =
                isWhole
                ? "Set it as the attribute condition of the provider, then bind the pool."
                : "Run it in Cloud Shell, or with your own Terraform."
        case .azure:
            text = azure(issuer: issuer, audience: audience, subjects: subjects)
            instruction =
                "Add each as a federated credential of the application. Azure compares whole subjects, so each vine "
                + "and phase needs one."
        }
        return TrustPolicy(phase: applying ? .apply : .plan, text: text, instruction: instruction)
    }

    private static func aws(
        _ access: CloudAccess, issuer: String, audience: String, subjects: [String], isPattern: Bool
    ) -> String {
        let name = issuer.split(separator: "://", maxSplits: 1).last.map(String.init) ?? issuer
        let parts = (access.roleArn ?? "").split(separator: ":", omittingEmptySubsequences: false)
        let (partition, account) = parts.count > 4 ? (parts[1], parts[4]) : ("aws", "ACCOUNT")
        let list = subjects.map { "          \"\($0)\"" }.joined(separator: ",\n")
        let condition =
            isPattern
            ? """
                  "StringEquals": {
                    "\(name):aud": "\(audience)"
                  },
                  "StringLike": {
                    "\(name):sub": [
            \(list)
                    ]
                  }
            """
            : """
                  "StringEquals": {
                    "\(name):aud": "\(audience)",
                    "\(name):sub": [
            \(list)
                    ]
                  }
            """
        return """
            {
              "Version": "2012-10-17",
              "Statement": [{
                "Effect": "Allow",
                "Principal": {
                  "Federated": "arn:\(partition):iam::\(account):oidc-provider/\(name)"
                },
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {
            \(condition)
                }
              }]
            }
            """
    }

    private static func google(_ access: CloudAccess, subjects: [String], isPattern: Bool) -> String {
        let pool = (access.workloadIdentityProvider ?? "").split(separator: "/").prefix(6).joined(separator: "/")
        if isPattern {
            let conditions = subjects.map { pattern in
                // CEL: what comes before the first star, and what comes after the last.
                let pieces = pattern.split(separator: "*", omittingEmptySubsequences: false)
                return "(google.subject.startsWith(\"\(pieces.first ?? "")\") && "
                    + "google.subject.endsWith(\"\(pieces.last ?? "")\"))"
            }
            return conditions.joined(separator: "\n  || ")
        }
        return subjects.map { subject in
            let member = "principal://iam.googleapis.com/\(pool)/subject/\(subject)"
            guard let account = access.serviceAccount else {
                return """
                    gcloud projects add-iam-policy-binding '\(access.project ?? "PROJECT")' \\
                      --role=ROLE \\
                      --member='\(member)'
                    """
            }
            return """
                gcloud iam service-accounts add-iam-policy-binding \\
                  '\(account)' \\
                  --role=roles/iam.workloadIdentityUser \\
                  --member='\(member)'
                """
        }.joined(separator: "\n")
    }

    private static func azure(issuer: String, audience: String, subjects: [String]) -> String {
        subjects.enumerated().map { number, subject in
            """
            {
              "name": "vintner-\(number + 1)",
              "issuer": "\(issuer)",
              "subject": "\(subject)",
              "audiences": ["\(audience)"]
            }
            """
        }.joined(separator: "\n")
    }
}
