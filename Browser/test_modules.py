"""Single modules of the page, in the browser that runs them. Any page of the site will do."""

import json
import random

import pytest
from playwright.sync_api import Page

from harness import ROOT

ESC = "\x1b"


@pytest.fixture
def at_home(page: Page) -> Page:
    page.goto("/sign-in")
    return page


def parse(page: Page, lines: list) -> list:
    """Lines of one stream, or (line, continued), as text and runs of `offset:style key`."""
    return page.evaluate(
        """async lines => {
          const { AnsiParser } = await import('/assets/js/job/text/ansi.js');
          const parser = new AnsiParser();
          return lines.map(line => {
            const [raw, continued] = Array.isArray(line) ? line : [line, false];
            const { text, runs } = parser.line(raw, continued);
            const list = [];
            for (let i = 0; i < (runs ?? []).length; i += 2) list.push(`${runs[i]}:${runs[i + 1].key}`);
            return [text, list.join(' ')];
          });
        }""", lines)


# The same cases that the server's parser passes (`ShownTextTests`).
CASES = json.loads((ROOT / "Tests" / "Fixtures" / "log-text.json").read_text())


IGNORED = [
    ("*.log", ["a.log", "x/y/b.log"], ["a.log.txt", "log"]),
    ("notes/", ["notes/a", "x/notes/b/c"], ["notes", "notesx/a"]),
    ("/top.tf", ["top.tf"], ["x/top.tf"]),
    ("docs/**/img", ["docs/img", "docs/a/b/img"], ["docs/a/b/img/c"]),
    ("a?c[0-9]", ["abc1", "x/abc9"], ["abc", "a/c1"]),
    ("[^a-c].md", ["d.md"], ["a.md"]),
    ("*.log\n!keep.log", ["a.log"], ["keep.log"]),
    ("# comment\n\n  build/**  ", ["build/x", "y/build/z/w"], ["# comment", "build"]),
    ("a\\*b+(c).d", ["a*b+(c).d"], ["axb+(c).d", "a*b+(c)xd"]),
    ("[z-a]", [], ["z", "m"]),
]


@pytest.mark.parametrize("text,out,kept", IGNORED, ids=lambda value: value if isinstance(value, str) else "")
def test_ignore_rules(at_home: Page, text: str, out: list[str], kept: list[str]) -> None:
    found = at_home.evaluate(
        """async ([text, paths]) => { const { IgnoreRules } = await import('/assets/js/vines/ignore-rules.js');
          const rules = new IgnoreRules(text); return paths.filter(path => rules.excludes(path)); }""", [text, [*out, *kept]])
    assert found == out


@pytest.mark.parametrize("case", CASES["ansi"], ids=lambda case: case["name"])
def test_L2_ansi(at_home: Page, case: dict) -> None:
    assert parse(at_home, case["lines"]) == case["shown"]


@pytest.mark.parametrize("case", CASES["marks"], ids=lambda case: case["name"])
def test_L8_marks(at_home: Page, case: dict) -> None:
    marks = at_home.evaluate(
        """async lines => {
          const { DiagnosticMarker } = await import('/assets/js/job/text/diagnostics.js');
          const marker = new DiagnosticMarker();
          const found = lines.map(text => ({ text, mark: null, head: false }));
          for (const line of found) marker.take(line);
          return found.map(line => line.mark && line.mark + (line.head ? "!" : ""));
        }""", case["lines"])
    assert marks == case["marks"]


LIVE = """
  const { LiveLines } = await import('/assets/js/job/feed/live-lines.js');
  const live = new LiveLines();
  let n = 1;
  const add = (stream_type, log_chunk, more = {}) => {
    const line_count = log_chunk.split('\\n').length - 1;
    const made = live.take({ epoch: 1, first_line: n, line_count, stream_type, log_chunk, times: [[line_count, 1000 + n]], created_at: '2026-01-01T00:00:00Z', ...more });
    n += line_count;
    return made;
  };
"""


