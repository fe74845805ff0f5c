INSERT INTO docs SELECT i, 'text ' || i FROM generate_series(1, 20) i;
