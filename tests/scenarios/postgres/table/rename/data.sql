INSERT INTO customers VALUES (1);
INSERT INTO orders (customer, total) VALUES (1, 5), (1, 200);
INSERT INTO lines VALUES (1, 1);