def test_L2_streams_do_not_leak_and_blocks_are_marked(at_home: Page) -> None:
    lines = at_home.evaluate(
        "async () => {" + LIVE + r"""
          const all = [
            add('STDOUT', '\x1b[31mred\n'), add('STDERR', 'plain\n'), add('SYSTEM', 'plain\n'), add('STDOUT', 'still red\x1b[0m\n'),
            add('STDERR', '╷\n│ Error: broken\n│ why\n╵\n'), add('STDOUT', '╷\n│ Warning: old\n╵\nafter\n'),
            add('STDOUT', '\x1b[32mgreen\n'), add('STDOUT', 'a new engine\n', { epoch: 2 }),
          ].flatMap(made => made.lines);
          return all.map(l => [l.n, l.text, l.mark, Boolean(l.runs), l.t, l.head]);
        }""")
    assert [line[0] for line in lines] == list(range(1, 15))
    assert [line[0] for line in lines if line[5]] == [6, 10]
    assert [line[3] for line in lines[:4]] == [True, False, False, True]
    assert [line[2] for line in lines[4:12]] == ["error"] * 4 + ["warning"] * 3 + [None]
    assert lines[13][3] is False, "another lease starts without colours"


def test_L2_live_lines_go_on_where_the_window_ended(at_home: Page) -> None:
    made = at_home.evaluate(
        "async () => {" + LIVE + r"""
          const { lineOf } = await import('/assets/js/job/text/line.js');
          const window = ['before', '╷', '│ '].map((text, i) => lineOf({ n: i + 1, stream: 'STDERR', t: '2026-01-01T00:00:00Z', text }));
          n = 4;
          live.resume({ STDOUT: { style: '1//0', rest: '\x1b[3' }, STDERR: { box: 'open' } }, window);
          const red = add('STDOUT', '2mgreen\n', { continued: true });
          const error = add('STDERR', '│ Error: broken\n╵\nafter\n');
          return { runs: red.lines[0].runs.map(r => r.key ?? r), text: red.lines[0].text, changed: error.changed.map(l => l.n),
                   marks: [...window, ...error.lines].map(l => l.mark) };
        }""")
    assert made["text"] == "green" and made["runs"] == [0, "2//0"]
    assert made["changed"] == [2, 3]
    assert made["marks"] == [None, "error", "error", "error", "error", None]


def test_L2_a_long_line_is_folded_between_characters(at_home: Page) -> None:
    read = lambda text: at_home.evaluate(
        """async text => {
          const { folded } = await import('/assets/js/job/text/line.js');
          const { text: kept, runs, length } = folded({ text, runs: [0, 'a', 4095, 'b', 5000, 'c'] });
          return [kept.length, runs, length];
        }""", text)
    assert read("x" * 4096) == [4096, [0, "a", 4095, "b", 5000, "c"], 4096]
    assert read("x" * 6000) == [4096, [0, "a", 4095, "b"], 6000]
    assert read("x" * 4095 + "🍇" + "x" * 100) == [4095, [0, "a"], 4197]


def test_L6_pages_of_rows_are_bounded_and_keep_what_is_looked_at(at_home: Page) -> None:
    found = at_home.evaluate(
        """async () => {
          const { RowPages } = await import('/assets/js/job/viewer/row-pages.js');
          const pages = new RowPages({ maxLines: 1024, maxUnits: 1e6 });
          const line = n => ({ n, text: 'text' });
          for (let row = 0; row < 512; row += 1) pages.put(row, line(row + 1));
          pages.use(300, 310);
          for (let row = 10_000; row < 30_000; row += 1) pages.put(row, line(row + 1));
          const first = pages.get(305);
          pages.put(305, line(99));
          const big = new RowPages({ maxLines: 1e6, maxUnits: 2000 });
          for (let row = 0; row < 1024; row += 1) big.put(row, { n: row + 1, text: 'xxxx' });
          return { size: pages.size, kept: first?.n, gone: pages.get(0), again: pages.get(305).n, missing: pages.missing(29_990, 30_010),
                   none: pages.missing(29_990, 30_000), big: big.size };
        }""")
    assert found["size"] <= 1024 and found["big"] <= 512
    assert found["kept"] == 306 and found["again"] == 306 and found["gone"] is None
    assert found["missing"] == {"first": 30_000, "end": 30_010} and found["none"] is None


def test_L8_rows_of_some_streams_are_found_by_line(at_home: Page) -> None:
    found = at_home.evaluate(
        """async () => {
          const { RowPages } = await import('/assets/js/job/viewer/row-pages.js');
          const pages = new RowPages();
          // Every third line is shown; rows 100 to 399 are here.
          for (let row = 100; row < 400; row += 1) pages.put(row, { n: 3 * row, text: '' });
          return [300, 301, 303, 1197, 1198, 299, 298, 768, 766].map(n => pages.rowOf(n) ?? null);
        }""")
    # 298 could be in row 99 too: what stands there is not known. Rows 255 and 256 are in different pages.
    assert found == [100, 101, 101, 399, None, None, None, 256, 256]


