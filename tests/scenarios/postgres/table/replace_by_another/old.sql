INSERT INTO old_orders (note) VALUES ('x');
