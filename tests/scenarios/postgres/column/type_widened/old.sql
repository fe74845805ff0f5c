INSERT INTO t VALUES (11, 'y', 'x', 1, now(), '10.0.0.0/8');
