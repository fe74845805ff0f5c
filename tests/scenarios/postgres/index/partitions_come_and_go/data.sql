INSERT INTO calls (id, at, note) SELECT i, i, 'n' || i FROM generate_series(0, 19) i;
INSERT INTO trips (at, seat) SELECT i, 1 FROM generate_series(0, 14) i;
ANALYZE;
