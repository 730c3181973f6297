internal import Foundation

/// Why a command failed while it ran. Unlike a `ValidationError`, it does not print the usage: the command line was
/// right.
struct CommandFailure: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Prints a sentence on stderr, where it does not mix with what a script reads.
func printNotice(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}

/// A query string of the values that are there.
func queryString(_ values: KeyValuePairs<String, String?>) -> String {
    var allowed = CharacterSet.alphanumerics
    allowed.insert(charactersIn: "-._~")
    let pairs = values.compactMap { name, value in
        value.map { "\(name)=\($0.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")" }
    }
    return pairs.isEmpty ? "" : "?" + pairs.joined(separator: "&")
}