def test_L6_outline_keeps_each_line_once_and_in_order(at_home: Page) -> None:
    found = at_home.evaluate(
        """async () => {
          const { Outline } = await import('/assets/js/job/text/diagnostics.js');
          const outline = new Outline();
          for (const n of [50, 10, 50]) outline.add('error', n);
          outline.merge({ errors: [5, 10, 20], warnings: [7] });
          const next = (n, by) => outline.next('error', n, by);
          return [outline.of('error'), next(10, 1), next(11, 1), next(50, 1), next(10, -1), next(4, -1), outline.next('warning', 7, 1), new Outline().next('error', 1, 1)];
        }""")
    assert found == [[5, 10, 20, 50], 20, 20, 5, 5, 50, 7, 0]


LOADER = """
  const { LineLoader } = await import('/assets/js/job/feed/loader.js');
  const { LineView } = await import('/assets/js/job/viewer/view.js');
  const { LineStore } = await import('/assets/js/job/feed/store.js');
  const { ApiError } = await import('/assets/js/lib/api.js');
  const wait = ms => new Promise(resolve => setTimeout(resolve, ms));
  const store = new LineStore();
  store.count = 10_000;
  const view = new LineView(store);
  const asked = [], told = [];
  let fail = null, slow = 0;
  const api = { lines: async ({ from, count }, signal) => {
    const note = { from, count };
    asked.push(note);
    signal?.addEventListener('abort', () => { note.aborted = true; });
    await wait(slow);
    signal?.throwIfAborted();
    if (fail) throw fail;
    return { row: from - 1, lines: Array.from({ length: count }, (_, i) => ({ n: from + i, stream: 'STDOUT', text: `line ${from + i}` })) };
  } };
  const loader = new LineLoader(api, view, {
    filled: () => told.push('filled'), changed: () => told.push(loader.isFailing ? 'failing' : 'well'), refused: error => told.push(error.status) });
"""


def test_L6_rows_are_asked_for_once_and_ahead_of_the_reader(at_home: Page) -> None:
    asked = at_home.evaluate(
        "async () => {" + LOADER + """
          loader.request(5000, 5100);
          await wait(10);
          loader.request(5000, 5100);
          loader.request(5020, 5120, { direction: 1 });
          await wait(10);
          const before = asked.length;
          loader.request(5300, 5400, { direction: 1 });
          await wait(10);
          loader.request(4950, 5050, { direction: -1 });
          await wait(10);
          return [before, asked];
        }""")
    assert asked[0] == 1
    assert asked[1] == [{"from": 5001, "count": 400}, {"from": 5401, "count": 400}, {"from": 4601, "count": 400}]


def test_L6_what_is_no_longer_wanted_is_aborted(at_home: Page) -> None:
    asked, told = at_home.evaluate(
        "async () => {" + LOADER + """
          slow = 100;
          loader.request(1000, 1100);
          await wait(20);
          loader.request(7000, 7100);
          await wait(200);
          // A thumb that does not rest.
          for (let row = 2000; row < 3000; row += 100) { loader.request(row, row + 50, { isMoving: true }); await wait(10); }
          await wait(300);
          return [asked, told];
        }""")
    assert asked == [{"from": 1001, "count": 400, "aborted": True}, {"from": 7001, "count": 400}, {"from": 2901, "count": 400}]
    assert told == ["filled", "filled"]


def test_L10_what_fails_is_tried_again_and_what_is_refused_is_not(at_home: Page) -> None:
    asked, told, refused = at_home.evaluate(
        "async () => {" + LOADER + """
          fail = new ApiError(503, 'Not now.');
          loader.request(0, 50);
          await wait(20);
          fail = null;
          await wait(900);
          const again = [asked.length, [...told]];
          fail = new ApiError(404, 'Gone.');
          loader.request(9000, 9050);
          await wait(1200);
          return [...again, [asked.length, told.at(-1)]];
        }""")
    assert asked == 2 and told == ["failing", "filled", "well"]
    assert refused == [3, 404]


# ---- the scroll space

SPACE = """
  const { ScrollSpace } = await import('/assets/js/job/viewer/scroll-space.js');
  const whole = 200_000_000, view = 600, cap = 8_000_000;
  const space = new ScrollSpace();
  space.resize(whole, view);
"""


