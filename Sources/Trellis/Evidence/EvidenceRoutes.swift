internal import Domain
internal import Foundation
internal import HTTPTypes
internal import Hummingbird
internal import NIOCore
internal import NIOFoundationCompat
internal import Storage
internal import Wire

/// `/api/jobs/{id}/evidence`.
struct EvidenceRoutes: Sendable {
    private let writer: EvidenceWriter
    private let slots = ConcurrencyLimit()

    /// Evidence files that are written at the same time.
    private static let atOnce = 4

    init(store: any Store, vault: Vault, ambient: SystemDependencies) throws {
        writer = EvidenceWriter(store: store, key: try EvidenceSigningKey(vault), ambient: ambient)
    }

    func add(to api: APIRouter) {
        api.on(AuditEndpoints.evidence, use: evidence)
        let key = writer.key.publicKey
        api.on(AuditEndpoints.evidenceKey) { _ in EvidenceKeyResponse(keyId: key.id, publicKey: key.pem) }
    }

    private func evidence(_ call: APICall<JobID>) async throws -> Response {
        let job = try await writer.check(call.path)
        guard let slot = slots.take("evidence", limit: Self.atOnce) else {
            throw Refusal(.tooMany, "Too many evidence files are being written. Try again shortly.")
        }
        try await writer.sealEvents(of: job)
        try await writer.store.record(call.audit.event(.readEvidence, on: job, writer.ambient))
        let evidence = writer
        let body = ResponseBody { writer in
            defer { slot.release() }
            let open = BodyWriter(writer: writer)
            try await evidence.write(job) { try await open.write($0) }
            try await open.writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/octet-stream", .cacheControl: "no-store",
                .contentDisposition: "attachment; filename=\"\(job.id.short).evidence\"",
            ], body: body)
    }
}

/// A response's writer that a closure can hold.
private final class BodyWriter {
    var writer: any ResponseBodyWriter

    init(writer: any ResponseBodyWriter) { self.writer = writer }

    func write(_ data: Data) async throws { try await writer.write(ByteBuffer(data: data)) }
}
