"""DynamoDB beside a plain boto3 read of the same tables, and beside Terraform where it is installed.

    python -m benchmarks.dynamodb_plan [--tables N] [--rounds R] [--plain-only]

N tables with two global indexes each on DynamoDB Local. In one run, on the same tables: creating them all (`apply`), a
plan with nothing to do, and an index more on every tenth table, planned and applied. Beside the plan stands a process
that only reads (DescribeTable and DescribeTimeToLive of each table, ten threads) and compares nothing: the floor.
No table has a time to live, since DynamoDB Local builds no index any more once eight of one access key have.
Rounds alternate, ratios are taken round by round. Terraform gets tables of its own, with the AWS provider's
mirror found by its own configuration (`TF_CLI_CONFIG_FILE`), or is left out when `terraform init` finds no provider.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from reconciler.local import throwaway

PLAIN = """
import sys
from concurrent.futures import ThreadPoolExecutor
import boto3
from botocore.config import Config
endpoint, access_key = sys.argv[1:]
client = boto3.client("dynamodb", "us-east-1", endpoint_url=endpoint, aws_access_key_id=access_key,
                      aws_secret_access_key="none", config=Config(max_pool_connections=12))
names = [n for page in client.get_paginator("list_tables").paginate() for n in page["TableNames"]]
def read(name):
    return client.describe_table(TableName=name), client.describe_time_to_live(TableName=name)
with ThreadPoolExecutor(10) as pool:
    found = list(pool.map(read, names))
