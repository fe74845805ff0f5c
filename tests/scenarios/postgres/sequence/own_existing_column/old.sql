INSERT INTO invoices VALUES (2, 1);
