INSERT INTO t SELECT i, 1.25, now(), 'abc' FROM generate_series(1, 10) i;
