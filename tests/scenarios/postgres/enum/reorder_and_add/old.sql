SELECT id FROM fresh; INSERT INTO bills (id) VALUES (4);
