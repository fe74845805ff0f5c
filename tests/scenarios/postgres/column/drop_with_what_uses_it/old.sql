INSERT INTO p VALUES (1, 'x');
INSERT INTO t (id, a, b, p_id) VALUES (1, 'x', 'y', 1);
