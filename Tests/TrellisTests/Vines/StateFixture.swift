import Domain
import Foundation

/// States as Terraform writes them.
enum StateFixture {
    struct Instance {
        var address = ("x", "a")
        var module: String?
        var index: String?
        var attributes = "{}"
        /// `sensitive_attributes`.
        var marks = "[]"
        var more = ""
    }

    static func state(
        _ instances: [Instance], outputs: String = "{}", serial: Int = 1, version: String = "4", more: String = ""
    ) -> Data {
        let resources = instances.map { instance in
            """
            {\(instance.module.map { "\"module\": \(JSONValue.string($0).text)," } ?? "") "mode": "managed",
             "type": "\(instance.address.0)", "name": "\(instance.address.1)", "provider": "p", "instances": [
               {\(instance.index.map { "\"index_key\": \($0)," } ?? "") "schema_version": 0,
                "attributes": \(instance.attributes), "sensitive_attributes": \(instance.marks) \(instance.more)}]}
            """
        }.joined(separator: ",\n")
        return Data(
            """
            {"version": \(version), "terraform_version": "1.15.5", "serial": \(serial), "lineage": "l",
             "outputs": \(outputs), "resources": [\(resources)] \(more)}
            """.utf8)
    }

    static func mark(_ names: String...) -> String {
        "[" + names.map { #"{"type": "get_attr", "value": "\#($0)"}"# }.joined(separator: ",") + "]"
    }

    static let secret = "s3cret-of-the-state"
}
