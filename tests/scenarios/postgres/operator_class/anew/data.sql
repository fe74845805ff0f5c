INSERT INTO t SELECT g - 50 FROM generate_series(1, 100) g;
