/// Where a line came from. A stream is a file descriptor, not a severity: Terraform prints warnings on STDOUT.
public enum LogStream: String, Codable, CaseIterable, Sendable {
    case stdout = "STDOUT"
    case stderr = "STDERR"
    /// Messages of Vintner itself.
    case system = "SYSTEM"
}
