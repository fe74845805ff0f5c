INSERT INTO orders (id, country, total) VALUES (1, 'de', 3);
INSERT INTO orders (id, country, total) VALUES (2, 'fr', 4);
INSERT INTO orders (id, country, total) VALUES (3, 'it', 4);
