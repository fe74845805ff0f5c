INSERT INTO t VALUES (1, '5', 'closed', '{}'), (2, '6', 'open', NULL);
