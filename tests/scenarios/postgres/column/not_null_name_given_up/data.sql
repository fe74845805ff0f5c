INSERT INTO rules (id, policy, kept, freed, filled) VALUES (1, 'all', 'a', 'b', 'c');
INSERT INTO given VALUES ('a', 'b'), ('b', 'b');
