INSERT INTO t VALUES (11, 1, now(), 'abc');
