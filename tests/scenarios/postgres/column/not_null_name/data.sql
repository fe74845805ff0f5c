INSERT INTO t SELECT n, n, n, n, n FROM generate_series(1, 100) n;
INSERT INTO c SELECT n FROM generate_series(1, 100) n;
