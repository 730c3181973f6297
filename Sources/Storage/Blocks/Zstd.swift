internal import CZstd
internal import Foundation

/// Zstandard (RFC 8878), a whole frame at a time, with its checksum.
enum Zstd {
    /// Beyond this blocks of a log hardly get smaller.
    static let level: Int32 = 6

    static func compress(_ bytes: [UInt8]) throws(StorageError) -> Data {
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

    /// - Throws: ``StorageError`` `.corrupt` for what is no frame, is damaged, or would be larger than `limit` bytes.
    static func decompress(_ data: Data, limit: Int) throws(StorageError) -> [UInt8] {
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
