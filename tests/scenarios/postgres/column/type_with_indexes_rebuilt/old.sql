INSERT INTO t VALUES (11, 'x', 'y');
