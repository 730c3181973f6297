import Domain
import Foundation

/// Finds what an apply began and did not finish, by the engine's own lines: `ADDRESS: Creating...` without
/// `ADDRESS: Creation complete after 2s`. It is what a person has to look at after an end that was no end.
enum UnfinishedResources {
    /// One more than an outcome names, which shows that there are more.
    static let limit = Outcome.unfinishedCount + 1

    private static let begins = [": Creating...", ": Modifying...", ": Destroying..."]
    private static let ends = [": Creation complete", ": Modifications complete", ": Destruction complete"]

    /// The addresses in the captured stdout, in the order of their beginning. Reads all of it, piece by piece.
    static func find(in folder: JobFolder) -> [String] {
        var found = Finder()
        var rest: [UInt8] = []
        guard let file = try? OpenFile(folder.capture(of: .stdout), .read) else { return [] }
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var offset: Int64 = 0
        while let count = try? buffer.withUnsafeMutableBytes({ try file.read(into: $0, at: offset) }), count > 0 {
            offset += Int64(count)
            rest += buffer[..<count]
            var start = rest.startIndex
            while let feed = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
                found.take(rest[start..<feed])
                start = feed + 1
            }
            rest.removeSubrange(..<start)
            // No such line is that long.
            if rest.count > 64 << 10 { rest.removeAll() }
        }
        found.take(rest[...])
        return Array(found.unfinished.prefix(limit))
    }

    private struct Finder {
        var unfinished: [String] = []

        mutating func take(_ raw: ArraySlice<UInt8>) {
            // Few lines have any of it; those are worth the rest.
            guard raw.count < 4096, raw.contains(UInt8(ascii: ":")) else { return }
            let line = VisibleLine.text(of: String(decoding: raw, as: UTF8.self))
            if let address = address(in: line, before: UnfinishedResources.begins) {
                if !unfinished.contains(address) { unfinished.append(address) }
            } else if let address = address(in: line, before: UnfinishedResources.ends) {
                unfinished.removeAll { $0 == address }
            }
        }

        private func address(in line: String, before words: [String]) -> String? {
            for word in words {
                guard let place = line.range(of: word) else { continue }
                let address = line[..<place.lowerBound]
                // A provisioner may print anything; an address has no blanks, but in the quotes of a key.
                guard address.contains("."), address.contains("[") || !address.contains(" ") else { return nil }
                return String(address)
            }
            return nil
        }
    }
}
