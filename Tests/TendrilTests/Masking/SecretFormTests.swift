import Foundation
import Testing

@testable import Domain
@testable import Tendril

/// Secrets that are documents or numbers, and secrets that are escaped more than once.
@Suite struct SecretFormTests {
    // MARK: - Escapes

    @Test(arguments: [
        #"["/bin/sh" "-c" "curl -d '{\"p\":\"W1nter\\u0026Sun\\u003c7\\u003e\\\\\\\"deep\\\"\"}'"]"#,
        #"{\"a\":\"{\\\"p\\\":\\\"W1nter&Sun<7>\\\\\\\\\\\\\\\"deep\\\\\\\"\\\"}\"}"#,
        "https://x/?p=W1nter%26Sun%3C7%3E%5C%22deep%22&q", "x=W1nter%2526Sun%253c7%253e%255c%2522deep%2522",
        #"{"u":"p=W1nter%26Sun%3C7%3E%5C%22deep%22\u0026q=1"}"#, #"'W1nter&Sun<7>\"deep"'"#,
    ])
    func severalLevelsOfQuoting(text: String) {
        let masked = Masker(secrets: [#"W1nter&Sun<7>\"deep""#]).mask(text)
        #expect(masked.contains("(sensitive)"))
        for word in ["W1nter", "Sun", "deep"] { #expect(!masked.contains(word), "\(masked)") }
    }

    @Test func shellAndTemplateQuoting() {
        let masker = Masker(secrets: ["it's ${a} 100% %{b}"])
        #expect(masker.mask(#"sh -c 'x '\''it'\''\'\'''\''s ${a} 100% %{b}'\''"#).contains("(sensitive)"))
        #expect(masker.mask(#""it's $${a} 100% %%{b}""#) == #""(sensitive)""#)
        #expect(masker.mask("it%27s+%24%7Ba%7D+100%25+%25%7Bb%7D") == "(sensitive)")
    }

    /// A backslash or a percent sign before a secret must not take its first characters away.
    @Test(arguments: ["newpass-word1", "tomcat-secret", "rosebud-1941", "u00e9tudes-7", "41bcdef-98", "x41bcdef"])
    func whatLooksLikeAnEscapeBeforeASecret(secret: String) {
        let masker = Masker(secrets: [secret])
        for before in ["DOMAIN\\", "100%", "a\\\\", "%2", "\\u", "\\x", "\\u004", "%%"] {
            let masked = masker.mask("\(before)\(secret)!")
            #expect(masked.contains("(sensitive)") && !masked.contains(secret.suffix(6)), "\(before): \(masked)")
        }
    }

    /// What is left out of a skeleton at a secret's ends is hidden with it.
    @Test func specialCharactersAtTheEnds() {
        let masker = Masker(secrets: ["$$Passw0rd+'\"", "\"'\"'$$%%"])
        #expect(masker.mask("a $$Passw0rd+'\" b") == "a (sensitive) b")
        #expect(masker.mask(#"{"p":"$$Passw0rd+'\""}"#).contains("$") == false)
        #expect(masker.mask("a \"'\"'$$%% b") == "a (sensitive) b")
        #expect(masker.mask(#"a "\"'\"'$$%%" b"#) == #"a "(sensitive)" b"#)
    }

    // MARK: - Documents

    private let serviceAccount = """
        {"type":"service_account","project_id":"orchard-481516","private_key_id":"0a1b2c3d4e5f",
         "private_key":"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqh\\nkiG9w0BAQEF=\\n-----END PRIVATE KEY-----\\n",
         "client_email":"tf@orchard.example","token_uri":"https://oauth2.example.com/token",
         "hook":"https://hooks.example.com/services/T0000/XXXXXXXXXXXXXXXXXXXXXXXX"}
        """

    @Test func stringsInJSONAreSecrets() {
        let masker = Masker(secrets: [serviceAccount])
        for text in [
            "+ private_key = <<-EOT\n    -----BEGIN PRIVATE KEY-----\n    MIIEvQIBADANBgkqh\n    kiG9w0BAQEF=\n",
            "private_key_id = \"0a1b2c3d4e5f\"", "as tf@orchard.example", "project \"orchard-481516\"",
            #""-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqh\nkiG9w0BAQEF=\n""#,
            "XX https://hooks.example.com/services/T0000/XXXXXXXXXXXXXXXXXXXXXXXX",
        ] {
            let masked = masker.mask(text)
            #expect(masked.contains("(sensitive)"))
            for piece in ["MIIEv", "kiG9w", "0a1b2c", "orchard", "XXXXXX"] {
                #expect(!masked.contains(piece), "\(masked)")
            }
        }
        // Common to all such documents.
        let harmless = "type = \"service_account\" at https://oauth2.example.com/token"
        #expect(masker.mask(harmless) == harmless)
    }

    @Test func stringsInYAMLAreSecrets() throws {
        let certificate = Data("-----BEGIN EC KEY-----\nMHcCAQEEIDq9hxw\n-----END EC KEY-----\n".utf8)
            .base64EncodedString()
        let kubeconfig = """
            apiVersion: v1
            kind: Config
            clusters:
            - name: default
              cluster: {server: "https://10.0.0.1:6443", certificate-authority-data: TFMwdExTMUNSVWRK}
            users:
            - name: "admin-orchard"
              user:
                token: 'eyJhbGciOi.JSUzI1NiIs'
                client-key-data: \(certificate)
                notes: |
                  first part
                  of a note
            """
        let masker = Masker(secrets: [kubeconfig])
        for text in [
            "token = eyJhbGciOi.JSUzI1NiIs", "ca: TFMwdExTMUNSVWRK", "user admin-orchard", "key \(certificate)",
            "decoded: MHcCAQEEIDq9hxw", #""first part\nof a note""#,
        ] {
            #expect(
                masker.mask(text).hasSuffix("(sensitive)") || masker.mask(text) == #""(sensitive)""#,
                "\(masker.mask(text))")
        }
        let harmless = "name: default, kind Config, server https://10.0.0.1:6443"
        #expect(masker.mask(harmless) == harmless)
    }

    @Test(arguments: [
        (
            "[default]\naws_access_key_id = AKIAEXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG\n",
            "wJalrXUtnFEMI/K7MDENG"
        ),
        ("export TOKEN=\"abc-def-ghi\"\nexport REGION=eu\n", "abc-def-ghi"),
        ("postgres://orchard:p%40ss-w0rd@db/main", "p@ss-w0rd"),
        ("Server=db;User Id=app;Password=s3cr3t-pw;", "s3cr3t-pw"),
        (#"{"inner":"{\"deep\":\"{\\\"deeper\\\":\\\"seven-levels\\\"}\"}"}"#, "seven-levels"),
        (#"{"pin":20481632}"#, "20481632"), ("[\"a\", [\"nested-value\"]]", "nested-value"),
        (#"{"cut":"never-finish"#, "never-finish"),
    ])
    func otherDocuments(document: String, secret: String) {
        #expect(Masker(secrets: [document]).mask("<\(secret)>") == "<(sensitive)>")
    }

    @Test(arguments: [
        "https://example.com/a/b", "service_account", "Default", "postgres://db.example:5432/main", "us-east-1",
    ])
    func harmlessValues(value: String) { #expect(SecretDocument.isHarmless(value)) }

    @Test(arguments: [
        "https://user:pw@example.com/", "https://example.com/?sig=abc",
        "https://hooks.example/T1/abcdefghijklmnopqrstu",
        "servicename", "default-admin", "hunter22",
    ])
    func valuesThatAreNotHarmless(value: String) { #expect(!SecretDocument.isHarmless(value)) }

    /// The exemption is for what documents hold, not for what a user marked.
    @Test func aMarkedValueIsNeverExempt() {
        let secrets = VineSecrets(variables: ["a": "service_account", "b": ["kind": "authorized_user"]])
        #expect(
            Masker(secrets: secrets.maskedTexts).mask("service_account authorized_user") == "(sensitive) (sensitive)")
    }

    // MARK: - Numbers

    private func json(_ text: String) throws -> JSONValue {
        try JSONValue(parsing: text.utf8)
    }

    @Test func numbersInEveryNotation() throws {
        let secrets = VineSecrets(
            variables: ["pin": 1_000_000, "big": "98765432109876543210", "f": try json("1234.5678")])
        let masker = Masker(secrets: secrets.maskedTexts)
        for text in [
            "1000000", "1e+06", "1E+06", "1.0e6", "98765432109876543210", "9.876543210987654321e+19", "1234.5678",
        ] {
            #expect(masker.mask("x = \(text),") == "x = (sensitive),", "\(text)")
        }
        for text in ["100000", "2000000", "1e+07", "987654321098", "1e6c0ffee"] { #expect(masker.mask(text) == text) }
        let value = try json(#"{"a":1e6,"b":[1000000,1000001],"1000000":"v","c":1234.5678}"#)
        #expect(
            masker.mask(value)
                == ["a": "(sensitive)", "b": ["(sensitive)", 1_000_001], "(sensitive)": "v", "c": "(sensitive)"])
    }

    @Test func namesThatBecomeOneKeepTheirValues() {
        let masker = Masker(secrets: ["secret-one", "secret-two"])
        #expect(masker.mask(["secret-one": 1, "secret-two": 2]) == ["(sensitive)": 1, "(sensitive) 2": 2])
    }
}
