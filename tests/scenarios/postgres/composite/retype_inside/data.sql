INSERT INTO shops
SELECT i, ROW('s', i::text)::place, ARRAY[ROW('t,', 'z')::place, NULL], ROW(NULL, '"')::place, ROW(ARRAY[ROW('u', 'v')::place])::trip, way(ROW('a', 'b')::place, ROW('c', 'd')::place)
FROM generate_series(1, 20) i;
INSERT INTO chains SELECT s FROM shops s;
