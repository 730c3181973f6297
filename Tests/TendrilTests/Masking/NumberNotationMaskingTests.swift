import Domain
import Testing

@testable import Tendril

/// Lines as Terraform 1.11 prints them.
@Suite struct NumberNotationMaskingTests {
    @Test(arguments: [
        ("12345678901234567890", "    │ local.n is 1.23456789e+19", "1.2345"),
        ("12345678901234567890", #"  + e = "1.234568e+19""#, "1.2345"),
        ("3000000000000000000000", "    │ local.n is 3e+21", "3e+21"),
        ("1000000", #"  + f = "1e+06 1000000 1.000000e+06 1E+06 1000000.000000""#, "1e+06"),
        ("1000000", #"  + f = "1.000000e+06 and 1.000000E+06""#, "000000"),
        ("98765432", #"  + f = "9.88e+07 9.9e+07""#, "9.8"),
        ("98765432", #"  + f = "9.876543E+07 and 9.8765432000e+07 98765432.00""#, "9.87"),
        ("98765432109.56", #"  + f = "98765432109.6 98765432110 98765432109.560""#, "98765"),
        ("25000000", "    │ local.n is 25000000", "25000000"),
        ("98765432109.5", "    │ var.n is 9.876543211e+10", "9.8765"),
        ("-0.00001", "    │ local.n is -1e-05", "1e-05"),
    ])
    func isMasked(secret: String, line: String, clear: String) {
        let masked = Masker(secrets: [secret]).mask(line)
        #expect(masked.contains("(sensitive)") && !masked.contains(clear), "\(masked)")
    }

    @Test(arguments: ["commit 31e6fa 1e6abc", "1e+05 1.5e+06", "1.000001e+05"]) func othersAreLeftAlone(line: String) {
        #expect(Masker(secrets: ["1000000"]).mask(line) == line)
    }
}
