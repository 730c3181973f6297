import Domain
import Testing

@Suite struct ResourceTouchTests {
    private let job: JobID = SystemDependencies.system.makeID()

    private func touch(_ action: PlanAction, _ state: RunResource.State, end: Int64? = 5) -> ResourceTouch? {
        let resource = RunResource(
            address: "x.a", action: action, state: state, startedAt: Timestamp(milliseconds: 1),
            endedAt: end.map { Timestamp(milliseconds: $0) })
        return ResourceTouch(resource, by: job)
    }

    @Test func onlyWhatEndedIsAChange() {
        for state in RunResource.State.allCases {
            #expect((touch(.create, state) != nil) == [.done, .failed].contains(state), "\(state)")
        }
        for action in PlanAction.allCases {
            #expect((touch(action, .done) == nil) == [.noOp, .read, .move, .forget].contains(action), "\(action)")
        }
    }

    @Test func aResourceIsGoneOnceItIsDestroyed() throws {
        #expect(try #require(touch(.delete, .done)).isGone)
        for kept in [touch(.delete, .failed), touch(.replaceDeleteFirst, .done), touch(.create, .done)] {
            #expect(try !#require(kept).isGone)
        }
        #expect(touch(.update, .failed, end: nil)?.at == Timestamp(milliseconds: 1))
    }
}
