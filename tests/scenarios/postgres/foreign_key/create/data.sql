INSERT INTO p SELECT generate_series(1, 10);
INSERT INTO t SELECT i, i FROM generate_series(1, 10) i;
INSERT INTO t VALUES (11, NULL);
