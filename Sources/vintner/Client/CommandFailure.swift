internal import Foundation

/// Why a command failed while it ran. Unlike a `ValidationError`, it does not print the usage: the command line was
/// right.
struct CommandFailure: Error, Hashable, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}

/// Prints a message on stderr, apart from the output that a script reads.
func printNotice(_ text: String) {
    FileHandle.standardError.write(Data((text + "\n").utf8))
}
