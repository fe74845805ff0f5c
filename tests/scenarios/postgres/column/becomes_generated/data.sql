INSERT INTO t (id, net, gross) VALUES (1, 2, 3);
