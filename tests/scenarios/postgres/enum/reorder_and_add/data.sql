INSERT INTO bills SELECT i, 'new', '{paid}', 'paid' FROM generate_series(1, 20) i;
