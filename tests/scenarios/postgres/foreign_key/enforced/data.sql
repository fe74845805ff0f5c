INSERT INTO p SELECT generate_series(1, 100);
INSERT INTO t SELECT n, n + 50 FROM generate_series(1, 100) n;
