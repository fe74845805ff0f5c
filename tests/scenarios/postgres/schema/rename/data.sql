INSERT INTO app.customers VALUES (1); INSERT INTO app.orders (customer, state) VALUES (1, 'done');
