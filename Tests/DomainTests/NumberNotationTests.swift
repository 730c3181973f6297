import Domain
import Testing

/// How Terraform writes numbers, as seen with 1.11: diagnostics have ten digits (`%.10g`), `format` knows `%v` and `%e`.
@Suite struct NumberNotationTests {
    @Test(arguments: [
        ("1000000", ["1000000", "1e+06", "1.000000e+06", "1E+06", "1.000000E+06"]),
        ("1e6", ["1000000", "1e+06"]),
        ("3000000000000000000000", ["3e+21", "3.000000e+21", "3000000000000000000000"]),
        (
            "12345678901234567890",
            [
                "12345678901234567890", "1.23456789e+19", "1.234568e+19", "1.234567890123456789e+19",
                "1.234567890123456789E+19",
            ]
        ),
        ("99999999999999", ["1e+14", "1.000000e+14"]),
        ("1234567.890123456", ["1234567.89", "1.234568e+06"]),
        ("-0.00001", ["-0.00001", "-1e-05", "-1.000000e-05"]),
        ("12345675", ["1.234567e+07", "1.234568e+07"]),
    ])
    func hasTerraformsNotations(number: String, expected: [String]) throws {
        let notations = try #require(DecimalNumber(number)).notations
        for text in expected { #expect(notations.contains(text), "\(number): \(text) in \(notations)") }
        #expect(Set(notations).count == notations.count)
    }

    /// Shorter ones would be found in hashes and words.
    @Test(arguments: ["1e6", "2e7", "7", "42", "0"]) func noNotationIsPartOfAWord(number: String) throws {
        let notations = try #require(DecimalNumber(number)).notations
        #expect(notations.allSatisfy { $0.count >= 5 && ($0.count >= 6 || $0.contains { ".+-".contains($0) }) })
    }
}
