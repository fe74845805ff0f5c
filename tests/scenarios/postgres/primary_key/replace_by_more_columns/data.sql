INSERT INTO t SELECT i, i % 3 FROM generate_series(1, 10) i;
