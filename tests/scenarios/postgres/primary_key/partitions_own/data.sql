INSERT INTO events VALUES ('a', 1, 'x'), ('b', 1, 'y'), ('c', 1, NULL), ('d', 1, 'z');
