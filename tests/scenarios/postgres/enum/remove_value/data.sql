INSERT INTO bills SELECT i, 'new', '{new}', 'new' FROM generate_series(1, 20) i;
