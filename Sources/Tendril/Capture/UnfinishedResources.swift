import Domain
import Foundation
import SystemCalls

/// Finds unfinished resources in Terraform's output: `ADDRESS: Creating...` without
/// `ADDRESS: Creation complete after 2s`. Users check these after an abnormal exit.
enum UnfinishedResources {
    /// One more than an outcome names, so that it knows of more.
    static let limit = Outcome.unfinishedCount + 1

    private static let begins = [": Creating...", ": Modifying...", ": Destroying..."]
    private static let ends = [": Creation complete", ": Modifications complete", ": Destruction complete"]

    /// The addresses in the captured stdout, in the order in which they began. Reads it piece by piece.
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
            // Such lines are shorter.
            if rest.count > 64 << 10 { rest.removeAll() }
        }
        found.take(rest[...])
        return Array(found.unfinished.prefix(limit))
    }

    private struct Finder {
        var unfinished: [String] = []

        mutating func take(_ raw: ArraySlice<UInt8>) {
            // A cheap check first: few lines match.
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
                // Provisioners print anything. An address has no spaces, except in a quoted key.
                guard address.contains("."), address.contains("[") || !address.contains(" ") else { return nil }
                return String(address)
            }
            return nil
        }
    }
}
