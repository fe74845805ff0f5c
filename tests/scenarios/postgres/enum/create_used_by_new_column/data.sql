INSERT INTO tasks SELECT generate_series(1, 20);
