INSERT INTO t VALUES (2, 'a', 'b', 'c');
SELECT needed, loose, valued FROM t;
