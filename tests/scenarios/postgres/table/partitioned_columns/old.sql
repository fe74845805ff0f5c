INSERT INTO orders (id, country, total, old) VALUES (2, 'de', 3, 4);
