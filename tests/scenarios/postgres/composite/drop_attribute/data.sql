INSERT INTO shops SELECT i, ROW('s', i::text)::place FROM generate_series(1, 20) i;
