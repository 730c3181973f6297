import Domain
import Foundation
import Testing

/// What counts as the same error.
@Suite struct ErrorFingerprintTests {
    private func fingerprint(_ cause: String, _ type: String? = nil) -> ErrorFingerprint {
        ErrorFingerprint(cause: cause, resourceType: type)
    }

    @Test(arguments: [
        // The texts of each list have one cause.
        [
            "creating RDS DB Instance (shop-production): operation error RDS: CreateDBInstance, https response error "
                + "StatusCode: 400, RequestID: 6a1d8f0e-7a33-4f0b-9a43-0d7b2f4f7a10, api error "
                + "DBSubnetGroupDoesNotCoverEnoughAZs: The DB subnet group doesn't meet AZ coverage",
            "creating RDS DB Instance (search-staging): operation error RDS: CreateDBInstance, https response error "
                + "StatusCode: 400, RequestID: ABCDEFGHIJKLMNOP, api error "
                + "DBSubnetGroupDoesNotCoverEnoughAZs: The DB subnet group doesn't meet AZ coverage",
        ],
        [
            "AccessDenied: User: arn:aws:iam::123456789012:user/ana is not authorized to perform: iam:PassRole on "
                + "resource: arn:aws:iam::123456789012:role/app",
            "AccessDenied: User: arn:aws:sts::999999999999:assumed-role/ci/9f3a is not authorized to perform: "
                + "iam:PassRole on resource: arn:aws:iam::999999999999:role/worker",
        ],
        [
            "Unsupported argument: An argument named \"a\" is not expected here",
            "Unsupported argument: An argument named \"b_c\" is not expected here",
        ],
        ["Error acquiring the state lock: id 5f1c", "Error acquiring the state lock: id 77b2"],
        ["can't reach https://10.0.0.1:8443/v1 after 3 tries", "can't reach http://db.example.com/ after 17 tries"],
        [
            "Reference to undeclared resource: aws_vpc.main",
            "Reference to undeclared resource: module.net.aws_vpc.other[\"x y\"]",
        ],
        ["reading 'a' failed: isn't there", "reading 'b c' failed: isn't there"],
        ["open /run/vintner/1/main.tf: no such file", "open modules/db/x/main.tf: no such file"],
        [
            "the image ami-0abc12345 is gone at 2026-11-03T09:00:00Z",
            "the image ami-0fff00000 is gone at 2025-01-01T00:00:00Z",
        ],
        ["a  b\tc", "a b c"],
        ["quota=5 was exceeded", "quota=12 was exceeded"],
        ["Plan ID: zzzz is stale", "Plan ID: abcd is stale"],
    ]) func sameCause(_ texts: [String]) {
        #expect(Set(texts.map { fingerprint($0) }).count == 1, "\(texts.map(ErrorPattern.pattern))")
    }

    @Test(arguments: [
        // The texts of each list have different causes.
        ["creating EC2 Instance (a)", "creating S3 Bucket (a)", "deleting S3 Bucket (a)"],
        [
            "AccessDenied: not authorized to perform: iam:PassRole",
            "AccessDenied: not authorized to perform: iam:GetRole",
        ],
        ["api error InvalidGroup.NotFound: x", "api error InvalidSubnet.NotFound: x"],
        [
            "Provider registry.terraform.io/hashicorp/aws not available",
            "Provider registry.terraform.io/hashicorp/google not available",
        ],
        ["Unsupported argument", "Unsupported block type", "Missing required argument"],
        ["ThrottlingException: Rate exceeded", "LimitExceededException: Rate exceeded"],
        ["can't read", "can't write", "cant read"],
        ["", "x"],
    ]) func differentCauses(_ texts: [String]) {
        #expect(Set(texts.map { fingerprint($0) }).count == texts.count, "\(texts.map(ErrorPattern.pattern))")
    }

    @Test func theTypeOfTheResourceCounts() {
        let (a, b) = (fingerprint("Rate exceeded", "aws_route53_record"), fingerprint("Rate exceeded", "aws_instance"))
        #expect(a != b && a != fingerprint("Rate exceeded"))
        for (address, type) in [
            ("aws_a.b", "aws_a"), ("module.m[\"x.y\"].module.n.aws_a.b[0]", "aws_a"), ("data.aws_a.b", "aws_a"),
            ("module.m.data.aws_a.b[\"]\\\".q.r\"]", "aws_a"), ("x", nil), ("module.m", nil), ("", nil), ("..", nil),
        ] {
            #expect(Diagnostic(summary: "x", address: address).resourceType == type, "\(address)")
        }
    }

