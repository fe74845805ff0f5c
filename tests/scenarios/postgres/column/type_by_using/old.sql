INSERT INTO t VALUES (3, '7', 'open', 'no json');
SELECT n || 'x' FROM t;
