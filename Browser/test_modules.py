"""Single modules of the page, in the browser that runs them. Any page of the site will do."""

import pytest
from playwright.sync_api import Page

ESC = "\x1b"


@pytest.fixture
def at_home(page: Page) -> Page:
    page.goto("/sign-in")
    return page


def parse(page: Page, lines: list) -> list:
    """Lines of one stream, or (line, continued), as text and runs of `offset:style key`."""
    return page.evaluate(
        """async lines => {
          const { AnsiParser } = await import('/assets/js/job/ansi.js');
          const parser = new AnsiParser();
          return lines.map(line => {
            const [raw, continued] = Array.isArray(line) ? line : [line, false];
            const { text, runs } = parser.line(raw, continued);
            const list = [];
            for (let i = 0; i < (runs ?? []).length; i += 2) list.push(`${runs[i]}:${runs[i + 1].key}`);
            return [text, list.join(' ')];
          });
        }""", lines)


@pytest.mark.parametrize("raw, text, runs", [
    ("plain", "plain", ""),
    (f"{ESC}[1mbold{ESC}[0m not", "bold not", "0://1 4://0"),
    (f"a{ESC}[31mred{ESC}[39mb", "aredb", "1:1//0 4://0"),
    (f"{ESC}[38;5;208mx", "x", "0:#ff8700//0"),
    (f"{ESC}[38;5;9mx", "x", "0:9//0"),
    (f"{ESC}[38;2;1;2;3mx", "x", "0:#010203//0"),
    (f"{ESC}[38:2::1:2:3mx", "x", "0:#010203//0"),
    (f"{ESC}[48;5;240;1;4mx", "x", "0:/#585858/9"),
    (f"{ESC}[1;2;3;4;7;9mx{ESC}[22;23;24;27;29my", "xy", "0://63 1://0"),
    (f"{ESC}[mx", "x", ""),
    (f"{ESC}[?25l{ESC}[2J{ESC}[10;20Hx{ESC}[K", "x", ""),
    (f"{ESC}]0;title\x07x{ESC}]8;;http://a{ESC}\\y", "xy", ""),
    (f"{ESC}(Bx{ESC}=y{ESC}Mz", "xyz", ""),
    ("\x9b31mx\x9b0my", "xy", "0:1//0 1://0"),
    ("10%\r20%\r100%", "100%", ""),
    ("abcdef\rXY", "XYcdef", ""),
    ("text\r", "text", ""),
    ("ab\b\bX", "Xb", ""),
    (f"{ESC}[31mabc\r{ESC}[32mX", "Xbc", "0:2//0 1:1//0"),
    ("a\x00b\x07c\x7fd\x85e", "abcde", ""),
    ("tab\there", "tab\there", ""),
    ("🍇\rx", "x", ""),
    (f"end{ESC}", "end", ""),
    (f"end{ESC}[31", "end", ""),
    (f"odd{ESC}[31\x01mx", "oddmx", ""),
], ids=lambda value: repr(value)[:40])
def test_L2_ansi(at_home: Page, raw: str, text: str, runs: str) -> None:
    assert parse(at_home, [raw]) == [[text, runs]]


def test_L2_style_goes_on_from_line_to_line(at_home: Page) -> None:
    assert parse(at_home, [f"{ESC}[31mred", "still", f"{ESC}[0mnot"]) == [["red", "0:1//0"], ["still", "0:1//0"], ["not", ""]]


def test_L2_a_sequence_cut_with_its_line_goes_on(at_home: Page) -> None:
    assert parse(at_home, [f"a{ESC}[3", ["1mred", True]]) == [["a", ""], ["red", "0:1//0"]]
    # A new line is not what a broken sequence waits for.
    assert parse(at_home, [f"a{ESC}[3", "1mtext"]) == [["a", ""], ["1mtext", ""]]


