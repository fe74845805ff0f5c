SELECT gross FROM t;
INSERT INTO t (id, net) VALUES (2, 3);