def test_L6_a_short_log_is_its_own_space(at_home: Page) -> None:
    found = at_home.evaluate(
        """async () => {
          const { ScrollSpace } = await import('/assets/js/job/viewer/scroll-space.js');
          const space = new ScrollSpace();
          space.resize(20_000, 600);
          const top = space.place(7000.5);
          space.moved(19_400, false);
          return [space.height, space.isScaled, top, space.toLog(19_400), space.hasRoom(0), space.hasRoom(19_400)];
        }""")
    assert found == [20_000, False, 7000.5, 19_400, True, True]


def test_L6_ends_are_exact_and_every_place_is_reached(at_home: Page) -> None:
    found = at_home.evaluate(
        "async () => {" + SPACE + """
          const out = { height: space.height };
          out.tops = [0, 1, 20_000, whole / 2, whole - view - 1, whole - view].map(y => space.place(y));
          // There and back again: a leap lands where the place is shown.
          out.wrong = 0;
          let last = -1;
          for (let y = 0; y <= whole - view; y += 1_234_567) {
            const top = space.place(y);
            if (top <= last) out.wrong += 1;
            last = top;
            if (space.toLog(top) !== y) out.wrong += 1;
            space.place(y > whole / 2 ? 0 : whole - view);
            space.moved(top, false);
            if (Math.abs(space.toLog(top) - y) > whole / cap) out.wrong += 1;
          }
          space.place(whole / 2);
          space.moved(0, false);
          out.start = space.toLog(0);
          space.moved(cap - view, false);
          out.end = space.toLog(cap - view);
          return out;
        }""")
    assert found["height"] == 8_000_000 and found["wrong"] == 0
    assert found["tops"][:3] == [0, 1, 20_000] and found["tops"][4:] == [7_999_399, 7_999_400]
    assert abs(found["tops"][3] - 4_000_000) < 1000
    assert found["start"] == 0 and found["end"] == 200_000_000 - 600


def test_L6_scrolling_by_hand_goes_pixel_by_pixel(at_home: Page) -> None:
    found = at_home.evaluate(
        "async () => {" + SPACE + """
          const begun = 123_456_789;
          let top = space.place(begun);
          for (let i = 0; i < 300; i += 1) space.moved(top += 100, true);
          const walked = space.toLog(top) - begun;
          const before = space.toLog(top);
          const again = space.place(before);
          // A flick of many pixels at once is by hand too.
          space.moved(again - 5000, true);
          const flick = before - space.toLog(again - 5000);
          // Without a hand a step of a page or two is still one.
          space.place(begun);
          const small = space.place(begun);
          space.moved(small + 1100, false);
          return { walked, held: space.toLog(small + 1100) - begun, flick, stays: again !== top };
        }""")
    assert found == {"walked": 30_000, "held": 1100, "flick": 5000, "stays": True}


def test_L6_there_is_always_room_to_go_on_or_it_is_said(at_home: Page) -> None:
    found = at_home.evaluate(
        "async () => {" + SPACE + """
          const out = {};
          out.placed = [0, 100, 5000, 100_000, whole / 2, whole - view - 100, whole - view].every(y => space.hasRoom(space.place(y)));
          let top = space.place(whole / 2);
          while (space.hasRoom(top)) space.moved(top -= 10_000, true);
          out.left = top;
          const y = space.toLog(top);
          top = space.place(y);
          out.same = space.toLog(top) === y && space.hasRoom(top);
          // The log grows while its end is looked at: there is more below now.
          top = space.place(whole - view);
          space.resize(whole + 10_000, view);
          out.kept = space.toLog(top);
          out.below = space.hasRoom(top);
          return out;
        }""")
    assert found["placed"] and found["same"]
    assert found["left"] <= 1200
    assert found["kept"] == 200_000_000 - 600 and found["below"] is False


def test_L6_a_log_outgrows_its_element_under_the_reader(at_home: Page) -> None:
    found = at_home.evaluate(
        """async () => {
          const { ScrollSpace } = await import('/assets/js/job/viewer/scroll-space.js');
          const space = new ScrollSpace({ cap: 10_000, edge: 1000 });
          space.resize(9000, 500);
          const top = space.place(4000);
          space.resize(90_000, 500);
          return [top, space.toLog(top), space.height, space.place(4000)];
        }""")
    assert found[:3] == [4000, 4000, 10_000]
    assert 1000 < found[3] < 2000


