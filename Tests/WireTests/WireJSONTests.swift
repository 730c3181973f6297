import Domain
import Foundation
import Testing
import Wire

@Suite struct WireJSONTests {
    @Test func namesAreSnakeCaseAndMapsKeepTheirKeys() throws {
        let vine = CreateVineRequest(
            projectName: "p", environmentStage: "s", variables: ["someName": ["innerKey": 1]],
            source: .inline(files: ["main.tf": "x"]))
        let text = String(decoding: try WireJSON.encode(vine), as: UTF8.self)
        #expect(text.contains(#""project_name":"p""#) && text.contains("someName") && text.contains("innerKey"))
        #expect(!text.contains("region"), "absent fields are left out")
        let back = try WireJSON.decode(CreateVineRequest.self, from: Data(text.utf8))
        #expect(back.variables == vine.variables && back.source == vine.source)
    }

    @Test func filesAreStringsUnlessThereIsMoreToSay() throws {
        let source = VineSource.inline(
            files: [
                "main.tf": "x", "run.sh": InlineFile("y", isExecutable: true),
                "logo": InlineFile("/wCA", encoding: .base64),
                "tool": InlineFile("f0VM", isExecutable: true, encoding: .base64),
            ], path: "live")
        let text = String(decoding: try WireJSON.encode(source), as: UTF8.self)
        #expect(
            text == #"{"files":{"logo":{"content":"/wCA","encoding":"base64"},"main.tf":"x","run.sh":{"content":"y","#
                + #""executable":true},"tool":{"content":"f0VM","encoding":"base64","executable":true}},"path":"live","#
                + #""type":"inline"}"#)
        #expect(try WireJSON.decode(VineSource.self, from: Data(text.utf8)) == source)
        let spelled =
            #"{"type": "inline", "files": {"a.tf": {"content": "x", "executable": false, "encoding": "utf-8"}}}"#
        #expect(try WireJSON.decode(VineSource.self, from: Data(spelled.utf8)) == .inline(files: ["a.tf": "x"]))
        for bad in [#"5"#, #"{}"#, #"{"content": 5}"#, #"{"content": "x", "encoding": "rot13"}"#, "null", "[]"] {
            let body = #"{"type": "inline", "files": {"a.tf": \#(bad)}}"#
            #expect(throws: WireError.self, "\(bad)") { try WireJSON.decode(VineSource.self, from: Data(body.utf8)) }
        }
    }

    @Test func aPatchTellsNullFromAbsent() throws {
        func patch(_ body: String) throws -> PatchVineRequest {
            try WireJSON.decode(PatchVineRequest.self, from: Data(body.utf8))
        }
        #expect(try patch("{}").engine == .unchanged)
        #expect(try patch(#"{"engine": null, "region": null}"#).engine == .cleared)
        #expect(try patch(#"{"engine": null, "region": null}"#).region == .cleared)
        #expect(try patch(#"{"engine": "tofu"}"#).engine == .value(.tofu))
        var full = PatchVineRequest()
        full.sensitiveVariables = ["gone": nil, "kept": "value-value"]
        let text = String(decoding: try WireJSON.encode(full), as: UTF8.self)
        #expect(text == #"{"sensitive_variables":{"gone":null,"kept":"value-value"}}"#)
        #expect(try patch(text).sensitiveVariables == ["gone": nil, "kept": "value-value"])
    }

    @Test(arguments: [
        ("{", "not valid JSON"), (#"{"vine_id": "x"}"#, "job_type"), (#"{"job_type": 5}"#, "job_type"),
        (#"{"vine_id": null}"#, "\"job_type\" is missing"),
        (#"{"job_type": null}"#, "must not be null"),
        (#"{"job_type": "PLAN", "vine_id": "x"}"#, "\"vine_id\" is not valid"),
    ])
    func errorsNameTheField(body: String, says: String) {
        let error = #expect(throws: WireError.self) {
            try WireJSON.decode(CreateJobRequest.self, from: Data(body.utf8))
        }
        #expect(error?.description.contains(says) == true, "\(error?.description ?? "")")
    }

    @Test func decodesValidTimesOnly() {
        let times = LineTimes([
            .init(lines: 2, at: Timestamp(milliseconds: 5)), .init(lines: 1, at: Timestamp(milliseconds: 9)),
        ])
        #expect(LineTimes(wire: times.wire) == times)
        #expect(LineTimes(wire: [[1], [], [-1, 5], [0, 5], [1, 2, 3], [Int64.max, 1]]).runs.isEmpty)
    }

    @Test func lockInfoUsesTerraformFieldNames() throws {
        let info = LockInfo(ID: "j:1", Operation: "OperationTypeApply", Who: "tendril-1")
        let text = String(decoding: try info.encoded(), as: UTF8.self)
        #expect(text.contains(#""ID":"j:1""#) && text.contains(#""Who":"tendril-1""#))
        #expect(try LockInfo.decoded(from: Data(text.utf8)).ID == "j:1")
        #expect(throws: WireError.self) { try LockInfo.decoded(from: Data("{}".utf8)) }
    }

    @Test func anyJSONValueKeepsItsShape() throws {
        let text = #"{"a":[1,2.5,"x",null,true,{"B_c":-9007199254740993}]}"#
        let value = try WireJSON.decode(JSONValue.self, from: Data(text.utf8))
        #expect(value["a"] != nil)
        #expect(String(decoding: try WireJSON.encode(value), as: UTF8.self) == text)
    }
}
