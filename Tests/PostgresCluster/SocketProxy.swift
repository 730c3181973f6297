public import Foundation
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// Stands between client and server, and cuts a connection at its first COMMIT.
public final class SocketProxy: Sendable {
    public enum Cut: Sendable {
        /// COMMIT does not reach the server.
        case beforeServer
        /// The server's answer does not reach the client.
        case afterServer
    }

    public let folder: URL
    private let listener: Int32
    private let server: String
    private let cut: Mutex<Cut?>
    private let cuts = Mutex(0)

    /// Connections that were cut.
    public var cutCount: Int { cuts.withLock { $0 } }

    /// - Parameter cut: happens once.
    public init(to server: URL, name: String, cut: Cut?) throws {
        folder = URL(fileURLWithPath: "/tmp").appending(path: "proxy-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.server = server.appending(path: name).path
        self.cut = Mutex(cut)
        listener = Self.socket()
        guard Self.bind(listener, folder.appending(path: name).path) == 0, listen(listener, 16) == 0 else {
            throw CocoaError(.fileWriteUnknown)
        }
        Thread.detachNewThread { [self] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread { self.serve(client) }
            }
        }
    }

    /// Cuts a connection at the next COMMIT, once.
    public func cutNext(_ next: Cut) { cut.withLock { $0 = next } }

    public func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
        try? FileManager.default.removeItem(at: folder)
    }

    private func serve(_ client: Int32) {
        let upstream = Self.socket()
        defer {
            close(client)
            close(upstream)
        }
        guard Self.connect(upstream, server) == 0 else { return }
        var isCut = false
        while true {
            var ready = [client, upstream].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
            guard poll(&ready, 2, -1) > 0 else { return }
            if ready[0].revents != 0 {
                let bytes = Self.read(client)
                guard !bytes.isEmpty else { return }
                switch takeCut(for: bytes) {
                case .beforeServer: return
                case .afterServer: isCut = true
                case nil: break
                }
                Self.write(upstream, bytes)
            }
            if ready[1].revents != 0 {
                let bytes = Self.read(upstream)
                guard !bytes.isEmpty, !isCut else { return }
                Self.write(client, bytes)
            }
        }
    }

    private func takeCut(for bytes: Data) -> Cut? {
        guard bytes.range(of: Data("COMMIT\0".utf8)) != nil else { return nil }
        return cut.withLock { cut in
            defer { cut = nil }
            if cut != nil { cuts.withLock { $0 += 1 } }
            return cut
        }
    }

    // MARK: - Sockets

    private static func socket() -> Int32 { Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0) }

    private static func bind(_ socket: Int32, _ path: String) -> Int32 {
        withAddress(path) { Glibc.bind(socket, $0, $1) }
    }

    private static func connect(_ socket: Int32, _ path: String) -> Int32 {
        withAddress(path) { Glibc.connect(socket, $0, $1) }
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8)) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }

    private static func read(_ socket: Int32) -> Data {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(socket, &buffer, buffer.count, 0)
        return count > 0 ? Data(buffer[0..<count]) : Data()
    }

    private static func write(_ socket: Int32, _ bytes: Data) {
        var rest = bytes[...]
        while !rest.isEmpty {
            let sent = rest.withUnsafeBytes { send(socket, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }
}