def test_L7_hits_of_a_line(at_home: Page) -> None:
    found = at_home.evaluate(
        """async () => {
          const { firstFrom, hitsIn } = await import('/assets/js/job/search/search.js');
          const hits = [2, 5, 5, 9].map((n, col) => ({ n, col, len: 1 }));
          return [[1, 2, 3, 5, 6, 9, 10].map(n => firstFrom(hits, n)), [1, 2, 5, 9, 10].map(n => hitsIn(hits, n).map(hit => hit.col))];
        }""")
    assert found == [[0, 0, 1, 1, 3, 3, 4], [[], [0], [1, 2], [3], []]]


def test_L8_times_since_the_start(at_home: Page) -> None:
    read = lambda ms: at_home.evaluate("async ms => (await import('/assets/js/job/text/timestamps.js')).sinceStart(ms).join('')", ms)
    assert [read(ms) for ms in (0, 134_267, 4_329_001, -3120)] == ["+00:00.000", "+02:14.267", "+1:12:09.001", "-00:03.120"]


def test_L8_addresses_of_lines(at_home: Page) -> None:
    read = lambda text: at_home.evaluate("async t => (await import('/assets/js/job/selection/selection.js')).readHash(t)", text)
    assert read("#L120") == {"from": 120, "to": 120}
    assert read("#L120-L131") == {"from": 120, "to": 131}
    assert read("#L131-L120") == {"from": 120, "to": 131}
    for text in ("", "#", "#L0", "#L", "#Lx", "#L1-", "#L1-L2-L3", "#<b>"):
        assert read(text) is None


def test_L5_what_is_asked_for_in_a_burst_runs_at_once_and_once_more(at_home: Page) -> None:
    runs = at_home.evaluate(
        """async () => {
          const { throttle } = await import('/assets/js/lib/timing.js');
          const wait = ms => new Promise(resolve => setTimeout(resolve, ms));
          const begun = performance.now();
          const runs = [];
          let busy = 0;
          const ask = throttle(100, async () => { runs.push([Math.round(performance.now() - begun), busy += 1]); await wait(50); busy -= 1; });
          for (let i = 0; i < 10; i += 1) { ask(); await wait(1); }
          await wait(400);
          ask();
          await wait(20);
          return runs;
        }""")
    assert len(runs) == 3, runs
    assert runs[0][0] < 50 and runs[1][0] >= 150, runs
    assert [busy for _, busy in runs] == [1, 1, 1], "two at a time"


def test_H3_durations(at_home: Page) -> None:
    form = lambda name, ms: at_home.evaluate("async ([name, ms]) => (await import('/assets/js/lib/format.js'))[name](ms)", [name, ms])
    assert [form("clockTime", ms) for ms in (0, 999, 134_000, 4_329_000)] == ["00:00", "00:00", "02:14", "1:12:09"]
    assert [form("span", ms) for ms in (92, 1449, 48_200, 132_000, 4_327_000)] == ["< 0.1 s", "1.4 s", "48 s", "2 min 12 s", "1 h 12 min"]
    assert [form("span", ms) for ms in (0, 99, 100, 449, 999)] == ["< 0.1 s", "< 0.1 s", "0.1 s", "0.4 s", "0.9 s"]
    assert [form("ago", ms) for ms in (900, 42_000, 120_000, 7_200_000)] == ["just now", "42 s ago", "2 min ago", "2 h ago"]
    assert [form("short", n) for n in (0, 999, 1478, 48_211, 1_250_000)] == ["0", "999", "1.5k", "48k", "1.3M"]


def test_A1_a_job_that_cannot_be_stopped_can_be_given_up(page: Page) -> None:
    page.goto("/dashboard/vines")  # Has the dialog that the module asks with.
    can = lambda **job: page.evaluate(
        """async job => {
          const [base] = document.querySelector('script[type=module]').src.split('/js/');
          const { forceActions } = await import(`${base}/js/job/head/force-actions.js`);
          return forceActions({ job: { status: 'CANCELLED', engine_state: 'STOPPING', ...job }, worker: null });
        }""", job)
    early, late = "2999-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
    assert can(forced=False)["force"] and not can(forced=False)["giveUp"]
    assert can(forced=True, give_up={"allowed": False, "allowed_from": late}) == {"force": False, "giveUp": True}
    assert can(forced=True, give_up={"allowed": True})["giveUp"]
    assert not can(forced=True, give_up={"allowed": False, "allowed_from": early})["giveUp"]
    assert not can(forced=True, give_up=None)["giveUp"]
    assert not can(forced=True, give_up={"allowed": True}, engine_state="GONE")["giveUp"]


# ---- values of vines: nothing is lost on the way through the form


