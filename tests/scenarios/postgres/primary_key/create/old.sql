INSERT INTO t VALUES (1, 'y'), (NULL, 'z');
