internal import Storage
internal import StoragePostgres
internal import StorageSQLite

/// The store of this process, with what carries its changes.
struct OpenedStore {
    var store: any Store
    var bus: any ChangeBus
    /// The nodes that share the database; nil for a process that has it alone.
    var nodes: PostgresNodes?

    /// - Parameter isShared: whether other nodes may use the database, too.
    init(_ database: DatabaseAddress, vault: Vault, isShared: Bool) async throws {
        switch database {
        case .sqlite(let path):
            bus = LocalChangeBus()
            store = try await SQLiteStore.open(path: path, vault: vault, onChange: bus.publish)
        case .postgres(let settings) where isShared:
            let nodes = PostgresNodes(settings)
            bus = nodes
            store = try await PostgresStore.open(settings, node: nodes.id, vault: vault, onChange: nodes.publish)
            self.nodes = nodes
        case .postgres(let settings):
            bus = LocalChangeBus()
            store = try await PostgresStore.open(settings, isAlone: true, vault: vault, onChange: bus.publish)
        }
    }
}
