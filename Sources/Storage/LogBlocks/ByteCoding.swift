internal import CZstd
package import Foundation

/// Whole numbers of any size in as few bytes as they need (LEB128), and length-prefixed byte strings.
struct ByteWriter {
    private(set) var bytes: [UInt8] = []

    mutating func append(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func append(_ value: Int) { append(UInt64(value)) }

    /// Small numbers of either sign stay small.
    mutating func appendSigned(_ value: Int64) {
        append(UInt64(bitPattern: value << 1 ^ value >> 63))
    }

    mutating func append(_ string: some Collection<UInt8>) {
        append(string.count)
        bytes.append(contentsOf: string)
    }
}

/// Reads what a ``ByteWriter`` wrote. The input may be damaged: throws, never traps.
struct ByteReader {
    private let bytes: ArraySlice<UInt8>
    private var index: Int

    init(_ bytes: ArraySlice<UInt8>) {
        self.bytes = bytes
        index = bytes.startIndex
    }

    init(_ data: Data) { self.init(Array(data)[...]) }

    var isAtEnd: Bool { index == bytes.endIndex }

    static let damaged = StorageError(.corrupt, "A part of a log can't be read.")

    mutating func next() throws(StorageError) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 70, by: 7) {
            guard index < bytes.endIndex else { throw Self.damaged }
            let byte = bytes[index]
            index += 1
            value |= UInt64(byte & 0x7f) &<< shift
            if byte < 0x80 { return value }
        }
        throw Self.damaged
    }

    mutating func nextSigned() throws(StorageError) -> Int64 {
        let value = try next()
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }

    /// A number that counts something: at most `limit`.
    mutating func nextCount(upTo limit: Int = Int(Int32.max)) throws(StorageError) -> Int {
        guard let count = Int(exactly: try next()), count <= limit else { throw Self.damaged }
        return count
    }

    mutating func nextString() throws(StorageError) -> ArraySlice<UInt8> {
        let count = try nextCount()
        guard count <= bytes.endIndex - index else { throw Self.damaged }
        defer { index += count }
        return bytes[index..<index + count]
    }
}

/// Zstandard (RFC 8878), a whole frame at a time, with its checksum.
package enum Zstd {
    /// Higher levels hardly make log blocks smaller.
    static let level: Int32 = 6
    /// For single chunks, which somebody waits for.
    package static let fastLevel: Int32 = 1

    package static func compress(_ bytes: [UInt8], level: Int32 = level) throws(StorageError) -> Data {
        guard let context = ZSTD_createCCtx() else { throw failed }
        defer { ZSTD_freeCCtx(context) }
        ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
        var output = Data(count: ZSTD_compressBound(bytes.count))
        let size = output.withUnsafeMutableBytes { output in
            ZSTD_compress2(context, output.baseAddress, output.count, bytes, bytes.count)
        }
        guard ZSTD_isError(size) == 0 else { throw failed }
        return output.prefix(size)
    }

    /// - Throws: ``StorageError`` `.corrupt` for an invalid or damaged frame, or one larger than `limit` bytes.
    package static func decompress(_ data: Data, limit: Int) throws(StorageError) -> [UInt8] {
        let announced = data.withUnsafeBytes { ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        guard let count = Int(exactly: announced), count <= limit else { throw ByteReader.damaged }
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            let size = data.withUnsafeBytes { ZSTD_decompress(buffer.baseAddress, count, $0.baseAddress, $0.count) }
            written = ZSTD_isError(size) == 0 ? size : 0
        }
        guard bytes.count == count else { throw ByteReader.damaged }
        return bytes
    }

    private static let failed = StorageError(.unavailable, "A part of a log could not be compressed.")
}