def test_L2_streams_do_not_leak_and_blocks_are_marked(at_home: Page) -> None:
    lines = at_home.evaluate(
        """async () => {
          const { LineStore } = await import('/assets/js/job/store.js');
          const store = new LineStore();
          let seq = 0, n = 1;
          const add = (stream_type, log_chunk, more = {}) => {
            const line_count = log_chunk.split('\\n').length - 1;
            store.append({ seq: ++seq, epoch: 1, first_line: n, line_count, stream_type, log_chunk, times: [[line_count, 1000 + seq]], created_at: '2026-01-01T00:00:00Z', ...more });
            n += line_count;
          };
          add('STDOUT', '\\x1b[31mred\\n');
          add('STDERR', 'plain\\n');
          add('SYSTEM', 'plain\\n');
          add('STDOUT', 'still red\\x1b[0m\\n');
          add('STDERR', '╷\\n│ Error: broken\\n│ why\\n╵\\n');
          add('STDOUT', '╷\\n│ Warning: old\\n╵\\nafter\\n');
          add('STDOUT', '\\x1b[32mgreen\\n');
          add('STDOUT', 'a new engine\\n', { epoch: 2 });
          const again = store.append({ seq: 3, first_line: 1, line_count: 1, stream_type: 'STDOUT', log_chunk: 'again\\n', times: [] });
          return { again, errors: store.errors, warnings: store.warnings, count: store.count,
                   lines: Array.from({ length: store.count }, (_, i) => store.get(i + 1)).map(l => [l.n, l.text, l.mark, Boolean(l.runs), l.t]) };
        }""")
    assert lines["again"] is False and lines["count"] == 14
    assert lines["errors"] == [6] and lines["warnings"] == [10]
    assert [line[3] for line in lines["lines"][:4]] == [True, False, False, True]
    assert [line[2] for line in lines["lines"][4:12]] == ["error"] * 4 + ["warning"] * 3 + [None]
    assert lines["lines"][13][3] is False, "another lease starts without colours"


def test_L8_addresses_of_lines(at_home: Page) -> None:
    read = lambda text: at_home.evaluate("async t => (await import('/assets/js/job/lines-hash.js')).readHash(t)", text)
    assert read("#L120") == {"from": 120, "to": 120}
    assert read("#L120-L131") == {"from": 120, "to": 131}
    assert read("#L131-L120") == {"from": 120, "to": 131}
    for text in ("", "#", "#L0", "#L", "#Lx", "#L1-", "#L1-L2-L3", "#<b>"):
        assert read(text) is None


def test_L5_what_is_asked_for_in_a_burst_runs_at_once_and_once_more(at_home: Page) -> None:
    runs = at_home.evaluate(
        """async () => {
          const { seldom } = await import('/assets/js/lib/seldom.js');
          const wait = ms => new Promise(resolve => setTimeout(resolve, ms));
          const begun = performance.now();
          const runs = [];
          let busy = 0;
          const ask = seldom(100, async () => { runs.push([Math.round(performance.now() - begun), busy += 1]); await wait(50); busy -= 1; });
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
    assert [form("span", ms) for ms in (92, 1449, 48_200, 132_000, 4_327_000)] == ["92 ms", "1.4 s", "48 s", "2 min 12 s", "1 h 12 min"]
    assert [form("ago", ms) for ms in (900, 42_000, 120_000, 7_200_000)] == ["just now", "42 s ago", "2 min ago", "2 h ago"]
    assert [form("short", n) for n in (0, 999, 1478, 48_211, 1_250_000)] == ["0", "999", "1.5k", "48k", "1.3M"]


def test_L6_the_job_page_asks_for_all_its_modules_at_once(page: Page, planned) -> None:
    page.goto(f"/dashboard/jobs/{planned['job']['id']}")
    listed = page.locator('link[rel="modulepreload"]').evaluate_all("links => links.map(link => link.href)")
    loaded = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name).filter(name => name.includes('/assets/js/') && !name.endsWith('/theme.js'))")
    assert sorted(set(loaded)) == sorted(listed)
