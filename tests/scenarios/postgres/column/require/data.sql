INSERT INTO t SELECT i, 'x', 'y' FROM generate_series(1, 10) i;
