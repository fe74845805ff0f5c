INSERT INTO t SELECT i, i::text, 'x' FROM generate_series(1, 10) i;
