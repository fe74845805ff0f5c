INSERT INTO t (name) SELECT 'x' FROM generate_series(1, 10);
