SELECT (one).v, many[1] FROM b;
INSERT INTO a VALUES (9, 'old');
