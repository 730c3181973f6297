import AsyncHTTPClient
import Domain
import Foundation
import NIOCore
import NIOFoundationCompat
import NIOHTTP1
import Wire

/// Who a job is in a cloud.
struct CloudSession: Hashable, Sendable {
    /// An ARN, an account or an application.
    var principal: String
    /// An AWS account; nil for other clouds.
    var account: String?
    var region: String?
    var expiresAt: Timestamp?
}

/// Exchanges a token for a cloud's credentials, to see that it works. The credentials themselves are dropped.
protocol CloudExchanging: Sendable {
    /// - Throws: ``CloudExchangeError``.
    func exchange(_ token: IdentityTokenResponse) async throws -> CloudSession

    var endpoints: CloudEndpoints { get }
}

/// A failed exchange, explained; never holds a token.
struct CloudExchangeError: Error, Hashable, CustomStringConvertible {
    var description: String
    /// Nothing answered, or the cloud could not answer at that moment.
    var isTransient = false
}

/// The exchange over HTTP.
struct HTTPCloudExchange: CloudExchanging {
    var endpoints = CloudEndpoints()

    private static let timeout = TimeAmount.seconds(20)
    private static let responseBytes = 1 << 20

    /// Redirects are not followed: a token goes to the address that was meant.
    private static let http: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.timeout.connect = .seconds(10)
        configuration.redirectConfiguration = .disallow
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    func exchange(_ token: IdentityTokenResponse) async throws -> CloudSession {
        let url = try endpoints.url(for: token.provider, token.access)
        return switch token.provider {
        case .aws: try await assumeRole(token, at: url)
        case .gcp: try await exchangeWithGoogle(token, at: url)
        case .azure: try await exchangeWithAzure(token, at: url)
        }
    }

    // MARK: - AWS

    private func assumeRole(_ token: IdentityTokenResponse, at url: String) async throws -> CloudSession {
        let answer = try await post(
            url,
            [
                ("Action", "AssumeRoleWithWebIdentity"), ("Version", "2011-06-15"),
                ("RoleArn", token.access.roleArn ?? ""), ("RoleSessionName", token.access.sessionNameOrDefault),
                ("DurationSeconds", String(token.access.durationSeconds ?? CloudAccess.defaultDuration)),
                ("WebIdentityToken", token.token),
            ], cloud: "AWS")
        guard answer.status == 200 else {
            throw ExchangeRefusal.aws(
                code: answer.element("Code") ?? "", message: answer.element("Message") ?? "HTTP \(answer.status)",
                token, date: answer.date)
        }
        guard let arn = answer.element("Arn") else {
            throw CloudExchangeError(description: "AWS sent an answer without an ARN.", isTransient: true)
        }
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        return CloudSession(
            principal: arn, account: parts.count > 4 ? String(parts[4]) : nil, region: token.access.region,
            expiresAt: answer.element("Expiration").flatMap { Timestamp($0) })
    }

    // MARK: - Google Cloud

    private func exchangeWithGoogle(_ token: IdentityTokenResponse, at url: String) async throws -> CloudSession {
        let answer = try await post(
            url,
            [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("audience", token.audience),
                ("scope", "https://www.googleapis.com/auth/cloud-platform"),
                ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
                ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"), ("subject_token", token.token),
            ], cloud: "Google Cloud")
        guard answer.status == 200, answer.text("access_token") != nil else {
            throw ExchangeRefusal.google(
                code: answer.text("error") ?? "", message: answer.text("error_description") ?? "HTTP \(answer.status)",
                token, isTransient: answer.status >= 500)
        }
        return CloudSession(
            principal: token.access.serviceAccount ?? token.access.title, account: nil, region: nil,
            expiresAt: answer.lifetime.map { token.issuedAt.advanced(by: $0) })
    }

    // MARK: - Azure

    private func exchangeWithAzure(_ token: IdentityTokenResponse, at url: String) async throws -> CloudSession {
        let answer = try await post(
            url,
            [
                ("grant_type", "client_credentials"), ("client_id", token.access.clientId ?? ""),
                ("scope", "https://management.azure.com/.default"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", token.token),
            ], cloud: "Azure")
        guard answer.status == 200, answer.text("access_token") != nil else {
            throw ExchangeRefusal.azure(
                message: answer.text("error_description") ?? "HTTP \(answer.status)", token,
                isTransient: answer.status >= 500)
        }
        return CloudSession(
            principal: "application \(token.access.clientId ?? "")", account: nil, region: nil,
            expiresAt: answer.lifetime.map { token.issuedAt.advanced(by: $0) })
    }

    // MARK: - HTTP

    private struct Answer {
        var status: Int
        var body: String
        /// The cloud's clock.
        var date: String?

        /// The content of the first XML element of this name.
        func element(_ name: String) -> String? {
            guard let start = body.range(of: "<\(name)>"),
                let end = body.range(of: "</\(name)>", range: start.upperBound..<body.endIndex)
            else { return nil }
            return String(body[start.upperBound..<end.lowerBound]).shortened(toBytes: 1024)
        }

        private var json: [String: JSONValue] {
            guard case .object(let members)? = try? JSONValue(parsing: body.utf8) else { return [:] }
            return members
        }

        func text(_ name: String) -> String? {
            if case .string(let text)? = json[name] { text.shortened(toBytes: 1024) } else { nil }
        }

        /// Milliseconds.
        var lifetime: Int64? {
            guard case .integer(let seconds)? = json["expires_in"], (0...86_400).contains(seconds) else { return nil }
            return seconds * 1000
        }
    }

    private func post(_ url: String, _ fields: [(String, String)], cloud: String) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.headers.add(name: "Accept", value: "*/*")
        let form = fields.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
        request.body = .bytes(ByteBuffer(string: form))
        do {
            let response = try await Self.http.execute(request, timeout: Self.timeout)
            let body = try await response.body.collect(upTo: Self.responseBytes)
            return Answer(
                status: Int(response.status.code), body: String(buffer: body),
                date: response.headers.first(name: "Date"))
        } catch is CancellationError {
            throw CancellationError()
        } catch {
            let host = URLComponents(string: url)?.host ?? "its address"
            throw CloudExchangeError(
                description: "\(cloud) can't be reached at \(host) from this Tendril.", isTransient: true)
        }
    }
}