def numbers(rng: random.Random) -> str:
    whole = str(rng.randrange(10 ** rng.randrange(1, 40)))
    return rng.choice(["", "-"]) + whole + rng.choice(["", ".0", ".10", ".123456789012345678901"]) + rng.choice(["", "", "e5", "E+400", "e-07"])


def document(rng: random.Random, depth: int = 0) -> str:
    """JSON as text, compact, so that writing it again must give the same text."""
    kind = rng.randrange(6 if depth < 6 else 4)
    if kind == 0:
        return numbers(rng)
    if kind == 1:
        return rng.choice(["true", "false", "null"])
    if kind < 4:
        return json.dumps("".join(rng.choice("aZ \"\\/\n\r\t\b{}[]:,é🍇\u2028\x7f") for _ in range(rng.randrange(12))), ensure_ascii=False)
    if kind == 4:
        return "[" + ",".join(document(rng, depth + 1) for _ in range(rng.randrange(5))) + "]"
    names = rng.sample(["a", "__proto__", "constructor", "", "é", "2", "1", "toString"], rng.randrange(5))
    return "{" + ",".join(f"{json.dumps(name, ensure_ascii=False)}:{document(rng, depth + 1)}" for name in names) + "}"


def test_json_is_read_and_written_digit_for_digit(at_home: Page) -> None:
    rng = random.Random(17)
    documents = [document(rng) for _ in range(600)]
    written = at_home.evaluate(
        """async documents => {
          const { parseExact, writeExact } = await import('/assets/js/lib/exact-json.js');
          return documents.map(text => [writeExact(parseExact(text)), writeExact(parseExact(writeExact(parseExact(text), '  ')))]);
        }""", documents)
    for text, (compact, laid_out) in zip(documents, written):
        assert compact == text and laid_out == text


def test_what_is_no_json_is_refused(at_home: Page) -> None:
    texts = ["", " ", "01", "1.", ".5", "+1", "--1", "nul", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "\"a", "\"\n\"", "\"\\x\"", "1 2", "[1", "{\"a\"}", "NaN", "[" * 200]
    refused = at_home.evaluate(
        """async texts => {
          const { parseExact } = await import('/assets/js/lib/exact-json.js');
          return texts.map(text => { try { parseExact(text); return false; } catch (error) { return error instanceof SyntaxError; } });
        }""", texts)
    assert [text for text, is_refused in zip(texts, refused) if not is_refused] == []


def test_line_ends_come_back(at_home: Page) -> None:
    rng = random.Random(21)
    cases = []
    for _ in range(500):
        lines = [rng.choice(["", "a", "b", "same"]) + rng.choice(["\n", "\r\n", "\r", "\r\n"]) for _ in range(rng.randrange(8))]
        original = "".join(lines) + rng.choice(["", "end"])
        shown = original.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        at = rng.randrange(len(shown))
        edited = [*shown[:at], *rng.choice([["new"], ["x", "y"], []]), *shown[at + rng.randrange(2):]]
        cases.append([original, "\n".join(edited)])
    found = at_home.evaluate(
        """async cases => {
          const { restoreLineEnds, shownText } = await import('/assets/js/lib/line-ends.js');
          return cases.map(([original, edited]) => [restoreLineEnds(original, shownText(original)), restoreLineEnds(original, edited)]);
        }""", cases)
    for (original, edited), (untouched, restored) in zip(cases, found):
        assert untouched == original
        # What was typed is there, whatever its lines end in.
        assert restored.replace("\r\n", "\n").replace("\r", "\n") == edited


HCL = {
    "3": "3", "-0.50": "-0.50", "007": "7", "1e400": "1e400", "true": "true", "null": "null",
    # What is JSON is read as JSON, where dollar signs mean nothing.
    '"a\\tb\\u00e9 $${x}"': '"a\tbé $${x}"', '["$${x}%%{y}$z",]': '["${x}%{y}$z"]', "[1, 2,]": "[1,2]", "[\n  1, # one\n  2\n]": "[1,2]",
    '{ a = 1, "b c" : [true] }': '{"a":1,"b c":[true]}', "{\n  a = 1 // one\n  b = {\n    c = 2\n  }\n}\n": '{"a":1,"b":{"c":2}}',
    "<<EOT\nx\n  y\nEOT": '"x\n  y\n"', "<<-EOT\n    x\n      y\n    EOT\n": '"x\n  y\n"', "/* c */ {}": "{}",
    '{"__proto__": 12345678901234567890}': '{"__proto__":12345678901234567890}',
}
NOT_HCL = ["", "eu-west-1", "var.x", '["${var.x}",]', "[1 2]", "{ a = }", "{ a 1 }", '"open', "1 2", "file(\"x\")", "<<EOT\nx", "[", "-x", '"\\q"']


