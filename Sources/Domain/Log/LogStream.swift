/// Where a line came from. A stream is a file descriptor, not a judgement: Terraform prints warnings on STDOUT.
public enum LogStream: String, Codable, CaseIterable, Sendable {
    case stdout = "STDOUT"
    case stderr = "STDERR"
    /// The platform's own messages.
    case system = "SYSTEM"
}
