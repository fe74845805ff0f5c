"""`make demo`: eight services, three real stores, from nothing to a change of the schema in phases.

Everything happens in `.reconcile/demo`, beside the stores of `reconcile up`. Ends with 1 when a command answers
otherwise than it should.
"""

from __future__ import annotations

import sys
import time

from demo import behind
from demo.stage import HOME, ROOT, Stage, Unexpected

COLUMN = "ALTER TABLE public.users ADD COLUMN nickname text"
CONSTRAINT = "CREATE CONSTRAINT course_slug FOR (c:Course) REQUIRE c.slug IS UNIQUE"
FIRST_CONSTRAINT = "    tutor_id_unique: {node: Tutor, unique: tutor_id}\n"
DELETES_DATA = "RC1101"


def main() -> int:
    """Play it."""
    started = time.monotonic()
    try:
        with Stage() as stage:
            for part in (first_deployment, drift, next_release):
                part(stage)
    except Unexpected as error:
        print(f"\nThe demo failed: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; nothing is left running", file=sys.stderr)
        return 130
    print(CLOSING.format(seconds=time.monotonic() - started, home=HOME.relative_to(ROOT)))
    return 0


def first_deployment(stage: Stage) -> None:
    """Three empty stores become what eight files declare."""
    stage.say("Real PostgreSQL, Neo4j and DynamoDB Local, as child processes on this computer. No Docker.")
    stage.reconcile("up", expect=["postgres", "neo4j", "dynamodb"])
    stage.say("Eight services declare in YAML what their stores should look like: one file each, in schemas/.")
    stage.reconcile("validate", expect=["8 services"])
    stage.say("The stores are empty, so all of it has to be added. The plan is one file, made to be reviewed:")
    stage.reconcile("plan", "-o", "plans/first.yaml", expect=["to add, 0 to change, 0 to delete"], head=30, tail=4)
    stage.say("The same file as a comment on a pull request; its first lines count the steps per service and phase:")
    stage.reconcile("show", "plans/first.yaml", "--format", "markdown", expect=["| `payment/postgres` |"], head=16)
    stage.say("Apply runs exactly that file, all targets at once, and proves at the end that live equals declared.")
    stage.reconcile("apply", "plans/first.yaml", expect=["live equals declared on 9 targets"], head=8, tail=13)
    stage.reconcile("plan", expect=["no changes; all 9 targets are as declared"], head=1)


def drift(stage: Stage) -> None:
    """Somebody changes each of the three stores by hand."""
    stage.say("Now somebody changes all three stores behind its back.")
    stage.act(f"PostgreSQL, database user:  {COLUMN};")
    behind.postgres(stage.uri("postgres"), "user", COLUMN)
    stage.act("DynamoDB:  UpdateTable chat-rooms-local, create global secondary index by_topic")
    behind.add_index(stage.uri("dynamodb"), "chat", "chat-rooms-local", "by_topic", "topic")
    stage.act(f"Neo4j:  {CONSTRAINT}")
    behind.cypher(stage.uri("neo4j"), CONSTRAINT)
    stage.say("A cron job that runs `drift` notices. It changes nothing, and exits with 2.")
    found = ["column public.users.nickname", "gsi rooms.by_topic", "constraint course_slug"]
    stage.reconcile("drift", code=2, expect=found)
    stage.say(
        "Bringing it all back would delete the column and what is in it. That takes the approval of its hazard, by "
        "code; without it nothing runs."
    )
    stage.reconcile("apply", "--auto-approve", code=3, expect=[DELETES_DATA], tail=3, head=1)
    stage.say("The column and the constraint turn out to be wanted: to keep them is to declare them.")
    stage.insert("user.yaml", "        closed_at: timestamptz\n", "        nickname: text\n")
    stage.insert("tutor-matching.yaml", FIRST_CONSTRAINT, "    course_slug: {node: Course, unique: slug}\n")
    stage.say("What is left to bring back is the index.")
    stage.reconcile("apply", "--auto-approve", expect=["remove index by_topic", "live equals declared"], head=0)
    stage.reconcile("drift", expect=["No drift"])


def next_release(stage: Stage) -> None:
    """A change of the schema while the old code is running."""
    stage.say("The platform is in use: 20,000 payments arrive.")
    stage.act(f"PostgreSQL, database payment:  {' '.join(behind.PAYMENTS.split())};")
    behind.postgres(stage.uri("postgres"), "payment", behind.PAYMENTS)
    stage.say("The next release needs a column that is never empty, an index for it, and the column `note` no more;")
    stage.edit(
        "payment.yaml",
        ("        note: text\n", "        receipt_id: {type: uuid, not_null: true, default: gen_random_uuid()}\n"),
        (
            "        transactions_invoice_idx: [invoice_id]\n",
            "        transactions_invoice_idx: [invoice_id]\n"
            "        transactions_receipt_idx: {columns: [receipt_id], where: status = 'settled'}\n",
        ),
    )
    stage.say("an index to find courses by language,")
    stage.edit(
        "courses.yaml",
        ("{course_id: S, subject: S,", "{course_id: S, subject: S, language: S,"),
        ("        by_level:", "        by_language: {partition: language, sort: published_at}\n        by_level:"),
    )
    stage.say("and a rule in the graph.")
    stage.insert("tutor-matching.yaml", FIRST_CONSTRAINT, "    rating_once: {relationship: RATES, unique: rating_id}\n")
    stage.say("This is what a person reviews: what runs, which locks it takes, what is risky, how it is undone.")
    steps = ["phase 1 of 3", "CREATE INDEX CONCURRENTLY", "GlobalSecondaryIndexUpdates", "rating_once", DELETES_DATA]
    stage.reconcile("plan", "-o", "plans/release.yaml", expect=steps)
    stage.say("Expand only adds: the old code keeps working. Time to deploy the new one.")
    stage.reconcile("apply", "plans/release.yaml", "--phase", "expand", expect=["Stopped before migrate"])
    stage.say("Migrate fills the new column, in batches.")
    stage.reconcile("apply", "plans/release.yaml", "--phase", "migrate", expect=["Stopped before contract"])
    stage.say("Contract removes what only the old code needed. Deleting a column has to be approved:")
    stage.reconcile("apply", "plans/release.yaml", code=3, expect=[DELETES_DATA])
    stage.reconcile(
        "apply", "plans/release.yaml", "--allow", DELETES_DATA, expect=["live equals declared on 9 targets"]
    )
    stage.reconcile("plan", "--detailed-exitcode", expect=["no changes; all 9 targets are as declared"], head=1)


CLOSING = """
That was all of it, on real stores, in {seconds:.0f} s. They are stopped again; the plans are in {home}/project/plans.

To try next:
  . .venv/bin/activate
  reconcile up                     the same stores, to keep; `reconcile status`, `reconcile down`
  reconcile plan                   then edit schemas/*.yaml and plan again
  reconcile apply                  plan, ask, run
  reconcile explain RC1101         what a hazard means
Your own database, read-only:
  reconcile import --target postgresql://USER:PASSWORD@HOST/DATABASE -o mine
  reconcile plan   --target postgresql://USER:PASSWORD@HOST/DATABASE --schemas mine"""


if __name__ == "__main__":
    sys.exit(main())
