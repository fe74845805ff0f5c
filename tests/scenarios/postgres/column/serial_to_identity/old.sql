INSERT INTO t (name) VALUES ('y');
