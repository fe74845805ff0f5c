INSERT INTO t VALUES (1, 'eu', 'a'), (2, 'us', 'a');
INSERT INTO r VALUES ('eu'), ('us');
