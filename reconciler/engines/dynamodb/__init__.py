"""Amazon DynamoDB: tables, their indexes, streams, time to live, recovery and tags.

`ENGINE` is the pure half; importing it loads no part of the SDK. `naming` says which live tables are a service's own,
`limits` what the service allows, `execute` how a call is made so that a kill at any moment does no harm.
"""

from reconciler.engines.dynamodb.engine import ENGINE as ENGINE
