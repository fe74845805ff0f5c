"""Numbers and rules of the DynamoDB service, each with its source.

Sources: [model] the service's own descriptions in botocore's service model; [quotas] the service quotas page; [gsi] the
page on managing global secondary indexes; [local] measured on DynamoDB Local 2.6.1 and 3.1.0.
"""

from __future__ import annotations

NAME = r"^[a-zA-Z0-9_.-]{3,255}$"
"""Table and index names [model]."""

ATTRIBUTE_TYPES = ("S", "N", "B")
"""Types a key attribute may have [model]."""

MAX_GSI = 20
"""Global secondary indexes of one table; adjustable per account [quotas]."""

MAX_LSI = 5
"""Local secondary indexes of one table; only with the table, never later [quotas, model]."""

MAX_KEY_ATTRIBUTES = 4
"""Attributes in the partition, and in the sort part, of a global secondary index's key [model]."""

MAX_DIMENSIONS = 4096
"""Of the vectors in a vector index (CloudFormation's `VectorIndex`)."""

MAX_INCLUDED = 20
"""Non-key attributes one index may list [model]."""

MAX_INCLUDED_TOTAL = 100
"""Non-key attributes that all indexes of one table list together [quotas]."""

MAX_TAGS = 50
"""Tags of one table; those of the service itself (`aws:…`) are not counted [quotas]."""

MAX_PARTITION_BYTES = 2048
MAX_SORT_BYTES = 1024
"""Length of a key value; an item with a longer one is left out of an index, and its later writes are refused [gsi]."""

MAX_RECOVERY_DAYS = 35
MIN_RECOVERY_DAYS = 1
"""How far back point-in-time recovery may reach, in days; 35 unless said otherwise [model]."""

MAX_ITEM_BYTES = 400_000
"""An item, names of attributes included; the limit is 400 KiB [quotas]."""

TTL_RULE = "the service takes one change of it per table and hour"
"""UpdateTimeToLive: a second one within the hour is refused [model, quotas]."""

ON_DEMAND_RULE = "a table may be switched to on-demand at most four times in 24 hours"
"""Switching to provisioned is free at any time [quotas]."""

DECREASE_RULE = "decreases are limited: four in the first hour of a UTC day, then one an hour"
"""Counted apart for the table and for each index; increases are free [quotas]."""

CLASS_RULE = "a table's class may change twice in 30 days"
"""[quotas]"""

WARM_READS = 12_000
WARM_WRITES = 4_000
"""What a table or an index can serve at once from its first day; less cannot be asked for [model]."""

KEY_RULE = "a table's key may change four times in 24 hours, and once more after six quiet hours"
"""Going back to the service's own key is always possible [quotas]."""

LANES = 12
"""Tables of one service that are worked on at a time; the service allows 500 control-plane operations per account, 250
of them creating tables with indexes, and refuses more for a while, which is waited for [quotas]."""

STRONG_REGIONS = 3
"""Regions of a global table with strong consistency, the table's own and a witness included [model]."""

STRONG_SETS = (
    ("us-east-1", "us-east-2", "us-west-2"),
    ("eu-west-1", "eu-west-2", "eu-west-3", "eu-central-1"),
    ("ap-northeast-1", "ap-northeast-2", "ap-northeast-3"),
)
"""Sets of regions that a global table with strong consistency stays within (the developer guide on global tables)."""

STREAM_HOURS = 24
"""What a stream that was turned off still holds can be read for that long [model]."""

ITEM_COUNT_HOURS = 6
"""DescribeTable's item count and size are refreshed about that often [model]."""

PROBE_BYTES = 64 * 1024 * 1024
"""Tables up to this size are scanned before an index is added, for items that it could not hold; larger ones cost
too much to read just for that, so that their steps carry the warning alone."""

TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 3_500_000
"""One TransactWriteItems: 100 items, 4 MB; some of it left for names [model]."""

LEASE_SECONDS = 30.0
HEARTBEAT_SECONDS = 10.0
"""The applier's lock: it holds for a lease and is renewed three times within one; ours, not the service's."""

PACK_BYTES = 300_000
"""Journal values longer than this are compressed, to stay below the size of an item."""

REGIONS = 4
"""Regions whose replicas are read side by side, each by as many readers as a table's own: limits count by region."""

READERS = 16
"""Concurrent reads; DescribeTable and its like are throttled per account at a rate far above this [model]."""
