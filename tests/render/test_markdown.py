"""A comment on a pull request: nothing in it is interpreted, hazards are never cut, and GitHub accepts it."""

from __future__ import annotations

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.model.catalog import Deferred, Unmanaged
from reconciler.model.hazard import Hazard
from reconciler.model.plan import Note, Plan
from reconciler.model.step import Check, Lock, Probe
from reconciler.render.markdown import LIMIT, plan_markdown
from reconciler.render.markup import code, fence, html_code, prose

from . import samples

OURS = {"p", "h3", "strong", "em", "b", "ul", "li", "code", "pre", "details", "summary", "blockquote"} | {
    *("table", "thead", "tbody", "tr", "th", "td")
}
REFERENCES = re.compile(r"@\w|#\d|\bGH-\d|https?://|www\.|\b[0-9a-f]{7,40}\b|:\w+:|\$|!\[|\]\(")
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    "</details></summary><h1>approved</h1>",
    "<!-- hidden",
    "-->",
    "@octocat please merge",
    "@org/team",
    "fixes #123",
    "org/repo#9",
    "GH-42",
    "see https://evil.example/x",
    "www.evil.example",
    "[click](https://evil.example)",
    "![pixel](https://evil.example/p.png)",
    "<https://evil.example>",
    "mail@evil.example",
    "a | b | c",
    "`code`",
    "``` \n# heading",
    "`|`",
    "\\`|\\",
    "**bold** _it_ ~~gone~~",
    "# heading",
    "- [x] approved",
    "a\n\n# heading\n\n---",
    "a\r\r# heading",
    ":rocket:",
    "$`x`$ $$y$$",
    "deadbeefcafe",
    "&lt;b&gt; &#64;octocat",
    "x" * 300,
    "````",
    "~~~",
    "\x1b[31m",
    "",
    " ",
]


class Page(HTMLParser):
    """What a browser sees: tags, attributes, and text outside code, where GitHub looks for references."""

    def __init__(self, markdown: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.outside = ""
        self.comments: list[str] = []
        self._code = 0
        self.open: list[str] = []
        self.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(markdown))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {f"{tag}.{name}" for name, _ in attrs}
        self.open.append(tag)
        self._code += tag in ("code", "pre")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        self._code -= tag in ("code", "pre")

    def handle_data(self, data: str) -> None:
        self.outside += "\x00" if self._code else data

    def handle_comment(self, data: str) -> None:
        self.comments.append(data)


def harmless(markdown: str) -> Page:
    page = Page(markdown)
    assert page.tags <= OURS
    assert page.attributes <= {"code.class", "th.style", "td.style"}
    assert page.comments == [" reconcile plan "]
    assert not REFERENCES.search(page.outside), REFERENCES.search(page.outside)
    assert not page.open
    return page


