INSERT INTO t (name) VALUES ('y');
INSERT INTO u (name) VALUES ('y');
