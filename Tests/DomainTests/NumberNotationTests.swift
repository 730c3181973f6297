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
        ("98765432", ["9.9e+07", "9.88e+07", "9.876543200e+07", "9.876543200000E+07"]),
        ("30000000", ["3.0e+07", "3.00e+07", "3.000000000000e+07"]),
        ("99999999", ["1.00e+08"]),
        ("98765432109.56", ["98765432110", "98765432109.6", "98765432109.56", "9.88e+10"]),
        ("0.0001234567", ["1.23e-04", "0.000123457", "0.00012346"]),
    ])
    func hasTerraformsNotations(number: String, expected: [String]) throws {
        let notations = try #require(DecimalNumber(number)).notations
        for text in expected { #expect(notations.contains(text), "\(number): \(text) in \(notations)") }
        #expect(Set(notations).count == notations.count)
    }

    /// Shorter ones would be found in hashes and words.
    @Test(arguments: ["1e6", "2e7", "7", "42", "0", "3.14159", "1234.5"]) func noNotationIsPartOfAWord(number: String)
        throws
    {
        let notations = try #require(DecimalNumber(number)).notations
        #expect(notations.allSatisfy { $0.count >= 5 && ($0.count >= 6 || $0.contains { ".+-".contains($0) }) })
    }
}
