INSERT INTO t SELECT i, i::text, NULL FROM generate_series(1, 10) i;
