INSERT INTO orders (customer, total) VALUES (1, 7);
SELECT id FROM big;
