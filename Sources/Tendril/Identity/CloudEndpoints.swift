import Domain
import Foundation

/// Where tokens are exchanged, if not at the clouds' own addresses. Only the operator says so, in the Tendril's
/// environment: with an endpoint of its own, a vine could get hold of tokens for which it needs a second person.
struct CloudEndpoints: Hashable, Sendable {
    var aws: String?
    var azure: String?
    var google = "https://sts.googleapis.com/v1/token"

    static let awsName = "AWS_ENDPOINT_URL_STS"
    static let azureName = "AZURE_AUTHORITY_HOST"

    /// - Parameter environment: the Tendril's own.
    init(environment: [String: String] = [:]) {
        aws = environment[Self.awsName]
        azure = environment[Self.azureName]
    }

    /// What the engine needs to exchange tokens at the same place.
    func environment(for provider: CloudProvider) -> [String: String] {
        switch provider {
        case .aws: aws.map { [Self.awsName: $0] } ?? [:]
        case .gcp: [:]
        case .azure: azure.map { [Self.azureName: $0] } ?? [:]
        }
    }

    /// The URL to which a token is sent.
    ///
    /// - Throws: ``CloudExchangeError`` for an endpoint or a region that is not one.
    func url(for provider: CloudProvider, _ access: CloudAccess) throws(CloudExchangeError) -> String {
        switch provider {
        case .aws:
            if let aws { return try Self.checked(aws, Self.awsName) }
            return try Self.securityTokenService(of: access)
        case .gcp: return google
        case .azure:
            var host = "https://login.microsoftonline.com"
            if let azure { host = try Self.checked(azure, Self.azureName) }
            while host.hasSuffix("/") { host.removeLast() }
            return "\(host)/\(PercentEncoding.encode(access.tenantId ?? ""))/oauth2/v2.0/token"
        }
    }

    private static func securityTokenService(of access: CloudAccess) throws(CloudExchangeError) -> String {
        let partition = (access.roleArn ?? "").split(separator: ":").dropFirst().first ?? ""
        // Only the first has an endpoint without a region.
        let standard: [Substring: String] = ["aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"]
        let suffix = partition == "aws-cn" ? "amazonaws.com.cn" : "amazonaws.com"
        guard let region = access.region ?? standard[partition] else { return "https://sts.\(suffix)" }
        guard CloudAccess.isRegion(region) else {
            throw CloudExchangeError(description: "The cloud identity has a malformed region.")
        }
        return "https://sts.\(region).\(suffix)"
    }

    private static func checked(_ url: String, _ name: String) throws(CloudExchangeError) -> String {
        let parts = URLComponents(string: url)
        let host = parts?.host ?? ""
        let isLoopback = ["127.0.0.1", "localhost", "::1", "[::1]"].contains(host)
        guard let parts, !host.isEmpty, parts.scheme == "https" || parts.scheme == "http" && isLoopback,
            parts.user == nil, parts.password == nil, parts.query == nil, parts.fragment == nil
        else {
            throw CloudExchangeError(
                description:
                    "\(name) in the environment of this Tendril is not an https URL. Correct it, and start the "
                    + "Tendril again.")
        }
        return url
    }
}
