import Domain
import Foundation
import SystemCalls
import Wire

/// The files through which an engine gets the cloud identity of its job. They are there while the job runs.
struct IdentityFiles: Sendable {
    /// Where the engine can read.
    let folder: String
    /// As whom the engine runs; nil for the Tendril's own user.
    let user: EngineUser?

    /// Below the run root: where the folders of all jobs are whose engines run as another user.
    static let folderName = ".identities"

    init(_ job: JobFolder, user: EngineUser?) {
        folder = job.identity
        self.user = user
    }

    var token: String { "\(folder)/token" }
    /// Google's external-account configuration.
    var account: String { "\(folder)/google.json" }

    /// Writes what belongs to a token. A file that is there is replaced atomically: an engine reads the old token or the
    /// new one, never a part of one.
    ///
    /// The engine runs meanwhile. So the folder, and the one that it lies in, stay the Tendril's: the engine's user can
    /// put nothing there that would be followed.
    func write(_ answer: IdentityTokenResponse, tokenURL: String) throws {
        if user == nil {
            try Files.makeFolder(folder)
        } else {
            let parent = folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)]
            for place in [String(parent), folder] { try EngineUser.makePassableFolder(place) }
        }
        try replace(token, by: Data(answer.token.utf8))
        guard answer.provider == .gcp else { return }
        try replace(account, by: Data(externalAccount(answer, tokenURL: tokenURL).bytes))
    }

    private func replace(_ path: String, by data: Data) throws {
        let draft = path + ".new"
        try Files.remove(draft)
        if let user {
            try user.create(Array(data), at: draft)
        } else {
            try Files.create(data, at: draft, mode: 0o600)
        }
        try Files.move(draft, to: path)
    }

    func remove() throws { try Files.remove(folder) }

    private func externalAccount(_ answer: IdentityTokenResponse, tokenURL: String) -> JSONValue {
        var fields: [String: JSONValue] = [
            "type": "external_account", "audience": .string(answer.audience),
            "subject_token_type": "urn:ietf:params:oauth:token-type:jwt", "token_url": .string(tokenURL),
            "credential_source": ["file": .string(token), "format": ["type": "text"]],
        ]
        if let account = answer.access.serviceAccount {
            fields["service_account_impersonation_url"] = .string(
                "https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/\(account):generateAccessToken")
        }
        return .object(fields)
    }

    // MARK: - The environment

    /// What the engine's environment gets. What the vine itself says about its region stays.
    func environment(
        for answer: IdentityTokenResponse, over vine: [String: String], endpoints: CloudEndpoints = CloudEndpoints()
    ) -> [String: String] {
        let access = answer.access
        var entries = endpoints.environment(for: answer.provider)
        switch answer.provider {
        case .aws:
            entries["AWS_WEB_IDENTITY_TOKEN_FILE"] = token
            entries["AWS_ROLE_ARN"] = access.roleArn
            entries["AWS_ROLE_SESSION_NAME"] = access.sessionNameOrDefault
            if let region = access.region {
                for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] where vine[name] == nil { entries[name] = region }
            }
        case .gcp:
            entries["GOOGLE_APPLICATION_CREDENTIALS"] = account
            if let project = access.project, vine["GOOGLE_PROJECT"] == nil { entries["GOOGLE_PROJECT"] = project }
        case .azure:
            entries["ARM_USE_OIDC"] = "true"
            entries["ARM_OIDC_TOKEN_FILE_PATH"] = token
            entries["ARM_CLIENT_ID"] = access.clientId
            entries["ARM_TENANT_ID"] = access.tenantId
            entries["ARM_SUBSCRIPTION_ID"] = access.subscriptionId
            entries["AZURE_FEDERATED_TOKEN_FILE"] = token
            entries["AZURE_CLIENT_ID"] = access.clientId
            entries["AZURE_TENANT_ID"] = access.tenantId
        }
        return entries
    }

    /// Names that would be used instead of the identity, or that the identity sets itself.
    static func reserved(by provider: CloudProvider) -> Set<String> {
        switch provider {
        case .aws:
            [
                "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_ROLE_ARN",
                "AWS_ROLE_SESSION_NAME", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE",
                "AWS_CONFIG_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            ]
        case .gcp:
            [
                "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CREDENTIALS", "GOOGLE_CLOUD_KEYFILE_JSON",
                "GCLOUD_KEYFILE_JSON", "GOOGLE_OAUTH_ACCESS_TOKEN",
            ]
        case .azure:
            [
                "ARM_CLIENT_SECRET", "ARM_CLIENT_ID", "ARM_TENANT_ID", "ARM_SUBSCRIPTION_ID", "ARM_OIDC_TOKEN",
                "ARM_OIDC_TOKEN_FILE_PATH", "ARM_CLIENT_CERTIFICATE", "ARM_CLIENT_CERTIFICATE_PATH", "ARM_USE_MSI",
                "AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE",
            ]
        }
    }
}

/// Names with which a vine's environment would take the place of its identity, or send the token somewhere else.
enum IdentityRules {
    static func refused(by provider: CloudProvider) -> Set<String> {
        IdentityFiles.reserved(by: provider).union(redirecting(provider))
    }

    /// The operator may set these; they stay in what an engine inherits from the Tendril.
    private static func redirecting(_ provider: CloudProvider) -> Set<String> {
        switch provider {
        case .aws:
            [
                "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_STS_ENDPOINT", "TF_AWS_STS_ENDPOINT", "AWS_CA_BUNDLE",
            ]
        case .gcp: ["GOOGLE_UNIVERSE_DOMAIN", "GOOGLE_CLOUD_UNIVERSE_DOMAIN"]
        case .azure:
            [
                "AZURE_AUTHORITY_HOST", "ARM_METADATA_HOST", "ARM_METADATA_HOSTNAME", "ARM_OIDC_REQUEST_URL",
                "ARM_OIDC_REQUEST_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            ]
        }
    }
}

extension CloudAccess {
    var sessionNameOrDefault: String { sessionName ?? "vintner" }
}

extension JobFolder {
    /// The tokens that the log masks: kept as long as the folder, as ``keptSecrets`` are.
    var keptTokens: String { path + "/tokens.json" }
}

/// The tokens that a job got, to mask what was captured also after a restart.
enum KeptTokens {
    static func add(_ texts: [String], in folder: JobFolder) throws {
        let all = load(from: folder) + texts
        try Files.write(
            Data(JSONValue.array(all.map(JSONValue.string)).bytes), to: folder.keptTokens, mode: 0o600, durably: true)
    }

    static func load(from folder: JobFolder) -> [String] {
        guard let data = try? Files.read(folder.keptTokens),
            case .array(let items)? = try? JSONValue(parsing: data, maxDepth: JSONDepth.trusted)
        else { return [] }
        return items.compactMap { if case .string(let text) = $0 { text } else { nil } }
    }

    /// The token, and its signature by itself. What is between is known to whoever knows the job; as a secret of its own
    /// it would be read as a document, and hide the vine's name and ID wherever they are.
    static func texts(of token: String) -> [String] {
        [token] + token.split(separator: ".").suffix(1).map(String.init)
    }
}
