INSERT INTO scratch SELECT generate_series(1, 10);
INSERT INTO kept SELECT generate_series(1, 10);
