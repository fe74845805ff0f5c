INSERT INTO t SELECT i, 1 FROM generate_series(1, 10) i;
INSERT INTO u SELECT generate_series(1, 10);