    @Test func itIs32Digits() throws {
        for text in ["", "x", String(repeating: "é\"(", count: 5000), "\u{0}\n"] {
            let made = fingerprint(text)
            #expect(ErrorFingerprint(made.rawValue) == made)
        }
        // The digest never changes: it is stored.
        #expect(fingerprint("").rawValue == "d228cb690a1a8caf78912b704e4a0d1d")
        for text in ["", "0", String(repeating: "g", count: 32), String(repeating: "A", count: 32)] {
            #expect(ErrorFingerprint(text) == nil)
        }
    }

    @Test func anyTextHasAPatternInBoundedTime() {
        for unit in ["(", "\"", "'", "[(", "a.b/", "“", "\u{301}"] {
            _ = ErrorPattern.pattern(of: String(repeating: unit, count: 100_000))
        }
    }

    @Test func theCauseIsTheSummaryOrItsDetail() {
        func cause(_ summary: String, _ detail: String?) -> String {
            Diagnostic(summary: summary, detail: detail ?? "").cause
        }
        #expect(
            cause("Unsupported argument", "An argument named \"x\" is not expected. Did you mean y?")
                == "Unsupported argument: An argument named \"x\" is not expected")
        #expect(cause("creating X: denied", "More.") == "creating X: denied")
        #expect(cause("no detail.", nil) == "no detail")
        #expect(cause("", "only  a\ndetail") == "only a detail")
        let long = String(repeating: "word ", count: 20)
        #expect(cause(long, "More.") == long.dropLast())
        #expect(cause("Version", "Needs 1.2.3 of it. Then more") == "Version: Needs 1.2.3 of it")
    }

    @Test func whatIsTooLongIsShortened() {
        let long = String(repeating: "ü", count: 5000)
        let fitted = Diagnostic(summary: long, detail: long, address: long, file: long, line: -1, logLine: 0).fitted()
        #expect(fitted.summary.utf8.count <= Diagnostic.nameBytes && fitted.summary.hasSuffix("…"))
        #expect(fitted.detail.utf8.count <= Diagnostic.detailBytes)
        #expect((fitted.address ?? long).utf8.count <= RunResource.addressBytes)
        #expect((fitted.file ?? long).utf8.count <= Diagnostic.nameBytes)
        #expect(fitted.line == nil && fitted.logLine == nil)
        let exact = Diagnostic(summary: String(repeating: "x", count: Diagnostic.nameBytes))
        #expect(exact.fitted() == exact)
    }

    @Test func whatTheCauseLeavesOut() {
        func split(_ summary: String, _ detail: String) -> [String] {
            let diagnostic = Diagnostic(summary: summary, detail: detail)
            return [diagnostic.cause, diagnostic.more]
        }
        #expect(
            split("Invalid argument", "No file exists at \"nope\". This function\nworks only with files.")
                == ["Invalid argument: No file exists at \"nope\"", "This function works only with files."])
        // The first sentence does not go on in the next paragraph.
        #expect(split("Denied", "by policy\n\nAsk somebody.") == ["Denied: by policy", "Ask somebody."])
        #expect(split("creating X: denied", "operation\nerror.") == ["creating X: denied", "operation error."])
        #expect(split("Cycle", "") == ["Cycle", ""] && split("", "No summary.") == ["No summary", ""])
    }

    @Test func readersGetTheCauseAndOlderTendrilsSendLess() throws {
        let sent = try JSONDecoder().decode(Diagnostic.self, from: Data(#"{"summary": "Denied"}"#.utf8))
        #expect(sent == Diagnostic(summary: "Denied"))
        let error = Diagnostic(summary: "Denied", detail: "By policy. Ask.", others: 2)
        let text = try JSONEncoder().encode(error)
        #expect(try JSONValue(parsing: text)["cause"] == "Denied: By policy")
        #expect(try JSONValue(parsing: text)["more"] == "Ask.")
        #expect(try JSONDecoder().decode(Diagnostic.self, from: text) == error)
    }
}