def test_hcl_values(at_home: Page) -> None:
    read = at_home.evaluate(
        """async texts => {
          const { parseValue } = await import('/assets/js/vines/hcl.js');
          const { writeExact } = await import('/assets/js/lib/exact-json.js');
          return texts.map(text => { try { return writeExact(parseValue(text)); } catch (error) { return error instanceof SyntaxError && error.message.endsWith('.') ? null : String(error); } });
        }""", [*HCL, *NOT_HCL])
    wanted = [text.replace("\n", "\\n").replace("\t", "\\t") if '"' in text else text for text in HCL.values()]
    assert read == [*wanted, *[None] * len(NOT_HCL)]


DECLARATIONS = {
    "main.tf": '''
# variable "commented" {}
variable "plain" {}
variable "typed" {
  type        = list(object({
    name = string # the name
    size = optional(number, 3)
    tags = map(string)
  }))
  description = "What it is: {braces} and \\"quotes\\""
  default     = [
    { name = "x", tags = {} },
  ]
  validation {
    condition     = length(var.typed) > 0 && can(regex("^}$", "}"))
    error_message = "Needs ${length(var.typed)} of them."
  }
}
locals { a = { variable = "x" } }
resource "terraform_data" "variable" {
  input = <<EOT
variable "in_a_heredoc" {}
EOT
}
variable "secret" {
  type = string
  sensitive = true
  nullable = false
}
variable one_line { type = number }
output "x" { value = "${var.plain} }" }
variable "after" { default = null }
''',
    "more.tf.json": '{"variable": {"json": {"type": "set(string)", "default": [12345678901234567890]}}}',
    "mod/main.tf": 'variable "of_the_module" {}', "readme.md": 'variable "in_a_text" {}',
    "broken.tf": 'variable "before_the_fault" {\n  type = bool\n}\nvariable "open" {\n  type = "string',
}


def test_declarations_are_read_from_the_files(at_home: Page) -> None:
    found = at_home.evaluate(
        """async files => {
          const { declarations, typeName } = await import('/assets/js/vines/hcl.js');
          return Object.fromEntries([...declarations(Object.entries(files))].map(([name, d]) => [name, [d.isTyped ? typeName(d.type) : '', d.default, d.description, d.isSensitive, d.isNullable]]));
        }""", DECLARATIONS)
    default = found["typed"].pop(1)
    assert default.startswith("[") and default.endswith("]") and 'name = "x"' in default
    assert found == {
        "plain": ["", None, "", False, True],
        "typed": ["list(object)", 'What it is: {braces} and "quotes"', False, True],
        "secret": ["string", None, "", True, False],
        "one_line": ["number", None, "", False, True],
        "after": ["", "null", "", False, True],
        "json": ["set(string)", "[12345678901234567890]", "", False, True],
        "before_the_fault": ["bool", None, "", False, True],
        "open": ["", None, "", False, True],
    }


FITS = [
    ("string", "3", True), ("string", '"x"', True), ("string", "[]", False), ("string", "{}", False), ("string", "null", True),
    ("number", "3", True), ("number", '"3.5"', True), ("number", '"x"', False), ("number", "true", False),
    ("bool", "true", True), ("bool", '"true"', True), ("bool", "1", False), ("bool", '"yes"', False),
    ("list(number)", "[1, 2]", True), ("list(number)", '["a"]', False), ("list(number)", "1", False), ("list(number)", "{}", False),
    ("set(string)", '["a"]', True), ("map(number)", "{ a = 1 }", True), ("map(number)", "{ a = [] }", False), ("map", "[]", False),
    ("tuple([string, number])", '["a", 1]', True), ("tuple([string, number])", '["a"]', False),
    ("object({ a = string, b = optional(number) })", '{ a = "x" }', True), ("object({ a = string, b = optional(number) })", "{ b = 1 }", False),
    ("object({ a = string, b = optional(number) })", '{ a = "x", b = [] }', False), ("object({ a = list(any) })", "{ a = [1, {}] }", True),
    ("any", "[{}]", True), ("something(else)", "1", True),
]


def test_what_cannot_be_right_for_a_type(at_home: Page) -> None:
    fits = at_home.evaluate(
        """async cases => {
          const { mismatch, parseType, parseValue } = await import('/assets/js/vines/hcl.js');
          return cases.map(([type, text]) => mismatch(parseValue(text), parseType(type)) === '');
        }""", FITS)
    assert [(case[0], case[1]) for case, fit in zip(FITS, fits) if case[2] != fit] == []


