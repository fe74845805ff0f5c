INSERT INTO p SELECT generate_series(1, 10);
INSERT INTO t SELECT i, i, i FROM generate_series(1, 10) i;
