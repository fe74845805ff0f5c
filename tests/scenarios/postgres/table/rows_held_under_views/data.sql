INSERT INTO trips (k, start, paid) VALUES (1, ROW(3, 'there'), ARRAY[2]), (2, NULL, NULL);
INSERT INTO fares VALUES (ARRAY[1, 2]);
