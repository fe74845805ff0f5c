INSERT INTO t VALUES (11, 'closed', '12');
SELECT n || 'x' FROM t WHERE state LIKE 'o%';
