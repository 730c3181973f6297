import Crypto
import Domain
import Foundation

/// The digest of the whole capture, after the pipeline.
enum CaptureDigest {
    struct Result: Sendable {
        var digest: LogDigest
        /// Recorded bytes that are missing.
        var lost: Int64
        /// Bytes that were dropped at the disk limit.
        var givenUp: Int64
        /// SYSTEM lines that another program wrote.
        var forged: Int
        /// SYSTEM lines that are missing.
        var missing: Int

        /// Why the log is incomplete; nil if it is complete.
        var flaw: String? {
            if forged > 0 {
                return
                    "Something other than the Tendril wrote \(Self.lines(forged)) into the file of the SYSTEM lines; "
                    + "that was left out."
            }
            if missing > 0 { return "\(Self.lines(missing)) of the Tendril's own are gone from the capture." }
            if givenUp > 0 {
                return "\(givenUp) bytes of the engine's output were dropped at the Tendril's disk limit."
            }
            return lost == 0 ? nil : "\(lost) bytes of the engine's output were lost on the Tendril's machine."
        }

        private static func lines(_ count: Int) -> String { count == 1 ? "1 line" : "\(count) lines" }
    }

    /// Reads the whole capture from byte 0, on the calling thread.
    ///
    /// - Parameter written: the number of SYSTEM lines that were written, if known.
    static func compute(
        _ folder: JobFolder, masker: Masker, seal: SystemSeal? = nil, written: Int? = nil
    ) throws -> Result {
        let gaps = try CaptureGaps.load(folder)
        var reader = CaptureReader(folder, gaps: gaps, seal: seal)
        var pipeline = LinePipeline(masker: masker)
        var streams: [LogStream: (hash: SHA256, bytes: Int64)] = [:]
        func take(_ chunks: [UnnumberedChunk]) {
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
            LogDigest.Part(bytes: stream.bytes, sha256: stream.hash.finalize().hexadecimal)
        }
        let system = reader.system
        let cut = max(0, (written ?? 0) - (system?.count ?? written ?? 0))
        return Result(
            digest: LogDigest(streams: parts), lost: reader.lost, givenUp: gaps.bytes, forged: system?.forged ?? 0,
            missing: (system?.missing ?? 0) + cut)
    }
}
