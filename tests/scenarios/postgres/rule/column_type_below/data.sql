INSERT INTO orders SELECT 1, i FROM generate_series(1, 9) i;
