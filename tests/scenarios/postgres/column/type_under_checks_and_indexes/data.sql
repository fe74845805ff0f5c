INSERT INTO t SELECT i, 'open', i::text FROM generate_series(1, 10) i;
