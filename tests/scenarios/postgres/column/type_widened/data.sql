INSERT INTO p VALUES ('x');
INSERT INTO t SELECT i, 'x', 'x', 1.25, now(), '10.0.0.0/8' FROM generate_series(1, 10) i;
