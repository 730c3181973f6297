internal import Domain
internal import Foundation

/// The fields of a state that Trellis reads.
enum StateHeader {
    /// Instances of managed resources, as `terraform state list` shows them without data sources; nil if the state
    /// can't be read. Scans it: Terraform decides how deep a state nests.
    static func resources(in bytes: Data) -> Int? {
        var count = 0
        do {
            try JSONCursor.read(bytes) { cursor in
                try cursor.members { name, cursor in
                    guard name == "resources" else { return try cursor.skip() }
                    try cursor.elements { cursor in count += try managedInstances(&cursor) }
                }
            }
        } catch { return nil }
        return count
    }

    private static func managedInstances(_ cursor: inout JSONCursor) throws -> Int {
        var isManaged = false
        var instances = 0
        try cursor.members { name, cursor in
            switch name {
            case "mode": isManaged = try cursor.string() == "managed"
            case "instances":
                try cursor.elements { cursor in
                    instances += 1
                    try cursor.skip()
                }
            default: try cursor.skip()
            }
        }
        return isManaged ? instances : 0
    }

    /// Scans the state instead of decoding it: Terraform decides how deep a state nests, and all it writes is stored.
    ///
    /// - Throws: ``Refusal`` `.invalid` if the bytes are not a Terraform state.
    static func position(of bytes: Data) throws -> StatePosition {
        var lineage: String?
        var serial: Int64?
        // A truncated document is not a state, even if it contains a serial.
        let isWhole: Void? = try? JSONCursor.read(bytes) { cursor in
            try cursor.members { name, cursor in
                switch name {
                case "lineage": lineage = try cursor.string()
                case "serial": serial = try cursor.integer()
                default: try cursor.skip()
                }
            }
        }
        guard isWhole != nil, let lineage, let serial, !lineage.isEmpty, serial >= 0 else {
            throw Refusal(.invalid, "The body is not a Terraform state: lineage or serial is missing.")
        }
        return StatePosition(lineage: lineage, serial: serial)
    }
}
