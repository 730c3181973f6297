import Crypto
import Domain
import Foundation

/// The fingerprint of everything that was captured, as the pipeline gives it out.
enum CaptureDigest {
    /// Reads the whole capture from byte 0, on the calling thread.
    ///
    /// - Returns: the fingerprint, how many bytes were recorded but are not there, and how many were given up.
    static func compute(
        _ folder: JobFolder, masker: Masker
    ) throws -> (digest: LogDigest, lost: Int64, givenUp: Int64) {
        let gaps = try CaptureGaps.load(folder)
        var reader = CaptureReader(folder, gaps: gaps)
        var pipeline = LinePipeline(masker: masker)
        var streams: [LogStream: (hash: SHA256, bytes: Int64)] = [:]
        func take(_ chunks: [DraftChunk]) {
            for var chunk in chunks {
                chunk.text.withUTF8 { bytes in
                    streams[chunk.stream, default: (SHA256(), 0)].hash.update(
                        bufferPointer: UnsafeRawBufferPointer(bytes))
                    streams[chunk.stream]?.bytes += Int64(bytes.count)
                }
            }
        }
        while try reader.step(into: &pipeline) { take(pipeline.takeChunks()) }
        pipeline.finish()
        take(pipeline.takeChunks())
        let parts = streams.mapValues { stream in
            LogDigest.Part(bytes: stream.bytes, sha256: hexadecimal(stream.hash.finalize()))
        }
        return (LogDigest(streams: parts), reader.lost, gaps.bytes)
    }

    private static func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
        bytes.reduce(into: "") { $0 += String($1 >> 4, radix: 16) + String($1 & 0xf, radix: 16) }
    }
}