assert found
"""

TERRAFORM = """
terraform {{
  required_providers {{
    aws = {{ source = "hashicorp/aws" }}
  }}
}}
provider "aws" {{
  region                      = "us-east-1"
  access_key                  = "{access_key}"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  skip_region_validation      = true
  endpoints {{
    dynamodb = "{endpoint}"
  }}
}}
"""


class Cost(NamedTuple):
    """What one run cost: CPU seconds of the process and its children, wall seconds, peak megabytes of the biggest."""

    cpu: float
    wall: float
    memory: float


def measured(command: list[str], environment: Mapping[str, str], folder: str = ".") -> Cost:
    """Run a command to its end; raises SystemExit if it fails."""
    whole = {**os.environ, **environment}
    whole.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed package has its bytecode
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=whole, cwd=folder)
        _, status, own = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            output.seek(0)
            raise SystemExit(f"{command[0]} failed: {output.read().decode()[-2000:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Cost(cpu, time.monotonic() - start, own.ru_maxrss / 1024)


def median(costs: list[Cost]) -> Cost:
    """Figure by figure."""
    return Cost(*(statistics.median(c[i] for c in costs) for i in range(3)))


def report(label: str, cost: Cost) -> None:
    """One row."""
    print(f"{label:44} CPU {cost.cpu:6.2f} s  wall {cost.wall:6.2f} s  peak {cost.memory:5.0f} MB", flush=True)


def declaration(count: int, more: bool) -> str:
    """N tables with two indexes; `more`: every tenth has a third."""
    lines = ["service: bench", "dynamodb:", "  tables:"]
    for n in range(count):
        third = ", by_both: {partition: owner, sort: id}" if more and n % 10 == 0 else ""
        lines += [
            f"    t{n:04}:",
            "      attributes: {id: S, owner: S, at: N}",
            "      key: {partition: id}",
            f"      indexes: {{by_owner: {{partition: owner, sort: at}}, by_time: {{partition: at}}{third}}}",
        ]
    return "\n".join(lines) + "\n"


def modules(count: int, more: bool, access_key: str, endpoint: str) -> str:
    """The same tables for Terraform."""
    text = [TERRAFORM.format(access_key=access_key, endpoint=endpoint)]
    index = '  global_secondary_index {{\n    name = "{}"\n    hash_key = "{}"\n{}    projection_type = "ALL"\n{}  }}\n'
    units = "    read_capacity = 1\n    write_capacity = 1\n"
    for n in range(count):
        third = index.format("by_both", "owner", '    range_key = "id"\n', units) if more and n % 10 == 0 else ""
        text.append(
            f'resource "aws_dynamodb_table" "t{n:04}" {{\n  name = "bench-t{n:04}-tf"\n'
            '  billing_mode = "PROVISIONED"\n  read_capacity = 1\n  write_capacity = 1\n  hash_key = "id"\n'
            + "".join(f'  attribute {{\n    name = "{a}"\n    type = "{t}"\n  }}\n' for a, t in ATTRIBUTES)
            + index.format("by_owner", "owner", '    range_key = "at"\n', units)
            + index.format("by_time", "at", "", units)
            + third
            + "}\n"
        )
    return "".join(text)


ATTRIBUTES = (("id", "S"), ("owner", "S"), ("at", "N"))


def ours(folder: Path, endpoint: str, count: int, rounds: int) -> None:
    """Apply, plan beside the plain read, a change."""
    access_key = "benchours"
    (folder / "schemas").mkdir()
    connection = f"{{endpoint: '{endpoint}', region: us-east-1, access_key: {access_key}, secret_key: none}}"
    (folder / "reconcile.yaml").write_text(
        f"environment: dev-1\nconnections: {{'*': {{dynamodb: {connection}}}}}\n", encoding="utf-8"
    )
    schema = folder / "schemas" / "bench.yaml"
    environment = {"RECONCILE_CACHE_HOME": str(folder / "cache")}
    command = str(Path(sys.executable).with_name("reconcile"))
    apply = [command, "apply", "--auto-approve", "--allow", "*"]
    schema.write_text(declaration(count, more=False))
    report(f"reconcile apply, {count} new tables", measured(apply, environment, str(folder)))
    plan, plain = [command, "plan"], [sys.executable, "-c", PLAIN, endpoint, access_key]
    measured(plan, environment, str(folder))
    pairs = [(measured(plan, environment, str(folder)), measured(plain, {}, str(folder))) for _ in range(rounds)]
    report("reconcile plan, nothing to do", median([a for a, _ in pairs]))
    report("plain boto3 read", median([b for _, b in pairs]))
    cpu = statistics.median(a.cpu / b.cpu for a, b in pairs)
    wall = statistics.median(a.wall / b.wall for a, b in pairs)
    print(f"{'':44} plan / plain read: {cpu:.2f}x CPU, {wall:.2f}x wall (medians of {rounds} rounds)", flush=True)
    schema.write_text(declaration(count, more=True))
    report("reconcile plan, an index on every tenth", measured(plan, environment, str(folder)))
    report("reconcile apply, an index on every tenth", measured(apply, environment, str(folder)))


def theirs(folder: Path, endpoint: str, count: int, rounds: int) -> None:
    """The same with Terraform. Provisioned tables: with on-demand ones its second plan has every index changed."""
    main = folder / "main.tf"
    folder.mkdir()

    def run(*arguments: str) -> Cost:
        return measured(["terraform", *arguments, "-no-color", "-input=false"], {}, str(folder))

    main.write_text(modules(count, False, "benchtheirs", endpoint))
    try:
        run("init")
    except SystemExit as error:
        print(f"terraform is left out: {textwrap.shorten(str(error), 160)}")
        return
    report(f"terraform apply, {count} new tables", run("apply", "-auto-approve", "-parallelism=30"))
    report("terraform plan, nothing to do", median([run("plan", "-parallelism=30") for _ in range(rounds)]))
    main.write_text(modules(count, True, "benchtheirs", endpoint))
    report("terraform plan, an index on every tenth", run("plan", "-parallelism=30"))
    report("terraform apply, an index on every tenth", run("apply", "-auto-approve", "-parallelism=30"))


def main() -> None:
    """Both, on one throw-away DynamoDB Local."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plain-only", action="store_true", help="leave Terraform out")
    given = parser.parse_args()
    with throwaway("dynamodb") as server, tempfile.TemporaryDirectory() as folder:
        ours(Path(folder), server.uri, given.tables, given.rounds)
        if shutil.which("terraform") and not given.plain_only:
            theirs(Path(folder) / "terraform", server.uri, given.tables, min(given.rounds, 3))


if __name__ == "__main__":
    main()
