import Domain
import Foundation

extension SensitiveTexts {
    /// What a plan marks as sensitive.
    ///
    /// - Throws: for malformed JSON.
    init(plan data: Data) throws {
        self.init()
        try PlanOverview.visit(data) { _, cursor in add(try PlannedResource.whole(&cursor)) }
        try JSONCursor.read(data) { cursor in
            try cursor.members { name, cursor in
                guard name == "output_changes" else { return try cursor.skip() }
                try cursor.members { _, cursor in add(try PlannedResource.output(&cursor)) }
            }
        }
    }

    private mutating func add(_ resource: PlannedResource) {
        add(resource.sides.before, resource.sides.beforeSensitive)
        add(resource.sides.after, resource.sides.afterSensitive)
    }
}
