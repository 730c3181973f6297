import Domain
import Testing

@Suite struct NaturalOrderTests {
    @Test func numbersCountByTheirValue() {
        let sorted = [
            "", "a", #"a["x2"]"#, #"a["x10"]"#, "a[1]", "a[2]", "a[10]", "a[010]b", "a[99999999999999999999998]",
            "a[99999999999999999999999]", "b", "b.c",
        ]
        #expect(sorted.shuffled().sorted { NaturalOrder($0) < NaturalOrder($1) } == sorted)
        for one in sorted {
            #expect(!(NaturalOrder(one) < NaturalOrder(one)) && NaturalOrder(one) == NaturalOrder(one))
        }
    }

    @Test func leadingZerosAreNoValue() {
        let (short, long) = (NaturalOrder("a1"), NaturalOrder("a01"))
        #expect((short < long) != (long < short))
        #expect(NaturalOrder("a01b") < NaturalOrder("a1c") && NaturalOrder("a1b") < NaturalOrder("a01c"))
    }
}
