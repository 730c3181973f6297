package import Foundation

/// A state as it is encrypted: compressed, if that makes it smaller. (Encrypted bytes can't be compressed.)
package struct CompressedState: Sendable {
    /// Far above what Trellis accepts; bounds what a damaged row can make this allocate.
    private static let limit = 1 << 30

    package let bytes: Data
    package let isCompressed: Bool

    package init(bytes: Data, isCompressed: Bool) {
        self.bytes = bytes
        self.isCompressed = isCompressed
    }

    package init(_ state: Data) throws {
        let compressed = try Zstd.compress([UInt8](state))
        let helps = compressed.count < state.count
        self.init(bytes: helps ? compressed : state, isCompressed: helps)
    }

    package func state() throws -> Data {
        isCompressed ? Data(try Zstd.decompress(bytes, limit: Self.limit)) : bytes
    }
}
