INSERT INTO t SELECT i, gen_random_uuid() FROM generate_series(1, 10) i;
