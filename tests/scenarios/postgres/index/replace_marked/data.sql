INSERT INTO a SELECT n, n FROM generate_series(1, 100) n;
INSERT INTO b SELECT n, n FROM generate_series(1, 100) n;
INSERT INTO c SELECT n, n FROM generate_series(1, 100) n;