def hostile_plan(text: str) -> Plan:
    """The text wherever a plan can hold one."""
    address = samples.pg("table", "public", text, service=text or "s")
    plan = samples.single(
        f"create {text}",
        operation=samples.Statement(text),
        address=address,
        because=text,
        locks=(Lock(text, text),),
        hazards=(Hazard("RC1101", text), Hazard(text, "m")),
        probes=(Probe(text, text, ((text, text),)),),
        done=(Check(address, True, ((text, text),)),),
        undo=(samples.Statement(text, False),),
    )
    return Plan(
        "0.1.0",
        text,
        plan.targets,
        plan.changes,
        (*plan.steps, *samples.usual().steps[4:5]),
        unmanaged=(Unmanaged(address, text),),
        deferred=(Deferred(address, text),),
        notes=(Note(text, text),),
        stop_before=samples.usual().stop_before,
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_interpreted(text: str) -> None:
    page = harmless(plan_markdown(hostile_plan(text), source=text))
    assert {"details", "summary", "table", "pre"} <= page.tags


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_interpreted_when_shortened(text: str) -> None:
    harmless(plan_markdown(hostile_plan(text), source=text, limit=3_500))


@given(st.text(alphabet=st.sampled_from("ab1 \n\r\t`~|\\<>&;#@[]()!*_-=+:$/.'\"\x1b\u202e\udc80é"), max_size=40))
@settings(max_examples=100, deadline=None)
def test_no_text_is_interpreted(text: str) -> None:
    harmless(plan_markdown(hostile_plan(text), source=text))


@given(st.text(max_size=60))
@settings(max_examples=100, deadline=None)
def test_code_and_prose_show_the_very_text(text: str) -> None:
    from reconciler.render import visible

    for shown in (code(text), html_code(text), prose(text)):
        page = MarkdownIt("commonmark").enable("table").render(f"| a |\n|---|\n| x {shown} |\n")
        cell = page.split("<td>x ")[1].split("</td>")[0]
        told = HTMLText(cell).text
        assert told.strip() in (visible.line(text).strip(), "(empty)", text.strip())


class HTMLText(HTMLParser):
    """The text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = ""
        self.feed(html)
        self.close()

    def handle_data(self, data: str) -> None:
        self.text += data


def test_prose_stays_prose_where_it_can() -> None:
    assert prose("old code that writes no currency is refused") == "old code that writes no currency is refused"
    assert prose("values of legacy_code") == "values of legacy\\_code"
    for text in ("see #1", "@a", "GH-1", "www.x.y", "a<b", "a*b", "deadbeef", "http://x"):
        assert prose(text).startswith(("`", "<code>"))


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fence("sql", ["SELECT '```'"]).startswith("````sql\n")
    assert fence("sql", ["`", "`````````"]).splitlines()[0] == "``````````sql"
    assert fence("", ["a\n```\n# b"]).splitlines() == ["````", "a", "```", "# b", "````"]


def test_a_statement_with_fences_stays_in_its_block() -> None:
    statement = "COMMENT ON TABLE a IS '\n```\n</details>\n@octocat\n`````\n'"
    page = harmless(plan_markdown(samples.single(operation=samples.Statement(statement))))
    assert "octocat" not in page.outside


def steps_shown(text: str) -> int:
    return len(re.findall(r"(?m)^\*\*\d+\*\*", text))


def test_three_thousand_steps_and_five_hundred_hazards_fit() -> None:
    plan = samples.big(3_000, 500)
    started = time.perf_counter()
    text = plan_markdown(plan, source="plans/big.yaml")
    assert time.perf_counter() - started < 5
    assert len(text) <= len(text.encode()) <= LIMIT
    harmless(text)
    head = text[: text.index("| target |")]
    listed = set(re.findall(r"a\\_rather\\_long\\_table\\_name\\_(\d+) are deleted", head))
    assert listed == {str(n) for n in range(2_501, 3_001)}
    assert "500 hazards" in head and "needs `--allow RC1101`" in head
    assert "`reconcile show plans/big.yaml`" in text and "only counted" in text
    untitled = int(re.search(r"([\d,]+) steps only counted", text)[1].replace(",", ""))  # type: ignore[index]
    assert steps_shown(text) + untitled == 3_000


def test_bodies_go_before_titles() -> None:
    text = plan_markdown(samples.big(300, 10))
    assert len(text.encode()) <= LIMIT
    assert steps_shown(text) == 300
    assert "by title only" in text and "only counted" not in text
    assert 0 < text.count("```sql") < 300
    risky = text[text.index("**291**") :]
    assert risky.count("```sql") == 10, "steps with hazards keep their bodies longest"


@pytest.mark.parametrize("hazards", [0, 1, 100, 2_000])
@pytest.mark.parametrize("message", ["short {}", "the rows of {} are deleted for good, " + "and so on, " * 20])
@pytest.mark.parametrize("targets", [1, 700])
def test_it_always_fits_and_every_hazard_is_counted(hazards: int, message: str, targets: int) -> None:
    text = plan_markdown(samples.big(2_100, hazards, message, targets))
    assert len(text.encode()) <= LIMIT
    harmless(text)
    assert (f"{hazards:,} hazard" in text) == bool(hazards)
    if hazards:
        assert text.index("RC1101") < text.index("| target |")


def test_lists_are_cut_before_steps_and_what_could_not_be_compared_last() -> None:
    plan = samples.big(40, 2)
    address = samples.pg("table", "public", "another_table_that_nobody_declares")
    plan = Plan(
        plan.tool_version,
        plan.environment,
        plan.targets,
        plan.changes,
        plan.steps,
        unmanaged=(Unmanaged(address, "not declared, and never managed by reconcile"),) * 2_000,
        deferred=(Deferred(address, "no temporary tables here"),) * 3,
    )
    text = plan_markdown(plan)
    assert len(text.encode()) <= LIMIT
    assert text.count("```sql") == 40
    assert text.count("no temporary tables here") == 3
    assert 0 < text.count("never managed") < 2_000
    assert "2,000 unmanaged" in text and "of the lists below the steps left out" in text


def test_a_usual_plan_is_not_shortened() -> None:
    assert "Too long" not in plan_markdown(samples.usual())
