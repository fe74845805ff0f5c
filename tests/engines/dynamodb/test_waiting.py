"""An applier is killed while DynamoDB builds an index; the same plan, applied again, finishes it (law 6).

The half minute that this takes passes while the other tests of this folder run: see `slow` and the fixture `story`.
"""

from __future__ import annotations

from concurrent.futures import Future

from tests.engines.dynamodb.slow import Story


def test_a_killed_apply_goes_on_where_the_service_is(story: Future[Story]) -> None:
    seen = story.result(timeout=120)
    assert seen.before == "CREATING", "it was killed in the middle"
    assert seen.busy is not None and "pid" in str(seen.busy), "until its lease is over nobody else gets in"
    assert seen.result is not None and seen.result.outcome == "applied"
    assert [s.title for s in seen.result.ran] == ["build index by_who on shop-t-dev"]
    assert seen.seconds > 5, "the build was still going on"
    assert seen.waited == [
        "shop-t-dev: index by_who is creating",
        "shop-t-dev: index by_who is creating, backfilling",
    ]
    assert seen.left is not None and seen.left.empty
    assert len(seen.items) == 1, "the index holds what was there before it"