def diagnostic(cause: str, more: str = "", others: int = 0, **place: str | int) -> dict:
    return {"outcome": {"diagnostic": {"cause": cause, "more": more, "others": others, **place}}}


@pytest.mark.parametrize("job, found", [
    (diagnostic("Invalid index: The given key does not identify an element in this collection value", "", 2,
                address='module.a.terraform_data.b["x, y"]', file="modules/a/main.tf", line=7),
     ["Invalid index: The given key does not identify an element in this collection value", "", 'module.a.terraform_data.b["x, y"]', "modules/a/main.tf:7", 2]),
    (diagnostic("creating RDS DB Instance (shop): NoSubnets", "operation error RDS.", file="main.tf", line=3),
     ["creating RDS DB Instance (shop): NoSubnets", "operation error RDS.", "", "main.tf:3", 0]),
    # A long cause is shortened to its first sentence.
    (diagnostic(f"{'word ' * 30}end. Then more", "of it.", file="main.tf"), [f"{'word ' * 30}end", "Then more of it.", "", "main.tf", 0]),
    (diagnostic("ROOT CAUSE", address="terraform_data.a"), ["ROOT CAUSE", "", "terraform_data.a", "", 0]),
    # The facts count, whatever the message says.
    ({"error_message": "on x.tf line 3", **diagnostic("Cycle")}, ["Cycle", "", "", "", 0]),
    # Without them the message stands as it is, whatever it looks like.
    ({"error_message": "Given up by ana: no heartbeat from eu-west-1a for 52 s."}, ["Given up by ana: no heartbeat from eu-west-1a for 52 s", "", "", "", 0]),
    ({"error_message": "terraform plan failed\nwith terraform_data.a, on main.tf line 9\nand 2 more errors"},
     ["terraform plan failed", "with terraform_data.a, on main.tf line 9 and 2 more errors", "", "", 0]),
    ({"error_message": None, "outcome": None}, ["", "", "", "", 0]),
    ({}, ["", "", "", "", 0]),
])
def test_B1_the_error_of_a_failed_job(at_home: Page, job: dict, found: list) -> None:
    read = at_home.evaluate(
        """async job => { const { shownError } = await import('/assets/js/job/head/diagnostic.js');
          const { cause, more, address, place, others } = shownError(job); return [cause, more, address, place, others]; }""", job)
    assert read == found


@pytest.mark.parametrize("changes, planned, done, short", [
    ({"add": 1, "change": 0, "destroy": 2}, "1 to add, 0 to change, 2 to destroy", "1 added, 0 changed, 2 destroyed", ["+1 add", "~0 change", "−2 destroy"]),
    ({"add": 0, "change": 0, "destroy": 0, "import": 1}, "1 to import", "1 imported", ["↓1 import"]),
    ({"add": 0, "change": 0, "destroy": 0, "forget": 2, "move": 1}, "2 to forget, 1 moved", "2 forgotten, 1 moved", ["×2 forget", "→1 move"]),
    ({"add": 0, "change": 0, "destroy": 0, "outputs": 1}, "1 output changes", "1 output changed", ["1 output"]),
    ({"add": 1, "change": 0, "destroy": 0, "import": 1, "outputs": 3}, "1 to import, 1 to add, 0 to change, 0 to destroy, 3 outputs change",
     "1 imported, 1 added, 0 changed, 0 destroyed, 3 outputs changed", ["↓1 import", "+1 add", "~0 change", "−0 destroy", "3 outputs"]),
    ({"add": 0, "change": 0, "destroy": 0}, "0 to add, 0 to change, 0 to destroy", "0 added, 0 changed, 0 destroyed", ["+0 add", "~0 change", "−0 destroy"]),
])
def test_A2_every_kind_of_change_is_counted(at_home: Page, changes: dict, planned: str, done: str, short: list) -> None:
    found = at_home.evaluate(
        """async changes => { const { deltas, doneText, isNothing, plannedText } = await import('/assets/js/lib/changes.js');
          return [plannedText(changes), doneText(changes), deltas(changes).map(node => node.textContent), isNothing(changes),
                  deltas(changes).every(node => node.classList.contains('zero') === /\\D0 /.test(node.textContent))]; }""", changes)
    assert found == [planned, done, short, not any(changes.values()), True]
