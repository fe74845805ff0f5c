INSERT INTO orders SELECT i, 'new', i FROM generate_series(1, 50) i;
