import Domain
import Foundation
import Testing
import Wire

@testable import Tendril

/// The exchange of tokens with each cloud, against servers that answer as their documentation says.
@Suite struct CloudExchangeTests {
    private static func fields(_ body: String) -> [String: String] {
        var fields: [String: String] = [:]
        for pair in body.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1).map { String($0).removingPercentEncoding ?? "" }
            fields[parts[0]] = parts.count > 1 ? parts[1] : ""
        }
        return fields
    }

    /// - Parameter environment: the Tendril's own.
    private func cloud(_ environment: [String: String] = [:], google: String? = nil) -> HTTPCloudExchange {
        var endpoints = CloudEndpoints(environment: environment)
        if let google { endpoints.google = google }
        return HTTPCloudExchange(endpoints: endpoints)
    }

    private static let assumed = """
        <AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
          <AssumeRoleWithWebIdentityResult>
            <SubjectFromWebIdentityToken>x</SubjectFromWebIdentityToken>
            <AssumedRoleUser>
              <Arn>arn:aws:sts::111122223333:assumed-role/vintner-plan/vintner</Arn>
              <AssumedRoleId>AROA:vintner</AssumedRoleId>
            </AssumedRoleUser>
            <Credentials>
              <SessionToken>secret-session</SessionToken><SecretAccessKey>secret-key</SecretAccessKey>
              <Expiration>2026-11-28T14:30:00Z</Expiration><AccessKeyId>ASIA</AccessKeyId>
            </Credentials>
          </AssumeRoleWithWebIdentityResult>
        </AssumeRoleWithWebIdentityResponse>
        """

    private func refusal(_ code: String, _ message: String) -> String {
        "<ErrorResponse><Error><Type>Sender</Type><Code>\(code)</Code><Message>\(message)</Message></Error></ErrorResponse>"
    }

    @Test(arguments: [
        ("aws", "eu-west-1", "https://sts.eu-west-1.amazonaws.com"), ("aws", nil, "https://sts.amazonaws.com"),
        ("aws-cn", nil, "https://sts.cn-north-1.amazonaws.com.cn"),
        ("aws-us-gov", nil, "https://sts.us-gov-west-1.amazonaws.com"),
    ]) func theIdentityAloneSaysWhereATokenGoes(_ partition: String, _ region: String?, _ url: String) throws {
        let access = CloudAccess(roleArn: "arn:\(partition):iam::111122223333:role/x", region: region)
        #expect(try CloudEndpoints().url(for: .aws, access) == url)
    }

    @Test(arguments: ["x.example.com/", "eu-west-1@evil", "EU", "", String(repeating: "a", count: 33)])
    func aRegionThatIsNoneSendsNothing(_ region: String) {
        let access = CloudAccess(roleArn: "arn:aws:iam::111122223333:role/x", region: region)
        #expect(throws: CloudExchangeError.self) { try CloudEndpoints().url(for: .aws, access) }
    }

    @Test(arguments: [
        "http://sts.example.com", "https://a:b@sts.example.com", "ftp://127.0.0.1", "sts.example.com",
        "https://sts.example.com/?x", "http://127.0.0.1.example.com", "",
    ]) func anEndpointOfTheOperatorIsHTTPSOrOnThisMachine(_ url: String) throws {
        for (name, provider) in [("AWS_ENDPOINT_URL_STS", CloudProvider.aws), ("AZURE_AUTHORITY_HOST", .azure)] {
            let error = #expect(throws: CloudExchangeError.self) {
                try CloudEndpoints(environment: [name: url]).url(for: provider, CloudAccess())
            }
            #expect(error?.description.contains(name) == true)
        }
        let access = CloudAccess(roleArn: "arn:aws:iam::111122223333:role/x")
        for url in ["https://sts.example.com", "http://127.0.0.1:9000", "http://localhost:1"] {
            let endpoints = CloudEndpoints(environment: ["AWS_ENDPOINT_URL_STS": url])
            #expect(try endpoints.url(for: .aws, access) == url)
            #expect(endpoints.environment(for: .aws) == ["AWS_ENDPOINT_URL_STS": url])
        }
    }

    @Test func anAWSRoleIsAssumed() async throws {
        let server = try TinyServer { _ in TinyServer.answer(200, Self.assumed, type: "text/xml") }
        let token = JobIdentityTests.token()
        let session = try await cloud(["AWS_ENDPOINT_URL_STS": server.url]).exchange(token)
        #expect(session.principal == "arn:aws:sts::111122223333:assumed-role/vintner-plan/vintner")
        #expect(session.account == "111122223333" && session.region == "eu-west-1")
        #expect(session.expiresAt == Timestamp("2026-11-28T14:30:00Z"))
        let request = try #require(server.requests.first)
        #expect(request.line == "POST / HTTP/1.1")
        let fields = Self.fields(request.body)
        #expect(fields["Action"] == "AssumeRoleWithWebIdentity" && fields["WebIdentityToken"] == token.token)
        #expect(fields["RoleArn"] == token.access.roleArn && fields["DurationSeconds"] == "3600")
        #expect(fields["RoleSessionName"] == "vintner")
    }

    @Test(arguments: [
        ("AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity", "its trust policy does not match"),
        ("ExpiredTokenException", "Token expired", "the clocks differ"),
        ("InvalidIdentityToken", "Incorrect token audience", "does not know the audience"),
        ("InvalidIdentityToken", "No OpenIDConnect provider found in your account", "has no OIDC provider"),
        (
            "InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider",
            "can't read the keys"
        ),
        ("IDPCommunicationError", "x", "can't read the keys"),
        (
            "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "does not permit sessions of 3600 s"
        ),
        ("Other", "Something", "AWS refused IAM role"),
    ]) func refusalsAreExplained(_ code: String, _ message: String, _ sentence: String) async throws {
        let body = refusal(code, message)
        let server = try TinyServer { _ in TinyServer.answer(400, body, type: "text/xml") }
        let token = JobIdentityTests.token()
        let error = await #expect(throws: CloudExchangeError.self) {
            try await cloud(["AWS_ENDPOINT_URL_STS": server.url]).exchange(token)
        }
        let text = error?.description ?? ""
        #expect(text.contains(sentence) && text.contains(message) && text.contains(code), "\(text)")
        #expect(!text.contains(token.token))
    }

    @Test func aRefusalNamesWhatTheTokenHas() {
        let token = JobIdentityTests.token()
        let text = ExchangeRefusal.aws(code: "AccessDenied", message: "x", token, date: nil).description
        for part in [token.subject, token.audience, token.issuer, token.access.roleArn ?? ""] {
            #expect(text.contains(part))
        }
    }

    @Test func nothingThatAnswersIsASentenceToo() async throws {
        let error = await #expect(throws: CloudExchangeError.self) {
            try await cloud(["AWS_ENDPOINT_URL_STS": "http://127.0.0.1:1"]).exchange(JobIdentityTests.token())
        }
        #expect(error?.isTransient == true && error?.description.contains("can't be reached at 127.0.0.1") == true)
    }

    /// A token goes to the address that was meant.
    @Test func redirectsAreNotFollowed() async throws {
        let other = try TinyServer { _ in TinyServer.answer(200, Self.assumed, type: "text/xml") }
        let location = other.url
        let server = try TinyServer { _ in
            "HTTP/1.1 307 X\r\nLocation: \(location)/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        }
        await #expect(throws: CloudExchangeError.self) {
            try await cloud(["AWS_ENDPOINT_URL_STS": server.url]).exchange(JobIdentityTests.token())
        }
        #expect(other.requests.isEmpty)
    }

    @Test func googleExchangesByRFC8693() async throws {
        let server = try TinyServer { request in
            let fields = Self.fields(request.body)
            let isFine =
                fields["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
                && fields["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
                && fields["audience"]?.hasPrefix("//iam.googleapis.com/projects/1/") == true
                && fields["subject_token"]?.hasPrefix("eyJ") == true
            guard isFine else {
                return TinyServer.answer(400, #"{"error": "invalid_request", "error_description": "\#(fields)"}"#)
            }
            return TinyServer.answer(
                200,
                #"{"access_token": "ya29", "issued_token_type": "urn:x", "token_type": "Bearer", "expires_in": 3600}"#)
        }
        var access = CloudAccess()
        access.workloadIdentityProvider = "projects/1/locations/global/workloadIdentityPools/p/providers/x"
        access.serviceAccount = "plan@data.iam.gserviceaccount.com"
        var made = JobIdentityTests.token(provider: .gcp, access: access)
        made.audience = access.audience(for: .gcp)
        let token = made
        let session = try await cloud(google: server.url).exchange(token)
        #expect(session.principal == "plan@data.iam.gserviceaccount.com")
        #expect(session.expiresAt == token.issuedAt.advanced(by: 3_600_000))

        let refusing = try TinyServer { _ in
            TinyServer.answer(
                403,
                #"{"error": "unauthorized_client", "error_description": "The given credential is rejected by the attribute condition."}"#
            )
        }
        let error = await #expect(throws: CloudExchangeError.self) {
            try await cloud(google: refusing.url).exchange(token)
        }
        #expect(error?.description.contains("attribute condition") == true)
        #expect(error?.description.contains(token.subject) == true)
    }

    @Test func azureTakesTheTokenAsAClientAssertion() async throws {
        let tenant = "0198c0de-0000-4000-8000-00000000000a"
        let server = try TinyServer { request in
            let fields = Self.fields(request.body)
            let isFine =
                request.line == "POST /\(tenant)/oauth2/v2.0/token HTTP/1.1"
                && fields["grant_type"] == "client_credentials" && fields["client_id"] == "app"
                && fields["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
                && fields["client_assertion"]?.hasPrefix("eyJ") == true
            return isFine
                ? TinyServer.answer(200, #"{"token_type": "Bearer", "expires_in": 3599, "access_token": "eyX"}"#)
                : TinyServer.answer(400, #"{"error": "invalid_request", "error_description": "\#(request.line)"}"#)
        }
        var access = CloudAccess()
        (access.clientId, access.tenantId) = ("app", tenant)
        let token = JobIdentityTests.token(provider: .azure, access: access)
        let session = try await cloud(["AZURE_AUTHORITY_HOST": server.url + "/"]).exchange(token)
        #expect(session.principal == "application app")

        let refusing = try TinyServer { _ in
            TinyServer.answer(
                401,
                #"{"error": "invalid_client", "error_description": "AADSTS700213: No matching federated identity record found.\r\nTrace ID: x"}"#
            )
        }
        let error = await #expect(throws: CloudExchangeError.self) {
            try await cloud(["AZURE_AUTHORITY_HOST": refusing.url]).exchange(token)
        }
        let text = error?.description ?? ""
        #expect(text.contains("Azure compares them exactly") && text.contains(token.subject))
        #expect(!text.contains("Trace ID"))
    }
}
