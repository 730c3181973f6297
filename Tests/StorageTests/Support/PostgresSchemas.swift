import Foundation
import PostgresCluster
import Synchronization

/// A schema per test folder, on the tests' own server.
enum PostgresSchemas {
    private static let addresses = Mutex<[String: String]>([:])

    /// The address of the folder's schema, which is made for its first caller.
    static func address(for folder: URL) throws -> String {
        if let address = addresses.withLock({ $0[folder.path] }) { return address }
        let address = try PostgresCluster.shared.get().createSchema()
        addresses.withLock { $0[folder.path] = address }
        return address
    }
}
