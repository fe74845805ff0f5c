INSERT INTO orders (id) VALUES (100);
