INSERT INTO t VALUES (1, 'a', NULL), (2, 'A', now()), (3, NULL, NULL), (4, NULL, NULL);
