"""An applier is killed while DynamoDB builds an index; the same plan, applied again, finishes it (law 6).

The half minute that this takes passes while the other tests of this folder run: see `slow` and the fixture `story`.
"""

from __future__ import annotations

from concurrent.futures import Future

from tests.engines.dynamodb.slow import Story


def test_a_killed_apply_goes_on_where_the_service_is(story: Future[Story]) -> None:
    seen = story.result(timeout=300)
    assert seen.before == "CREATING", "it was killed in the middle"
    assert seen.busy is not None and "pid" in str(seen.busy), "until its lease is over nobody else gets in"
    assert seen.result is not None and seen.result.outcome == "applied"
    assert [s.title for s in seen.result.ran] == ["build index by_who on shop-t-dev"]
    creating = "shop-t-dev: index by_who is creating"
    assert seen.waited[-1:] == [f"{creating}, backfilling"], "the build was still going on"
    assert set(seen.waited) <= {creating, f"{creating}, backfilling"}, "on a slow machine it is in its second half"
    assert seen.left is not None and seen.left.empty
    assert len(seen.items) == 1, "the index holds what was there before it"
