INSERT INTO events (id, at) VALUES (2, '2024-06-06');
