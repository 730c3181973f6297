internal import NIOCore
internal import NIOPosix

/// Asks the system for a port that nobody uses.
enum FreePort {
    static func find(host: String) throws -> Int {
        let channel = try ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton).bind(host: host, port: 0).wait()
        defer { try? channel.close().wait() }
        guard let port = channel.localAddress?.port else { throw CommandFailure("No free port on \(host).") }
        return port
    }
}
